"""What is changed on pages and in the admin has its line of the audit log, with who did it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from assignment import rebalancing
from assignment.models import Suggestion
from automation import rules
from automation.models import ParkedPair
from crm.models import InboundForm, InboundSource
from jobs.admin import ReadOnlyAdmin
from learning import lead_models
from people import busy_times, sealing, tokens
from people.audited_admin import AuditedAdmin, PartAdmin
from people.models import ApiToken, Change, Skill, Team, TeamDayOff, User, UserSkill
from tests import builders
from tests.builders import NOW
from tests.web.conftest import Office
from web import undoing
from web.urls import urlpatterns
from work import lifecycle, pushing
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

RULE_FILE = "nextmove: 1\nrules:\n- name: Call\n  trigger_type: cadence\n  task_title_template: Call\n"
RULE_FORM = {
    "kind": "activity",
    "activity_types": "email_opened",
    "title": "Call {{contact_name}}",
    "delay": "2",
    "delay_unit": "hours",
    "priority": "high",
    "assign": "owner",
    "repeat_policy": "once_while_open",
}
TRIGGER: dict[str, Any] = {"trigger_type": "activity", "trigger_config": {"activity_types": ["email_clicked"]}}
READ = {
    "rule-new-trial", "rule-trial", "rule-conditions", "rule-check", "rule-backtest", "rule-runs", "rule-versions",
    "rule-explain", "stats", "backtest", "backtest-stop",
    "view-new", "view-rename", "view-delete",
    "forgotten", "no-email", "mywork", "bell", "side", "export", "theme", "language", "tasks", "task", "task-peek",
    "contacts", "contact", "activity",
    "rules", "jobs", "workload", "performance", "estimates", "reports", "report", "inbox", "inbox-read", "notice",
    "notices",
    "mute", "focus", "search", "report-file", "report-mail",
    "settings", "admin", "trial", "accounts", "place-test", "busy-read", "push-now", "webhook-test", "webhook-resend",
    "contact-rules", "contact-rule", "activity-one", "unmatched", "unmatched-one", "conflicts", "job", "inbox-newest",
    "inbox-mark",
    "balance", "workload-day", "workload-task", "plan-new", "plan", "member", "calendar-feed", "import",
    "contact-import", "task-import", "import-mapping", "import-run", "import-cancel",
}  # fmt: skip
ARRIVING = {"source-test", "form-test"}
DEVICES = {"audit", "retention", "data", "security", "device-end", "devices-end"}
FIRST_RUN = {"setup", "setup-rule", "setup-see", "setup-leave"}
"""Pages of an empty installation: tests/web/test_setup.py looks at their lines."""
BY_CODE = {"address", "two-step", "two-step-off", "two-step-codes"}
"""Pages that want a password or a code again: tests/people/test_two_step.py and tests/web/test_security.py look."""
ROWS_OF_THEIR_OWN = {
    "sequences", "sequence", "sequence-forecast", "sequence-ready", "sequence-enrol", "sequence-migrate",
    "campaigns", "campaign", "campaign-forecast", "campaign-enrol", "campaign-migrate",
    "enrolment-pause", "enrolment-resume", "enrolment-stop", "enrolment-undo",
}  # fmt: skip
"""Of sequences and campaigns: read, or an enrolment that is a row with who, when, version, state and reason."""
BY_LINK = {"letter-answer", "unsubscribe"}
"""Pages that a letter leads to: tests/web/test_letters.py looks at their lines."""
IN_THE_LEDGER = {
    "plan-apply",
    "task-comment", "contact-new", "contact-status", "contact-cadence", "contact-edit", "contact-note", "contact-merge",
    "contact-part", "contact-opt-out", "contact-opt-in", "contact-enrolment", "contact-erase", "contact-delete",
    "job-retry", "jobs-retry", "activity-replay", "unmatched-attach", "unmatched-new", "unmatched-dismiss",
    "conflict-dismiss",
}  # fmt: skip


ACCOUNT = {"username": "maya", "role": "lead", "focus_factor": "1"}
AWAY = {"starts_on": "2026-12-24", "ends_on": "2026-12-26"}
TEAM = {
    "name": "Southbeam",
    "timezone": "UTC",
    "overdue_lead_hours": "24",
    "touches_per_day": "20",
    "scoring": "fair",
    "weight_priority": "400",
    "weight_urgency": "300",
    "weight_skill": "200",
    "weight_continuity": "100",
    "weight_balance": "0",
}
SEQUENCE_FORM = {
    "name": "Welcome",
    "reenrol": "refuse",
    "pacing": "one_by_one",
    "slip": "anchor",
    "count": "1",
    "steps-0-title": "Call",
    "steps-0-amount": "1",
    "steps-0-unit": "hours",
    "steps-0-message_type": "task",
    "steps-0-delay_days": "2",
    "steps-0-priority": "low",
    "steps-0-assign": "owner",
}
a_sequence = lambda office: builders.make_sequence(office.member)  # noqa: E731
a_campaign = lambda office: builders.make_campaign(office.member)  # noqa: E731

WEBHOOK = {"url": "https://hooks.example.org/other", "kinds": ["task.completed"]}


def a_webhook(office: Office) -> Any:
    return builders.make_webhook(office.manager.team)


def a_source(office: Office) -> Any:
    return InboundSource.objects.create(team=office.manager.team, provider="postmark", name="Main")


def a_form(office: Office) -> Any:
    return InboundForm.objects.create(team=office.manager.team, name="Contact us")


PUSH = {"url": "https://dav.example.org/tasks/", "username": "ada", "password": "lovelace", "shows": "todo"}


def a_calendar(office: Office) -> tuple[()]:
    busy_times.connect(office.manager, url="https://calendar.example.org/mine.ics", by=office.manager, now=NOW)
    return ()


def a_push(office: Office) -> tuple[()]:
    pushing.connect(office.manager, **PUSH, by=office.manager, now=NOW)
    return ()


A_TRIAL = {"do": "start", "delay_1": "24", "delay_2": "72", "effect": "50", "base": "30"}


def a_tried_rule(office: Office) -> Any:
    for _ in range(40):
        builders.make_firing(office.rule, contact=builders.make_contact(office.member))
    return office.rule


def a_score_model(office: Office) -> dict[str, Any]:
    made = lead_models.train(office.manager.team, now=NOW)
    assert made is not None
    return {"version": made.version}


def a_move(office: Office, *, applied: bool = False) -> tuple[int, int]:
    """The ids of a report and of the one move that it suggests."""
    builders.make_task(office.member, estimated_hours=30)
    builders.make_task(office.member, estimated_hours=15)
    report = builders.make_report(office.member.team)
    (move,) = Suggestion.objects.standing()
    if applied:
        rebalancing.apply(move, by=office.manager, now=datetime.now(UTC))
    return report.pk, move.pk


def a_level(office: Office) -> dict[str, Any]:
    skill = builders.make_skill(team=office.member.team)
    return {f"skill_{skill.pk}": "3"}


def time_off(office: Office) -> tuple[int, int]:
    return office.member.pk, builders.make_time_off(office.member, starts_on=NOW.date()).pk


def day_off(office: Office) -> TeamDayOff:
    return TeamDayOff.objects.create(team=office.member.team, on=NOW.date())


def a_version(office: Office) -> tuple[int, int]:
    """A rule that was changed since, and the number of the version before."""
    rule = rules.create(office.member, name="Call", task_title_template="Call", **TRIGGER)
    rules.update(rule, task_title_template="Write")
    return rule.pk, 1


def a_parked_pair(office: Office) -> tuple[int, int]:
    pair = ParkedPair.objects.create(rule=office.rule, contact=office.contact, reason="a circle", at=NOW)
    return office.rule.pk, pair.pk


def a_code(office: Office) -> dict[str, str]:
    """The form with the code that came to a manager's phone."""
    builders.make_gateway(office.manager.team)
    row = builders.make_address(office.manager, channel="sms", service="phone", phone="+491701234567")
    return {"code": sealing.unseal(row.code)}


