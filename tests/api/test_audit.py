"""The audit log: every change of a rule, a task, a member, a token or a setting has its line."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from api.urls import api
from assignment import rebalancing
from automation import experimenting
from automation.models import ParkedPair
from crm.models import InboundForm
from learning import lead_models
from learning.models import Experiment
from people import busy_times, sealing, tokens
from people.models import ApiToken, Change, User
from tests import builders
from tests.api.conftest import Caller, World, problem
from tests.builders import NOW
from work import pushing
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SUGGESTIONS = "/automation/workload/team/rebalance-suggestions"
RULES, SEQUENCES, CAMPAIGNS = (f"/api/task-automation/{name}/" for name in ("rules", "sequences", "campaigns"))
RULE = {
    "name": "New",
    "trigger_type": "activity",
    "trigger_config": {"activity_types": ["email_opened"]},
    "task_title_template": "Call",
}
SEQUENCE = {"name": "New", "steps": [builders.step(24)]}
WEBHOOK = {"url": "https://hooks.example.org/nextmove", "kinds": ["task.completed"]}
CAMPAIGN = {"name": "New", "steps": [{"message_type": "task", "name": "Call", "delay_days": 1}]}
NOTICES = "/api/notifications"
FILE = {
    "document": "nextmove: 1\nrules:\n  - name: Filed\n    trigger_type: activity\n"
    "    trigger_config:\n      activity_types: [email_opened]\n    task_title_template: Call\n"
}

NO_LINES = {
    "POST /api/activities": "the ledger itself",
    "POST /api/unmatched/{id}/attach": "the ledger: whose an event is",
    "POST /api/unmatched/{id}/dismiss": "the ledger: an event put aside",
    "POST /api/conflicts/{id}/dismiss": "the ledger: an event put aside",
    "POST /api/tasks/{id}/comments": "the ledger: what was said",
    "POST /hooks/forms/{key}": "the ledger: what came in",
    "POST /hooks/mail/{provider}/{secret}": "the ledger: what came in",
    "POST /hooks/mail/{provider}/{secret}/inbound": "the ledger: what came in",
    "POST /hooks/messages/{secret}": "what became of a delivery stands in its row",
    "POST /api/experiments/plan": "a POST that only reads",
    "POST /api/lead-models/train": "what was computed stands in its version",
    "POST /api/contacts": "a contact's life is in the ledger",
    "PATCH /api/contacts/{id}": "a contact's life is in the ledger",
    "DELETE /api/contacts/{id}": "a contact's life is in the ledger",
    "POST /api/contacts/{id}/erase": "the ledger says who, and nothing may say what",
    "POST /api/contacts/{id}/merge": "the merge is a row with who and what",
    "POST /api/contacts/{id}/unmerge": "the merge is a row with who and what",
    "POST /api/contacts/{id}/opt-in": "consent is in the ledger",
    "POST /api/contacts/{id}/opt-out": "consent is in the ledger",
    "POST /api/imports": "nothing is changed by a file yet",
    "PUT /api/imports/{id}/mapping": "nothing is changed by a file yet",
    "POST /api/imports/{id}/check": "writes nothing",
    "POST /api/imports/{id}/run": "the import is a row with who and what, and has its line once it is done",
    "POST /api/imports/{id}/cancel": "the import is a row with who and what",
    "POST /api/notifications/read": "one's own reading",
    "PUT /api/notifications/preferences": "one's own wishes",
    "PUT /api/notifications/mutes/{subject}": "one's own wishes",
    "DELETE /api/notifications/mutes/{subject}": "one's own wishes",
    "POST /api/notifications/test": "the delivery is a row with whom and when",
    "POST /api/notifications/{id}/read": "one's own reading",
    "POST /api/task-automation/batches/{id}/end": "the series is a row with when it ended",
    "POST /api/task-automation/campaigns/{id}/enrol": "the enrolment is a row with who and when",
    "POST /api/task-automation/campaigns/{id}/migrate": "the enrolments are rows with their version",
    "POST /api/task-automation/campaigns/{id}/migrate-preview": "writes nothing",
    "POST /api/task-automation/campaigns/{id}/preview": "writes nothing",
    "POST /api/task-automation/sequences/{id}/enrol": "the enrolment is a row with who and when",
    "POST /api/task-automation/sequences/{id}/migrate": "the enrolments are rows with their version",
    "POST /api/task-automation/sequences/{id}/migrate-preview": "writes nothing",
    "POST /api/task-automation/sequences/{id}/preview": "writes nothing",
    "POST /api/task-automation/conditions/check/": "writes nothing",
    "POST /api/task-automation/enrolments/{id}/pause": "the enrolment is a row with its state and reason",
    "POST /api/task-automation/enrolments/{id}/resume": "the enrolment is a row with its state and reason",
    "POST /api/task-automation/enrolments/{id}/stop": "the enrolment is a row with its state and reason",
    "POST /api/task-automation/enrolments/{id}/undo": "the enrolment is a row with its state and reason",
    "POST /api/task-automation/rules/dry-run/": "writes nothing",
    "POST /api/task-automation/rules/{id}/backtest": "writes nothing",
    "POST /api/task-automation/rules/{id}/dry-run": "writes nothing",
    "POST /api/task-automation/rules/{id}/explain": "writes nothing",
    "POST /api/task-automation/schedule-recurring/": "the batch is a row with who and when",
    "POST /api/task-automation/schedule-sequence/": "the enrolment is a row with who and when",
    "POST /automation/assignments/run": "the product chooses: each assignment is a row with its reasons",
    "POST /automation/assignments/runs/{id}/apply": "the product chooses: each assignment is a row with its reasons",
    "POST /automation/assignments/runs/{id}/undo": "the run is a row, and each task taken back has its own line",
    "POST /automation/users/{id}/next-task": "the product chooses: the assignment is a row with its reasons",
    "POST /api/webhooks/{id}/test": "the delivery is a row, and it says who asked for it",
    "POST /api/webhooks/deliveries/{id}/resend": "the delivery is a row with its tries",
    "POST /automation/jobs/{id}/retry": "the job is a row with its tries",
    "POST /api/me/busy-times/read": "the job is a row with its tries",
    "POST /api/me/calendar-push/now": "the job is a row with its tries",
}
"""Writing endpoints that change none of the kinds, each with where the answer to "who did that" is."""

Asked = tuple[str, Any]
Case = tuple[Callable[[World], Asked], str, str]


def at(path: str, row: Callable[[World], Any], body: Any = None) -> Callable[[World], Asked]:
    return lambda world: (path.format(id=row(world).pk), body(world) if callable(body) else body)


def to(path: str, body: Any) -> Callable[[World], Asked]:
    return lambda world: (path, body(world) if callable(body) else body)


def trying(world: World) -> Asked:
    for _ in range(40):
        builders.make_firing(world.rule, contact=builders.make_contact(world.member))
    return "/api/experiments", {"rule_id": world.rule.pk, "delays_hours": [24, 72], "effect": 0.5, "base": 0.3}


def trial(world: World) -> Experiment:
    _, body = trying(world)
    del body["rule_id"]
    return experimenting.start(world.rule, by=None, now=timezone.now(), **body)


def activating(world: World) -> Asked:
    lead_models.train(world.team, now=timezone.now())
    return "/api/lead-models/1/activate", None


def releasing(world: World) -> Asked:
    lead_models.train(world.team, now=timezone.now())
    lead_models.activate(world.team, 1, by=world.manager, now=timezone.now())
    return "/api/lead-models/release", None


A_FEED = {"url": "https://calendar.example.org/mine.ics"}
A_PUSH = {"url": "https://dav.example.org/tasks/", "username": "ada", "password": "lovelace"}
AN_ICS = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"


def busy(world: World) -> Asked:
    busy_times.connect(world.manager, url=A_FEED["url"], by=world.manager, now=NOW)
    return "/api/me/busy-times", None


def pushed(world: World) -> Asked:
    pushing.connect(world.manager, **A_PUSH, shows="todo", by=world.manager, now=NOW)
    return "/api/me/calendar-push", None


def a_form(world: World) -> InboundForm:
    return InboundForm.objects.create(team=world.team, name="Contact us")


def a_token(world: World) -> ApiToken:
    return tokens.issue(world.manager, name="shop", now=NOW)[0]


def a_suggestion(world: World) -> Any:
    builders.make_task(world.member, estimated_hours=60)  # nothing is taken from who is not overloaded
    return builders.make_suggestion(builders.make_task(world.member, estimated_hours=1), to=world.lead)


def an_applied_suggestion(world: World) -> Any:
    moved = a_suggestion(world)
    rebalancing.apply(moved, by=world.manager, now=timezone.now())
    return moved


def a_code(world: World) -> Asked:
    builders.make_gateway(world.team)
    row = builders.make_address(world.manager, channel="sms", service="phone", phone="+491701234567")
    return f"{NOTICES}/addresses/sms/confirm", {"code": sealing.unseal(row.code)}


def all_suggestions(world: World) -> Asked:
    a_suggestion(world)
    return f"{SUGGESTIONS}/apply", None


def a_parked_pair(world: World) -> Asked:
    pair = ParkedPair.objects.create(rule=world.rule, contact=world.contact, reason="circles", chain=[], at=NOW)
    return f"{RULES}{world.rule.pk}/parked/{pair.pk}/release", None


def an_own_task(world: World) -> Task:
    return builders.make_task(world.manager, actual_hours=1)


rule, task = (lambda world: world.rule), (lambda world: world.task)
member, team = (lambda world: world.member), (lambda world: world.team)
skill = lambda world: builders.make_skill(team=world.team)  # noqa: E731
source = lambda world: world.source  # noqa: E731
sequence = lambda world: builders.make_sequence(world.member)  # noqa: E731
campaign = lambda world: builders.make_campaign(world.member)  # noqa: E731
webhook = lambda world: builders.make_webhook(world.team)  # noqa: E731
new_team = lambda world: builders.make_team()  # noqa: E731

LINES: dict[str, Case] = {
    "POST /api/task-automation/rules/": (to(RULES, RULE), "rule", "created"),
    "PUT /api/task-automation/rules/{id}/": (at(RULES + "{id}/", rule, RULE), "rule", "changed"),
    "PATCH /api/task-automation/rules/{id}/": (at(RULES + "{id}/", rule, {"delay_hours": 5}), "rule", "changed"),
    "DELETE /api/task-automation/rules/{id}/": (at(RULES + "{id}/", rule), "rule", "deleted"),
    "POST /api/task-automation/rules/{id}/activate": (
        at(RULES + "{id}/activate", lambda world: builders.make_rule(world.member, is_active=False)),
        "rule",
        "changed",
    ),
    "POST /api/task-automation/rules/{id}/parked/{pair_id}/release": (a_parked_pair, "rule", "released"),
    "POST /api/task-automation/import": (to("/api/task-automation/import", FILE), "rule", "created"),
    "POST /api/task-automation/sequences/": (to(SEQUENCES, SEQUENCE), "sequence", "created"),
    "PUT /api/task-automation/sequences/{id}/": (at(SEQUENCES + "{id}/", sequence, SEQUENCE), "sequence", "changed"),
    "PATCH /api/task-automation/sequences/{id}/": (
        at(SEQUENCES + "{id}/", sequence, {"is_active": False}),
        "sequence",
        "changed",
    ),
    "DELETE /api/task-automation/sequences/{id}/": (at(SEQUENCES + "{id}/", sequence), "sequence", "deleted"),
    "POST /api/task-automation/sequences/{id}/copy": (at(SEQUENCES + "{id}/copy", sequence, {}), "sequence", "created"),
    "POST /api/task-automation/campaigns/": (to(CAMPAIGNS, CAMPAIGN), "campaign", "created"),
    "PUT /api/task-automation/campaigns/{id}/": (at(CAMPAIGNS + "{id}/", campaign, CAMPAIGN), "campaign", "changed"),
    "PATCH /api/task-automation/campaigns/{id}/": (
        at(CAMPAIGNS + "{id}/", campaign, {"steps": CAMPAIGN["steps"] * 2}),
        "campaign",
        "changed",
    ),
    "DELETE /api/task-automation/campaigns/{id}/": (at(CAMPAIGNS + "{id}/", campaign), "campaign", "deleted"),
    "POST /api/tasks": (to("/api/tasks", {"title": "Call"}), "task", "created"),
    "PATCH /api/tasks/{id}": (at("/api/tasks/{id}", task, {"actual_hours": 3}), "task", "changed"),
    "DELETE /api/tasks/{id}": (at("/api/tasks/{id}", task), "task", "changed"),
    "POST /automation/tasks/{id}/complete": (
        at("/automation/tasks/{id}/complete", task, {"actual_hours": 2, "notes": "Yes"}),
        "task",
        "changed",
    ),
    "PUT /automation/tasks/{id}/status": (
        at("/automation/tasks/{id}/status", task, {"status": "blocked"}),
        "task",
        "changed",
    ),
    "PUT /automation/tasks/{id}/outcome": (
        at("/automation/tasks/{id}/outcome", lambda world: builders.make_done_task(world.member), {"outcome": "won"}),
        "task",
        "changed",
    ),
    "POST /automation/tasks/{id}/assign": (
        at("/automation/tasks/{id}/assign", task, lambda world: {"user_id": world.lead.pk}),
        "task",
        "changed",
    ),
    f"POST {SUGGESTIONS}/apply": (all_suggestions, "task", "changed"),
    f"POST {SUGGESTIONS}/{{id}}/apply": (at(SUGGESTIONS + "/{id}/apply", a_suggestion), "task", "changed"),
    f"POST {SUGGESTIONS}/{{id}}/undo": (at(SUGGESTIONS + "/{id}/undo", an_applied_suggestion), "task", "changed"),
    "PUT /api/notifications/addresses/{channel}": (
        to(f"{NOTICES}/addresses/chat", {"service": "ntfy", "fields": {"topic": "mine"}}),
        "notification_address",
        "created",
    ),
    "POST /api/notifications/addresses/{channel}/confirm": (a_code, "notification_address", "confirmed"),
    "DELETE /api/notifications/addresses/{channel}": (
        lambda world: (f"{NOTICES}/addresses/{builders.make_address(world.manager).channel}", None),
        "notification_address",
        "deleted",
    ),
    "PUT /api/notifications/gateways/{channel}": (
        to(f"{NOTICES}/gateways/sms", {"service": "twilio", "fields": builders.TWILIO}),
        "notification_gateway",
        "created",
    ),
    "DELETE /api/notifications/gateways/{channel}": (
        lambda world: (f"{NOTICES}/gateways/{builders.make_gateway(world.team).channel}", None),
        "notification_gateway",
        "deleted",
    ),
    "POST /api/users": (to("/api/users", {"username": "ada", "password": "long enough 7"}), "member", "created"),
    "PATCH /api/users/{id}": (at("/api/users/{id}", member, {"role": "lead", "skills": []}), "member", "changed"),
    "DELETE /api/users/{id}": (at("/api/users/{id}", lambda world: world.lead), "member", "deactivated"),
    "PUT /api/users/{id}/hours": (
        at("/api/users/{id}/hours", member, {"time_off": [{"starts_on": "2026-07-01", "ends_on": "2026-07-02"}]}),
        "member",
        "changed",
    ),
    "POST /api/teams": (to("/api/teams", {"name": "New"}), "team", "created"),
    "PATCH /api/teams/{id}": (at("/api/teams/{id}", team, {"touches_per_day": 7}), "team", "changed"),
    "DELETE /api/teams/{id}": (at("/api/teams/{id}", new_team), "team", "deleted"),
    "PUT /api/teams/{id}/hours": (
        at("/api/teams/{id}/hours", team, {"days_off": [{"on": "2026-07-01"}]}),
        "team",
        "changed",
    ),
    "POST /api/experiments": (trying, "rule", "changed"),
    "POST /api/experiments/{id}/stop": (at("/api/experiments/{id}/stop", trial), "rule", "changed"),
    "POST /api/experiments/{id}/adopt": (at("/api/experiments/{id}/adopt", trial, {"arm": 1}), "rule", "changed"),
    "PATCH /api/learning": (to("/api/learning", {"times": False}), "learning", "changed"),
    "POST /api/lead-models/{version}/activate": (activating, "learning", "changed"),
    "POST /api/lead-models/release": (releasing, "learning", "changed"),
    "POST /api/skills": (to("/api/skills", {"name": "Greek"}), "skill", "created"),
    "PATCH /api/skills/{id}": (at("/api/skills/{id}", skill, {"name": "Greek"}), "skill", "changed"),
    "DELETE /api/skills/{id}": (at("/api/skills/{id}", skill), "skill", "deleted"),
    "POST /api/tokens": (to("/api/tokens", {"name": "shop"}), "token", "created"),
    "DELETE /api/tokens/{id}": (at("/api/tokens/{id}", a_token), "token", "revoked"),
    "POST /api/sources": (to("/api/sources", {"provider": "postmark", "name": "Mail"}), "source", "created"),
    "PATCH /api/sources/{id}": (at("/api/sources/{id}", source, {"name": "Mail"}), "source", "changed"),
    "POST /api/sources/{id}/renew": (at("/api/sources/{id}/renew", source), "source", "renewed"),
    "DELETE /api/sources/{id}": (at("/api/sources/{id}", source), "source", "deleted"),
    "POST /api/forms": (to("/api/forms", {"name": "Contact us"}), "form", "created"),
    "PATCH /api/forms/{id}": (at("/api/forms/{id}", a_form, {"honeypot": "fax"}), "form", "changed"),
    "DELETE /api/forms/{id}": (at("/api/forms/{id}", a_form), "form", "deleted"),
    "PUT /api/me/busy-times": (to("/api/me/busy-times", A_FEED), "busy_times", "created"),
    "PUT /api/me/busy-times/file": (to("/api/me/busy-times/file", AN_ICS), "busy_times", "created"),
    "DELETE /api/me/busy-times": (busy, "busy_times", "deleted"),
    "PUT /api/me/calendar-push": (to("/api/me/calendar-push", A_PUSH), "calendar_push", "created"),
    "DELETE /api/me/calendar-push": (pushed, "calendar_push", "deleted"),
    "POST /api/webhooks": (to("/api/webhooks", WEBHOOK), "webhook", "created"),
    "PATCH /api/webhooks/{id}": (at("/api/webhooks/{id}", webhook, {"is_active": False}), "webhook", "changed"),
    "POST /api/webhooks/{id}/rotate-secret": (at("/api/webhooks/{id}/rotate-secret", webhook), "webhook", "renewed"),
    "POST /automation/jobs/{id}/cancel": (
        at("/automation/jobs/{id}/cancel", lambda world: world.job),
        "job",
        "cancelled",
    ),
    "DELETE /api/webhooks/{id}": (at("/api/webhooks/{id}", webhook), "webhook", "deleted"),
}


def test_every_writing_endpoint_has_its_line_or_a_reason() -> None:
    paths = api.get_openapi_schema()["paths"]
    writing = {f"{m.upper()} {path}" for path, methods in paths.items() for m in methods if m not in ("get", "head")}
    assert writing == set(LINES) | set(NO_LINES)
    assert not set(LINES) & set(NO_LINES)


@pytest.fixture
def boss(world: World) -> Caller:
    """A manager who may also add and remove teams."""
    User.objects.filter(pk=world.manager.pk).update(is_superuser=True)
    world.manager.refresh_from_db()
    return Caller(world.manager)


@pytest.mark.parametrize("endpoint", LINES)
def test_a_change_by_the_api_has_one_line(endpoint: str, world: World, boss: Caller) -> None:
    ask, kind, verb = LINES[endpoint]
    path, body = ask(world)
    known = set(Change.objects.values_list("pk", flat=True))
    response = boss(endpoint.split()[0], path, body)
    assert response.status_code < 300, response.content
    lines = list(Change.objects.exclude(pk__in=known).filter(kind=kind))
    assert [(line.verb, line.actor) for line in lines] == [(verb, world.manager)]
    (line,) = lines
    assert line.subject_id.isdigit() == (kind != "job")  # whose id is a uuid
    assert line.before or line.after
    if endpoint != "DELETE /api/teams/{id}":
        assert line.team_id is not None
    if "{id}" in path:
        assert line.subject_id in path


def test_a_line_says_what_differs_and_nothing_else(world: World, boss: Caller) -> None:
    boss("PATCH", f"{RULES}{world.rule.pk}/", {"delay_hours": 5, "task_priority": "high", "name": world.rule.name})
    (line,) = Change.objects.filter(kind="rule")
    assert line.before == {"delay_hours": 4.0, "task_priority": "medium"}
    assert line.after == {"delay_hours": 5.0, "task_priority": "high"}
    assert line.subject == world.rule.name


def test_what_changes_nothing_has_no_line(world: World, boss: Caller) -> None:
    known = Change.objects.count()
    boss("PATCH", f"{RULES}{world.rule.pk}/", {"name": world.rule.name})
    boss("PATCH", f"/api/tasks/{world.task.pk}", {"title": world.task.title})
    boss("PATCH", f"/api/teams/{world.team.pk}", {})
    boss("PUT", f"/automation/tasks/{world.task.pk}/status", {"status": "todo"})
    boss("PATCH", f"{RULES}{world.rule.pk}/", {"task_title_template": "{% nonsense"})
    assert Change.objects.count() == known


def test_completing_on_behalf_tells_who_did_it_and_what_it_took(world: World, boss: Caller) -> None:
    boss("POST", f"/automation/tasks/{world.task.pk}/complete", {"actual_hours": 1.5, "notes": "Signed"})
    boss("PATCH", f"/api/tasks/{world.task.pk}", {"actual_hours": 2})
    corrected, completed = Change.objects.filter(kind="task", subject_id=world.task.pk).order_by("-pk")[:2]
    assert completed.before == {"status": "todo", "actual_hours": None}
    assert completed.after == {"status": "done", "actual_hours": 1.5, "added_notes": "Signed"}
    assert (corrected.before, corrected.after) == ({"actual_hours": 1.5}, {"actual_hours": 2.0})


def test_no_secret_is_ever_in_it(world: World, boss: Caller) -> None:
    secrets = [boss.headers["Authorization"].split()[1]]
    secrets.append(boss.post("/api/tokens", {"name": "shop"}).json()["token"])
    made = boss.post("/api/sources", {"provider": "sendgrid", "name": "S", "keys": {"webhook_secret": "me:s3cret"}})
    renewed = boss.post(f"/api/sources/{made.json()['id']}/renew").json()
    boss("PATCH", f"/api/sources/{made.json()['id']}", {"keys": {"webhook_secret": "me:0ther"}})
    boss.post("/api/users", {"username": "ada", "password": "long enough 7"})
    key = boss.post("/api/forms", {"name": "F"}).json()["key"]
    hook = boss.post("/api/webhooks", WEBHOOK).json()
    secrets += [hook["secret"], boss.post(f"/api/webhooks/{hook['id']}/rotate-secret").json()["secret"]]
    hashes = User.objects.values_list("password", flat=True)
    secrets += ["s3cret", "0ther", "long enough 7", key, *(one for one in hashes if not one.startswith("!"))]
    secrets += [url["tracking_url"].rsplit("/", 1)[-1] for url in (made.json(), renewed)]
    secrets += [one[:8] for one in secrets if one.startswith("nm_")]
    kept = json.dumps(list(Change.objects.values("subject", "before", "after")))
    assert not [one for one in secrets if one in kept]
    changed = Change.objects.filter(kind="source", verb="changed").get()
    assert changed.before == changed.after == {"keys": {"webhook_secret": "hidden"}}


def test_long_texts_make_no_long_lines(world: World, boss: Caller) -> None:
    steps = [builders.step(24, description="y" * 10_000) for _ in range(50)]
    assert boss.post(SEQUENCES, {"name": "Long", "steps": steps}).status_code == 201
    boss("PATCH", f"{RULES}{world.rule.pk}/", {"task_description_template": "x" * 10_000})
    line = Change.objects.filter(kind="rule").get()
    assert line.after["task_description_template"] == "x" * 2_000 + "… (10,000 characters)"
    assert all(len(json.dumps([one.before, one.after])) < 25_000 for one in Change.objects.all())


def test_who_may_read_it(world: World, boss: Caller) -> None:
    boss("PATCH", f"/api/tasks/{world.task.pk}", {"title": "Other"})
    for person in (world.member, world.lead):
        problem(Caller(person).get("/api/audit"), 403)
    theirs = Caller(world.stranger).get("/api/audit").json()["results"]
    assert [row["kind"] for row in theirs] in ([], ["token"])  # the token they ask with
    assert "Other" not in json.dumps(theirs)


def test_it_is_read_by_kind_subject_actor_and_time(world: World, boss: Caller) -> None:
    boss("PATCH", f"/api/tasks/{world.task.pk}", {"title": "Other"})
    boss("PATCH", f"{RULES}{world.rule.pk}/", {"name": "Other"})
    Change.objects.filter(kind="rule").update(at=NOW)

    def kinds(query: str) -> list[str]:
        return [row["kind"] for row in boss.get(f"/api/audit?{query}").json()["results"]]

    assert kinds("limit=2") == ["rule", "task"]
    assert kinds(f"kind=task&subject_id={world.task.pk}") == ["task"]
    assert kinds("kind=task&subject_id=1000000") == []
    assert set(kinds(f"actor_id={world.manager.pk}")) == {"rule", "task"}
    assert kinds("since=2026-06-17T10:00:00Z&until=2026-06-17T10:00:01Z") == ["rule"]
    assert kinds("until=2026-06-17T10:00:00Z") == []
    problem(boss.get("/api/audit?kind=weather"), 422)
    page = boss.get("/api/audit?limit=1").json()
    assert boss.get(page["next"]).json()["results"][0]["kind"] == "task"
    row = page["results"][0]
    assert (row["actor_id"], row["subject"], row["verb"]) == (world.manager.pk, "Other", "changed")
