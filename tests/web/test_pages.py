"""Every page: who may open it, what others get, and under which policy it is sent."""

import pytest
from django.conf import settings
from django.test import Client

from tests import builders
from tests.web.conftest import Office

EVERYBODY = ("member", "colleague", "lead", "manager", "stranger")
LEADS = ("lead", "manager", "stranger")
HOLDERS = ("member", "lead", "manager")
"""Who sees the member's own rows: the member, and the leads and managers of the team."""

PAGES = {
    "/": EVERYBODY,
    "/?view=upcoming": EVERYBODY,
    "/?view=done": EVERYBODY,
    "/?view=nonsense": EVERYBODY,
    "/bell": EVERYBODY,
    "/tasks": EVERYBODY,
    "/tasks?status=all&assignee=none": EVERYBODY,
    "/tasks?status=done&assignee=me": EVERYBODY,
    "/tasks?assignee=99999999999999999999999": EVERYBODY,
    "/tasks/new": EVERYBODY,
    "/tasks/{task}": HOLDERS,
    "/tasks/{task}/peek": HOLDERS,
    "/contacts": EVERYBODY,
    "/contacts?q=ana&status=lead": EVERYBODY,
    "/contacts?cursor=nonsense": EVERYBODY,
    "/contacts/new": EVERYBODY,
    "/contacts/{contact}": HOLDERS,
    "/activity": EVERYBODY,
    "/activity?type=email_opened": EVERYBODY,
    "/automations/task-scheduling": EVERYBODY,
    "/automations/task-scheduling/new": EVERYBODY,
    "/automations/task-scheduling/{rule}": ("member", "colleague", "lead", "manager"),
    "/automations/jobs": EVERYBODY,
    "/automations/jobs?state=dead": EVERYBODY,
    "/team/performance": EVERYBODY,
    "/team/workload": LEADS,
    "/team/reports": LEADS,
    "/team/reports/{report}": ("lead", "manager"),
    "/inbox": EVERYBODY,
    "/settings/profile": EVERYBODY,
    "/settings/notifications": EVERYBODY,
    "/settings/calendar": EVERYBODY,
    "/settings/tokens": EVERYBODY,
}
REFUSED = ("/team/workload", "/team/reports", "/team/reports/{report}")
"""Pages of a role: members are refused; whatever else one may not see does not exist."""


def filled(path: str, office: Office) -> str:
    if "{report}" in path:
        return path.format(report=builders.make_report(office.member.team).pk)
    return path.format(task=office.task.pk, contact=office.contact.pk, rule=office.rule.pk)


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("path", PAGES)
def test_who_may_open_it(path: str, who: str, office: Office, browser_of) -> None:
    response = browser_of(office.people()[who]).get(filled(path, office))
    refused = 403 if path in REFUSED and who in ("member", "colleague") else 404
    expected = 200 if who in PAGES[path] else refused
    assert response.status_code == expected
    if expected == 200:
        assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_sign_in_and_come_back(path: str, office: Office, client: Client) -> None:
    response = client.get(filled(path, office))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=/")


@pytest.mark.parametrize(
    "path", [*PAGES, "/accounts/login/", "/accounts/logout/", "/accounts/password/change/", "/nope"]
)
def test_the_policy_allows_no_inline_script_or_style(path: str, office: Office, browser_of, client: Client) -> None:
    browser = client if "login" in path else browser_of(office.manager)
    response = browser.get(filled(path, office))
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";") if part.strip())
    assert policy["default-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe-eval" not in response["Content-Security-Policy"]
    html = response.content.decode()
    assert " style=" not in html
    assert "<style" not in html
    assert " onclick=" not in html
    assert "<c-" not in html, "a component was not compiled"


def test_a_fragment_asks_the_whole_page_to_sign_in(office: Office, client: Client) -> None:
    """The sign-in page must never land inside a bell."""
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/tasks?status=all"}
    response = client.get("/bell?n=0", headers=headers)
    assert response["HX-Redirect"] == "/accounts/login/?next=/tasks?status=all"
    assert response.content == b""


@pytest.mark.parametrize(
    "path", ["/tasks/{task}/complete", "/tasks/{task}/pin", "/contacts/{contact}/status", "/contacts/{contact}/cadence"]
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


def test_empty_lists_offer_one_next_step(db: None, browser_of) -> None:
    browser = browser_of(builders.make_manager())
    for path in (
        "/",
        "/tasks",
        "/contacts",
        "/activity",
        "/automations/task-scheduling",
        "/automations/jobs",
        "/inbox",
    ):
        html = browser.get(path).content.decode()
        assert html.count('class="empty"') == 1, path


def test_admin_is_for_superusers(office: Office, browser_of) -> None:
    assert browser_of(office.manager).get("/admin/").status_code == 302
    boss = builders.make_user(is_superuser=True, is_staff=True)
    assert browser_of(boss).get("/admin", follow=True).status_code == 200
