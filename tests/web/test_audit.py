"""What is changed on pages and in the admin has its line of the audit log, with who did it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from assignment import rebalancing
from assignment.models import Suggestion
from crm.models import InboundForm
from jobs.admin import ReadOnlyAdmin
from people import tokens
from people.audited_admin import AuditedAdmin, PartAdmin
from people.models import ApiToken, Change, Skill, Team, TeamDayOff, User, UserSkill
from tests import builders
from tests.builders import NOW
from tests.web.conftest import Office
from web.urls import urlpatterns
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

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
READ = {
    "no-reset", "no-email", "mywork", "bell", "theme", "tasks", "task", "task-peek", "contacts", "contact", "activity",
    "rules", "jobs", "workload", "performance", "reports", "report", "inbox", "inbox-read", "notice", "notices",
    "settings", "admin",
    "calendar-feed",
}  # fmt: skip
IN_THE_LEDGER = {"contact-new", "contact-status", "contact-cadence", "job-retry"}


def a_move(office: Office, *, applied: bool = False) -> tuple[int, int]:
    """The ids of a report and of the one move that it suggests."""
    builders.make_task(office.member, estimated_hours=30)
    builders.make_task(office.member, estimated_hours=15)
    report = builders.make_report(office.member.team)
    (move,) = Suggestion.objects.standing()
    if applied:
        rebalancing.apply(move, by=office.manager, now=datetime.now(UTC))
    return report.pk, move.pk


PAGES: dict[str, tuple[Any, Any, str, str]] = {
    "report-apply": (lambda office: a_move(office)[:1], {}, "task", "changed"),
    "move-apply": (a_move, {}, "task", "changed"),
    "move-undo": (lambda office: a_move(office, applied=True), {}, "task", "changed"),
    "task-new": (None, {"title": "Call", "priority": "low", "who": "queue"}, "task", "created"),
    "task-complete": (lambda office: office.task, {"actual_hours": "1"}, "task", "changed"),
    "task-pin": (lambda office: office.task, {"on": "1"}, "task", "changed"),
    "rule-new": (None, RULE_FORM, "rule", "created"),
    "rule": (lambda office: office.rule, RULE_FORM, "rule", "changed"),
    "rule-switch": (lambda office: office.rule, {"on": "0"}, "rule", "changed"),
    "rule-delete": (lambda office: office.rule, {}, "rule", "deleted"),
    "profile": (None, {"first_name": "Mai", "last_name": "Chen", "timezone": "UTC"}, "member", "changed"),
    "calendar": (None, {"shows": "todo"}, "calendar_feed", "created"),
    "tokens": (None, {"name": "shop", "days": "30", "reach": "all"}, "token", "created"),
    "token-revoke": (lambda office: tokens.issue(office.manager, name="x", now=NOW)[0], {}, "token", "revoked"),
}


def test_every_page_that_changes_something_has_its_line_or_a_reason() -> None:
    assert {pattern.name for pattern in urlpatterns} == READ | IN_THE_LEDGER | set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_change_on_a_page_has_one_line(name: str, office: Office, browser_of: Any) -> None:
    of, form, kind, verb = PAGES[name]
    asked = of(office) if of else ()
    address = reverse(f"web:{name}", args=asked if isinstance(asked, tuple) else [asked.pk])
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