def a_note(office: Office) -> dict[str, str]:
    """Of a task that the manager completed."""
    was = undoing.before(office.task)
    lifecycle.complete(office.task, by=office.manager, now=datetime.now(UTC))
    step = undoing.step(undoing.COMPLETED, office.task, was)
    return {"note": undoing.note(office.manager, [step])}


PAGES: dict[str, tuple[Any, Any, str, str]] = {
    "report-apply": (lambda office: a_move(office)[:1], {}, "task", "changed"),
    "move-apply": (a_move, {}, "task", "changed"),
    "move-undo": (lambda office: a_move(office, applied=True), {}, "task", "changed"),
    "task-new": (None, {"title": "Call", "priority": "low", "who": "queue"}, "task", "created"),
    "task-complete": (lambda office: office.task, {"actual_hours": "1"}, "task", "changed"),
    "task-outcome": (lambda office: builders.make_done_task(office.member), {"outcome": "won"}, "task", "changed"),
    "tasks-bulk": (None, lambda office: {"task": office.task.pk, "verb": "complete"}, "task", "changed"),
    "task-tick": (
        lambda office: builders.make_task(office.member, description="- [ ] read"),
        {"place": 0, "words": "read", "done": "1"},
        "task",
        "changed",
    ),
    "task-edit": (lambda office: office.task, {"title": "Call again", "priority": "low"}, "task", "changed"),
    "task-status": (lambda office: office.task, {"status": "blocked"}, "task", "changed"),
    "task-snooze": (lambda office: office.task, {"until": "tomorrow"}, "task", "changed"),
    "task-place": (lambda office: office.task, {"to": "queue"}, "task", "changed"),
    "balance-apply": (None, lambda office: {"move": a_move(office)[1]}, "task", "changed"),
    "member-account": (lambda office: office.member, ACCOUNT, "member", "changed"),
    "member-skills": (lambda office: office.member, a_level, "member", "changed"),
    "member-hours": (lambda office: office.member, {"week-0": "9-17"}, "member", "changed"),
    "member-away": (lambda office: office.member, AWAY, "member", "changed"),
    "member-back": (time_off, {}, "member", "changed"),
    "member-leave": (lambda office: office.colleague, {}, "member", "deactivated"),
    "team-settings": (None, TEAM, "team", "changed"),
    "team-hours": (None, {"week-0": "9-17"}, "team", "changed"),
    "learning": (
        None,
        {"won_statuses": "active", "lost_statuses": "lost", "urgent_share": "30"},
        "learning",
        "changed",
    ),
    "learning-points": (None, {"do": "add", "field": "tag", "value": "vip", "points": "20"}, "learning", "changed"),
    "learning-version": (None, a_score_model, "learning", "changed"),
    "team-day-off": (None, {"on": "2026-12-24"}, "team", "changed"),
    "team-day-on": (day_off, {}, "team", "changed"),
    "team-member": (None, {"username": "ada", "role": "member"}, "member", "created"),
    "team-skill": (None, {"name": "SQL"}, "skill", "created"),
    "team-skill-remove": (lambda office: builders.make_skill(office.member), {}, "skill", "deleted"),
    "task-give": (lambda office: office.task, {"to": "queue"}, "task", "changed"),
    "task-reopen": (lambda office: builders.make_done_task(office.manager), {}, "task", "changed"),
    "undo": (None, a_note, "task", "changed"),
    "task-pin": (lambda office: office.task, {"on": "1"}, "task", "changed"),
    "rule-new": (None, RULE_FORM, "rule", "created"),
    "rule-import": (None, {"document": RULE_FILE, "do": "import"}, "rule", "created"),
    "rule": (lambda office: office.rule, RULE_FORM, "rule", "changed"),
    "rule-switch": (lambda office: office.rule, {"on": "0"}, "rule", "changed"),
    "rule-trying": (a_tried_rule, A_TRIAL, "rule", "changed"),
    "rule-activate": (lambda office: builders.make_rule(office.member, is_active=False), {}, "rule", "changed"),
    "rule-revert": (a_version, {}, "rule", "changed"),
    "rule-release": (a_parked_pair, {}, "rule", "released"),
    "rule-delete": (lambda office: office.rule, {}, "rule", "deleted"),
    "sequence-new": (None, SEQUENCE_FORM, "sequence", "created"),
    "sequence-edit": (a_sequence, SEQUENCE_FORM, "sequence", "changed"),
    "sequence-switch": (a_sequence, {"on": "0"}, "sequence", "changed"),
    "sequence-copy": (a_sequence, {}, "sequence", "created"),
    "sequence-delete": (a_sequence, {}, "sequence", "deleted"),
    "campaign-new": (None, SEQUENCE_FORM, "campaign", "created"),
    "campaign-edit": (a_campaign, SEQUENCE_FORM, "campaign", "changed"),
    "campaign-switch": (a_campaign, {"on": "0"}, "campaign", "changed"),
    "campaign-copy": (a_campaign, {}, "campaign", "created"),
    "campaign-delete": (a_campaign, {}, "campaign", "deleted"),
    "profile": (None, {"first_name": "Mai", "last_name": "Chen", "timezone": "UTC"}, "member", "changed"),
    "calendar": (None, {"shows": "todo"}, "calendar_feed", "created"),
    "busy": (None, {"url": "https://calendar.example.org/mine.ics"}, "busy_times", "created"),
    "busy-remove": (a_calendar, {}, "busy_times", "deleted"),
    "push": (None, PUSH, "calendar_push", "created"),
    "push-remove": (a_push, {}, "calendar_push", "deleted"),
    "place": (lambda office: ("chat",), {"service": "ntfy", "topic": "mine"}, "notification_address", "created"),
    "place-confirm": (lambda office: ("sms",), a_code, "notification_address", "confirmed"),
    "place-remove": (
        lambda office: (builders.make_address(office.manager).channel,),
        {},
        "notification_address",
        "deleted",
    ),
    "sources": (None, {"provider": "postmark", "name": "Main"}, "source", "created"),
    "source": (lambda office: a_source(office), {"name": "Other"}, "source", "changed"),
    "source-renew": (lambda office: a_source(office), {}, "source", "renewed"),
    "source-delete": (lambda office: a_source(office), {}, "source", "deleted"),
    "forms": (None, {"name": "Contact us"}, "form", "created"),
    "form": (lambda office: a_form(office), {"name": "Other", "rate_per_minute": "5"}, "form", "changed"),
    "form-delete": (lambda office: a_form(office), {}, "form", "deleted"),
    "webhooks": (None, WEBHOOK, "webhook", "created"),
    "webhook": (a_webhook, WEBHOOK, "webhook", "changed"),
    "webhook-switch": (a_webhook, {"on": "0"}, "webhook", "changed"),
    "webhook-rotate": (a_webhook, {}, "webhook", "renewed"),
    "webhook-delete": (a_webhook, {}, "webhook", "deleted"),
    "account": (lambda office: ("sms",), {"service": "twilio"} | builders.TWILIO, "notification_gateway", "created"),
    "account-remove": (
        lambda office: (builders.make_gateway(office.manager.team).channel,),
        {},
        "notification_gateway",
        "deleted",
    ),
    "job-cancel": (lambda office: builders.make_job(office.member), {}, "job", "cancelled"),
    "tokens": (None, {"name": "shop", "days": "30", "reach": "all"}, "token", "created"),
    "token-revoke": (lambda office: tokens.issue(office.manager, name="x", now=NOW)[0], {}, "token", "revoked"),
}


