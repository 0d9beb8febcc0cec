"""Every page: who may open it, what others get, and under which policy it is sent."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from assignment import runs
from crm.files import imports
from crm.models import InboundForm, InboundSource
from tests import builders, processes
from tests.web.conftest import Office, make_office

pytestmark = pytest.mark.django_db

EVERYBODY = ("member", "colleague", "lead", "manager", "stranger")
TEAM = ("member", "colleague", "lead", "manager")
LEADS = ("lead", "manager", "stranger")
TEAM = ("member", "colleague", "lead", "manager")
HOLDERS = ("member", "lead", "manager")
"""Who sees the member's own rows: the member, and the leads and managers of the team."""

PAGES = {
    "/": EVERYBODY,
    "/?view=upcoming": EVERYBODY,
    "/?view=done": EVERYBODY,
    "/?view=nonsense": EVERYBODY,
    "/bell": EVERYBODY,
    "/side": EVERYBODY,
    "/tasks": EVERYBODY,
    "/tasks?status=all&assignee=none": EVERYBODY,
    "/tasks?status=done&assignee=me": EVERYBODY,
    "/tasks?assignee=99999999999999999999999": EVERYBODY,
    "/tasks/new": EVERYBODY,
    "/tasks/{task}": HOLDERS,
    "/tasks/{task}/peek": HOLDERS,
    "/tasks/{task}/edit": ("member", "manager"),
    "/tasks?as=board": EVERYBODY,
    "/tasks?due=overdue&priority=high&q=ana&sort=due": EVERYBODY,
    "/tasks?due=x&priority=x&sort=x&status=x&cursor=x": EVERYBODY,
    "/focus": EVERYBODY,
    "/focus?skip={task},x,99999999999999999999": EVERYBODY,
    "/search": EVERYBODY,
    "/search?q=ana": EVERYBODY,
    "/contacts": EVERYBODY,
    "/contacts?q=ana&status=lead": EVERYBODY,
    "/contacts?cursor=nonsense": EVERYBODY,
    "/contacts/new": EVERYBODY,
    "/contacts/import": EVERYBODY,
    "/tasks/import": EVERYBODY,
    "/imports/{import}": ("member", "manager"),
    "/contacts?owner=me&cadence=none&score=5&consent=ok&quiet=30&sort=heard": EVERYBODY,
    "/contacts?owner=99999999999999999999999&cursor=silent:x&sort=heard": EVERYBODY,
    "/contacts/{contact}": HOLDERS,
    "/contacts/{contact}/edit": HOLDERS,
    "/contacts/{contact}/merge": ("member", "manager"),
    "/contacts/{contact}/erase": ("manager",),
    "/contacts/{contact}/rules": HOLDERS,
    "/contacts/{contact}/rules/{rule}": HOLDERS,
    "/activity": EVERYBODY,
    "/activity?type=email_opened": EVERYBODY,
    "/activity?outcome=none&state=again&source=x&days=90": EVERYBODY,
    "/activity?outcome=x&state=x&days=x&contact=99999999999999999999": EVERYBODY,
    "/activity/{activity}": HOLDERS,
    "/activity/unmatched": LEADS,
    "/activity/unmatched/{unmatched}": ("lead", "manager"),
    "/activity/conflicts": LEADS,
    "/automations/task-scheduling": EVERYBODY,
    "/automations/task-scheduling/new": EVERYBODY,
    "/automations/task-scheduling/import": EVERYBODY,
    "/automations/task-scheduling/new?template=hot-lead": EVERYBODY,
    "/automations/task-scheduling/{rule}": TEAM,
    "/automations/task-scheduling/{rule}/runs": TEAM,
    "/automations/task-scheduling/{rule}/runs?outcome=fired&q=ana": TEAM,
    "/automations/task-scheduling/{rule}/versions": TEAM,
    "/automations/task-scheduling/{rule}/versions?to=now": TEAM,
    "/automations/task-scheduling/{rule}/explain": TEAM,
    "/automations/task-scheduling/{rule}/try": TEAM,
    "/automations/task-scheduling/{rule}/explain?contact={contact}": HOLDERS,
    "/automations/task-scheduling/{rule}/backtest": HOLDERS,
    "/automations/task-scheduling/{rule}/backtest?start=2026-01-01&end=2026-01-31": HOLDERS,
    "/automations/task-scheduling/backtests/{backtest}": ("member",),
    "/automations/task-scheduling/{rule}/activate": ("member", "manager"),
    "/automations/stats": EVERYBODY,
    "/automations/sequences": EVERYBODY,
    "/automations/sequences/new": EVERYBODY,
    "/automations/sequences/{sequence}": TEAM,
    "/automations/sequences/{sequence}?view=ended&step=s1&cursor=x&contact=9": TEAM,
    "/automations/sequences/{sequence}/forecast": TEAM,
    "/automations/sequences/{sequence}/edit": ("member", "manager"),
    "/automations/sequences/{sequence}/migrate": ("member", "manager"),
    "/automations/campaigns": EVERYBODY,
    "/automations/campaigns/new": EVERYBODY,
    "/automations/campaigns/{campaign}": TEAM,
    "/automations/campaigns/{campaign}/forecast": TEAM,
    "/automations/campaigns/{campaign}/edit": ("member", "manager"),
    "/automations/campaigns/{campaign}/migrate": ("member", "manager"),
    "/automations/jobs": EVERYBODY,
    "/automations/jobs?state=dead": EVERYBODY,
    "/automations/jobs?state=running&name=automation.tasks.send_delivery": EVERYBODY,
    "/automations/jobs/{job}": HOLDERS,
    "/team/performance": EVERYBODY,
    "/team/estimates": EVERYBODY,
    "/team/workload": LEADS,
    "/team/workload?skill=99999999999999999999&load=x": LEADS,
    "/team/workload?week=2026-12-24&in=tasks": LEADS,
    "/team/workload/people/{member}/2026-12-24": ("lead", "manager"),
    "/team/workload/tasks/{task}": ("lead", "manager"),
    "/team/workload/balance": ("manager", "stranger"),
    "/team/workload/plans/{plan}": ("manager",),
    "/team/members/{member}": ("member", "colleague", "lead", "manager"),
    "/team/reports": LEADS,
    "/team/reports/{report}": ("lead", "manager"),
    "/inbox": EVERYBODY,
    "/inbox?view=unread": EVERYBODY,
    "/settings/profile": EVERYBODY,
    "/settings/audit": ("manager", "stranger"),
    "/settings/retention": ("manager", "stranger"),
    "/settings/data": EVERYBODY,
    "/settings/learning": EVERYBODY,
    "/settings/sources": ("manager", "stranger"),
    "/settings/sources/{source}": ("manager",),
    "/settings/forms": ("manager", "stranger"),
    "/settings/forms/{form}": ("manager",),
    "/settings/audit?kind=x&actor_id=x&subject_id=x&since=x&until=x&cursor=x": ("manager", "stranger"),
    "/settings/security": EVERYBODY,
    "/settings/security/two-step": EVERYBODY,
    "/settings/notifications": EVERYBODY,
    "/settings/notifications?chat=telegram": EVERYBODY,
    "/settings/channels": ("manager", "stranger"),
    "/settings/calendar": EVERYBODY,
    "/settings/team": EVERYBODY,
    "/settings/tokens": EVERYBODY,
    "/settings/webhooks": ("manager", "stranger"),
    "/settings/webhooks/{webhook}": ("manager",),
}
BELOW_LEADS = ("member", "colleague")
NOT_THEIRS = ("colleague", "lead")
REFUSED = {
    "/contacts/{contact}/merge": ("lead",),
    "/contacts/{contact}/erase": ("member", "lead"),
    "/activity/unmatched": BELOW_LEADS,
    "/activity/unmatched/{unmatched}": BELOW_LEADS,
    "/activity/conflicts": BELOW_LEADS,
    "/automations/sequences/{sequence}/edit": NOT_THEIRS,
    "/automations/sequences/{sequence}/migrate": NOT_THEIRS,
    "/automations/campaigns/{campaign}/edit": NOT_THEIRS,
    "/automations/campaigns/{campaign}/migrate": NOT_THEIRS,
    "/automations/task-scheduling/{rule}/backtest": ("colleague",),
    "/automations/task-scheduling/{rule}/backtest?start=2026-01-01&end=2026-01-31": ("colleague",),
    "/automations/task-scheduling/{rule}/activate": ("colleague", "lead"),
    "/tasks/{task}/edit": ("lead",),
    "/team/workload": BELOW_LEADS,
    "/team/workload?skill=99999999999999999999&load=x": BELOW_LEADS,
    "/team/workload?week=2026-12-24&in=tasks": BELOW_LEADS,
    "/team/workload/people/{member}/2026-12-24": BELOW_LEADS,
    "/team/workload/tasks/{task}": BELOW_LEADS,
    "/team/workload/balance": (*BELOW_LEADS, "lead"),
    "/team/workload/plans/{plan}": (*BELOW_LEADS, "lead"),
    "/team/reports": BELOW_LEADS,
    "/team/reports/{report}": BELOW_LEADS,
    "/settings/audit": (*BELOW_LEADS, "lead"),
    "/settings/retention": (*BELOW_LEADS, "lead"),
    "/settings/sources": (*BELOW_LEADS, "lead"),
    "/settings/sources/{source}": (*BELOW_LEADS, "lead"),
    "/settings/forms": (*BELOW_LEADS, "lead"),
    "/settings/forms/{form}": (*BELOW_LEADS, "lead"),
    "/settings/audit?kind=x&actor_id=x&subject_id=x&since=x&until=x&cursor=x": (*BELOW_LEADS, "lead"),
    "/settings/channels": (*BELOW_LEADS, "lead"),
    "/settings/webhooks": (*BELOW_LEADS, "lead"),
    "/settings/webhooks/{webhook}": (*BELOW_LEADS, "lead"),
}
"""Pages of a role: members are refused; whatever else one may not see does not exist."""