def test_every_page_that_changes_something_has_its_line_or_a_reason() -> None:
    for_a_reason = READ | DEVICES | ARRIVING | BY_CODE | FIRST_RUN | BY_LINK | IN_THE_LEDGER | ROWS_OF_THEIR_OWN
    assert {pattern.name for pattern in urlpatterns} == for_a_reason | set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_change_on_a_page_has_one_line(name: str, office: Office, browser_of: Any) -> None:
    of, form, kind, verb = PAGES[name]
    asked = of(office) if of else ()
    address = reverse(f"web:{name}", args=asked if isinstance(asked, tuple) else [asked.pk])
    form = form(office) if callable(form) else form
    known = set(Change.objects.values_list("pk", flat=True))
    response = browser_of(office.manager).post(address, form)
    assert response.status_code in (200, 302), response.content
    (line, *more) = Change.objects.exclude(pk__in=known).order_by("pk")
    assert (line.kind, line.verb, line.actor) == (kind, verb, office.manager)
    assert line.team == office.manager.team
    assert [list(one.after) for one in more] == ([["assignee_id"]] if name == "task-new" else [])


def test_a_password_that_was_changed_is_told_but_not_shown(browser_of: Any) -> None:
    user = builders.make_user(password="old one 12345")
    form = {"oldpassword": "old one 12345", "password1": "new one 67890", "password2": "new one 67890"}
    assert browser_of(user).post(reverse("account_change_password"), form).status_code == 302
    (line,) = Change.objects.all()
    assert (line.kind, line.actor, line.before, line.after) == (
        "member",
        user,
        {"password": "hidden"},
        {"password": "hidden"},
    )


@pytest.fixture
def boss(office: Office) -> User:
    return builders.make_manager(team=office.manager.team, is_superuser=True, is_staff=True)


@pytest.fixture
def desk(boss: User, browser_of: Any) -> Client:
    """The administration, as a superuser sees it."""
    client: Client = browser_of(boss)
    return client


def address_of(model: Any, what: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


def filled(desk: Client, address: str, **changes: Any) -> dict[str, Any]:
    """What the form of the page holds, with changes."""
    response = desk.get(address)
    assert response.status_code == 200
    forms = [
        response.context["adminform"].form,
        *(f for s in response.context["inline_admin_formsets"] for f in s.formset),
    ]
    forms += [inline.formset.management_form for inline in response.context["inline_admin_formsets"]]
    values: dict[str, Any] = {}
    for form in forms:
        for bound in form:
            value = bound.value()
            if hasattr(bound.field.widget, "decompress"):
                parts = bound.field.widget.decompress(value)
                values |= {f"{bound.html_name}_{place}": part or "" for place, part in enumerate(parts)}
            elif value is not None and value is not False:
                values[bound.html_name] = value
    return values | changes


def test_every_row_that_the_admin_changes_is_audited() -> None:
    """All that is written by hand there; contacts have their life in the ledger."""
    written = {
        model._meta.label
        for model, site in admin.site._registry.items()
        if not isinstance(site, ReadOnlyAdmin | AuditedAdmin | PartAdmin)
    }
    ours = {label for label in written if label.split(".")[0] in ("people", "crm", "work", "automation")}
    assert ours == {"crm.Contact", "crm.ContactIdentity"}


@pytest.mark.parametrize("which", ["rule", "task", "member", "team", "form"])
def test_a_change_in_the_admin_has_one_line(which: str, office: Office, desk: Client, boss: User) -> None:
    row, changes = {
        "rule": (office.rule, {"name": "Other"}),
        "task": (office.task, {"title": "Other"}),
        "member": (office.member, {"first_name": "Other"}),
        "team": (office.manager.team, {"name": "Other"}),
        "form": (InboundForm.objects.create(team=boss.team, name="Contact us"), {"name": "Other"}),
    }[which]
    Task.objects.update(due_date=NOW)  # of which the form shows whole seconds
    known = set(Change.objects.values_list("pk", flat=True))
    address = address_of(type(row), "change", row.pk)
    response = desk.post(address, filled(desk, address, **changes))
    assert response.status_code == 302, response.context["errors"]
    (line,) = Change.objects.exclude(pk__in=known)
    assert (line.kind, line.verb, line.actor, line.subject_id) == (which, "changed", boss, str(row.pk))
    assert line.after == changes
    assert set(line.before) == set(changes)


def test_rows_within_another_are_told_as_part_of_it(office: Office, desk: Client, boss: User) -> None:
    skill = Skill.objects.create(team=boss.team, name="Greek")
    member = office.member
    desk.post(address_of(UserSkill, "add"), {"user": member.pk, "skill": skill.pk, "level": 2})
    row = UserSkill.objects.get(user=member)
    address = address_of(UserSkill, "change", row.pk)
    desk.post(address, filled(desk, address, level=4))
    desk.post(address_of(UserSkill, "delete", row.pk), {"post": "yes"})
    told = Change.objects.filter(kind="member", subject_id=member.pk, actor=boss).order_by("pk")
    assert [(line.verb, line.before, line.after) for line in told] == [
        ("changed", {"skills": {}}, {"skills": {"Greek": 2}}),
        ("changed", {"skills": {"Greek": 2}}, {"skills": {"Greek": 4}}),
        ("changed", {"skills": {"Greek": 4}}, {"skills": {}}),
    ]


def test_what_is_added_and_deleted_in_the_admin_is_told(office: Office, desk: Client, boss: User) -> None:
    address = address_of(Skill, "add")
    desk.post(address, filled(desk, address, team=boss.team_id, name="Greek"))
    skill = Skill.objects.get(name="Greek")
    desk.post(
        address_of(Skill, "changelist"),
        {"action": "delete_selected", "_selected_action": [skill.pk], "post": "yes"},
    )
    secret = {"usable_password": "true", "password1": "long one 77", "password2": "long one 77"}
    address = address_of(User, "add")
    desk.post(address, filled(desk, address, username="ada", team=boss.team_id, role="member", **secret))
    desk.post(address_of(TeamDayOff, "add"), {"team": boss.team_id, "on": "2026-07-01", "name": ""})
    told = Change.objects.filter(actor=boss).order_by("pk").values_list("kind", "verb", "subject")
    assert list(told) == [
        ("skill", "created", "Greek"),
        ("skill", "deleted", "Greek"),
        ("member", "created", "ada"),
        ("team", "changed", "Northbeam"),
    ]


def test_a_password_set_in_the_admin_is_told(office: Office, desk: Client, boss: User) -> None:
    address = reverse("admin:auth_user_password_change", args=[office.member.pk])
    form = {"usable_password": "true", "password1": "long one 77", "password2": "long one 77"}
    assert desk.post(address, form).status_code == 302
    (line,) = Change.objects.filter(kind="member", actor=boss)
    assert line.after == {"password": "hidden"}


def test_somebody_let_go_is_told_with_all_that_passed_on(office: Office, desk: Client, boss: User) -> None:
    builders.make_token(office.member)
    desk.post(address_of(User, "changelist"), {"action": "deactivate", "_selected_action": [office.member.pk]})
    told = Change.objects.filter(actor=boss).values_list("kind", "verb")
    assert set(told) == {("member", "deactivated"), ("token", "revoked"), ("rule", "changed"), ("task", "changed")}
    assert ApiToken.objects.filter(user=office.member, revoked_at=None).count() == 0
    assert Change.objects.get(kind="task").before == {"assignee_id": office.member.pk}


def test_a_team_that_is_removed_leaves_its_lines_to_superusers(office: Office, desk: Client, boss: User) -> None:
    team = Team.objects.create(name="Short")
    address = address_of(Team, "change", team.pk)
    desk.post(address, filled(desk, address, name="Shorter"))
    desk.post(address_of(Team, "delete", team.pk), {"post": "yes"})
    told = Change.objects.filter(kind="team", subject_id=team.pk).order_by("pk")
    assert [(line.verb, line.subject, line.team_id) for line in told] == [
        ("changed", "Shorter", None),
        ("deleted", "Shorter", None),
    ]


def test_nobody_writes_the_log_by_hand(office: Office, desk: Client) -> None:
    line = Change.objects.create(
        team=office.manager.team, at=NOW, kind="rule", subject_id="1", subject="x", verb="changed"
    )
    assert desk.get(address_of(Change, "change", line.pk)).status_code == 200
    assert desk.post(address_of(Change, "change", line.pk), {"verb": "deleted"}).status_code == 403
    assert desk.post(address_of(Change, "delete", line.pk), {"post": "yes"}).status_code == 403