def filled(path: str, office: Office) -> str:
    if "{import}" in path:
        file = b"Name,E-mail,Next follow-up,Other\nAda,ada@x.org,2026-01-01,x\n,,,\nEve,nonsense,,\n"
        row = imports.check(imports.upload(file, by=office.member, kind="contacts", now=builders.NOW), now=builders.NOW)
        return path.replace("{import}", str(row.pk))
    if "{plan}" in path:
        return path.format(plan=runs.plan(office.member.team, now=builders.NOW).pk)
    if "{sequence}" in path:
        return path.format(sequence=builders.make_sequence(office.member).pk)
    if "{campaign}" in path:
        return path.format(campaign=builders.make_campaign(office.member).pk)
    if "{unmatched}" in path:
        return path.format(unmatched=builders.make_unmatched(office.member.team).pk)
    if "{activity}" in path or "{job}" in path:
        return path.format(activity=office.contact.activities.earliest("pk").pk, job=office.job.pk)
    if "{backtest}" in path:
        return path.format(backtest=builders.make_backtest(office.rule, by=office.member).pk)
    if "{report}" in path:
        return path.format(report=builders.make_report(office.member.team).pk)
    if "{source}" in path:
        row = InboundSource.objects.create(team=office.member.team, provider="postmark", name="Main")
        return path.format(source=row.pk)
    if "{form}" in path:
        return path.format(form=InboundForm.objects.create(team=office.member.team, name="Contact us").pk)
    if "{webhook}" in path:
        return path.format(webhook=builders.make_dispatch(builders.make_webhook(office.member.team)).endpoint_id)
    return path.format(member=office.member.pk, task=office.task.pk, contact=office.contact.pk, rule=office.rule.pk)


@pytest.fixture(scope="module")
def office(lasting: None) -> Office:
    return make_office()


@pytest.mark.parametrize("path", PAGES)
def test_who_may_open_it(path: str, office: Office, browser_of, client: Client) -> None:
    address = filled(path, office)
    for who, user in office.people().items():
        response = browser_of(user).get(address)
        refused = 403 if path in REFUSED and who in REFUSED[path] else 404
        expected = 200 if who in PAGES[path] else refused
        assert response.status_code == expected, who
        if expected == 200:
            assert "no-store" in response["Cache-Control"]
        allows_no_inline_script_or_style(response)
    response = client.get(address)
    assert response.status_code == 302, "strangers are sent to sign in, and come back"
    assert response["Location"].startswith("/accounts/login/?next=/")


def allows_no_inline_script_or_style(response: Any) -> None:
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";") if part.strip())
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe-eval" not in response["Content-Security-Policy"]
    html = response.content.decode()
    assert " style=" not in html
    assert "<style" not in html
    assert " onclick=" not in html
    assert "<c-" not in html, "a component was not compiled"


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/logout/", "/accounts/password/change/", "/nope"])
def test_neither_do_the_pages_of_the_account(path: str, office: Office, browser_of, client: Client) -> None:
    browser = client if "login" in path else browser_of(office.manager)
    allows_no_inline_script_or_style(browser.get(path))


def test_a_fragment_asks_the_whole_page_to_sign_in(office: Office, client: Client) -> None:
    """The sign-in page must never land inside a bell."""
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/tasks?status=all"}
    response = client.get("/bell?n=0", headers=headers)
    assert response["HX-Redirect"] == "/accounts/login/?next=/tasks?status=all"
    assert response.content == b""


@pytest.mark.parametrize(
    "path",
    [
        "/tasks/{task}/complete",
        "/tasks/{task}/outcome",
        "/tasks/{task}/pin",
        "/contacts/{contact}/status",
        "/contacts/{contact}/cadence",
        "/imports/{import}/run",
    ],
)
@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_forms_on_what_one_may_not_see_answer_404(path: str, who: str, office: Office, browser_of) -> None:
    assert browser_of(office.people()[who]).post(filled(path, office)).status_code == 404


def test_forms_need_their_token(office: Office) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(office.member, backend=settings.AUTHENTICATION_BACKENDS[-1])
    response = browser.post(f"/tasks/{office.task.pk}/complete")
    assert response.status_code == 403
    office.task.refresh_from_db()
    assert office.task.is_open


def test_what_asks_the_server_says_where_the_answer_goes() -> None:
    """Else it goes where something around it says: a menu or a switch would replace the whole panel that it is in."""
    tag, asks = re.compile(r"<[a-z][^<>]*?(?:\{[%{].*?[%}]\}[^<>]*?)*>"), re.compile(r"hx-(?:get|post)=")
    silent = [
        f"{path.name}: {found.group()[:80]}"
        for path in (processes.ROOT / "web/templates").rglob("*.html")
        for found in tag.finditer(path.read_text(encoding="utf-8"))
        if asks.search(found.group())
        if 'hx-swap="none"' not in found.group() and "hx-target=" not in found.group()
    ]
    assert [one for one in silent if not one.startswith("live.html")] == [], "of the live part all hangs on no target"


def test_empty_lists_offer_one_next_step(db: None, browser_of) -> None:
    browser = browser_of(builders.make_manager())
    for path in (
        "/",
        "/tasks",
        "/contacts",
        "/activity",
        "/automations/task-scheduling",
        "/automations/sequences",
        "/automations/campaigns",
        "/automations/jobs",
        "/inbox",
    ):
        html = browser.get(path).content.decode()
        assert html.count('class="empty"') == 1, path


def test_admin_is_for_superusers(office: Office, browser_of) -> None:
    assert browser_of(office.manager).get("/admin/").status_code == 302
    boss = builders.make_user(is_superuser=True, is_staff=True)
    assert browser_of(boss).get("/admin", follow=True).status_code == 200
