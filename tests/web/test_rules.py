"""Task scheduling: a first rule with three answers, errors beside the fields, switch, delete."""

from decimal import Decimal
from typing import Any

import pytest
from django.forms import DateTimeInput

from automation.models import Firing, TaskAutomationRule
from tests import builders
from tests.web.conftest import Office

HTMX = {"HX-Request": "true"}
FIRST = {
    "kind": "activity",
    "activity_types": ["email_clicked"],
    "title": "Call {{contact_name}}",
    "delay": "4",
    "delay_unit": "hours",
    "priority": "medium",
    "assign": "owner",
    "repeat_policy": "once_while_open",
}


def test_trigger_title_and_delay_make_a_rule(office: Office, browser_of) -> None:
    response = browser_of(office.member).post("/automations/task-scheduling/new", FIRST)
    rule = TaskAutomationRule.objects.latest("pk")
    assert (response.status_code, response["Location"]) == (302, f"/automations/task-scheduling/{rule.pk}")
    assert rule.name == "Call …"
    assert rule.trigger_config == {"activity_types": ["email_clicked"]}
    assert (rule.delay_hours, rule.repeat_policy, rule.assign, rule.scope) == (
        Decimal(4),
        "once_while_open",
        "owner",
        "own",
    )
    assert rule.is_active


def test_a_name_that_nobody_gave_follows_the_title(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    browser.post("/automations/task-scheduling/new", FIRST)
    rule = TaskAutomationRule.objects.latest("pk")
    change = FIRST | {"name": rule.name, "title": "Write to {{contact_name}} at {{ contact_email | upcase }}"}
    browser.post(f"/automations/task-scheduling/{rule.pk}", change)
    rule.refresh_from_db()
    assert rule.name == "Write to … at …"
    browser.post(f"/automations/task-scheduling/{rule.pk}", change | {"name": "Letters", "title": "Write"})
    rule.refresh_from_db()
    assert rule.name == "Letters"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": "Call {{contact_nmae}}"}, "Unknown variable"),
        ({"title": ""}, "This field is required"),
        ({"activity_types": []}, "Choose at least one."),
        ({"delay": "-1"}, "greater than or equal to 0"),
        ({"delay": "500", "delay_unit": "days"}, "At most a year"),
        ({"kind": "status_change", "from_status": "lead", "to_status": "lead"}, "never happens"),
        ({"assign": "user:999999"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(change, words: str, office: Office, browser_of) -> None:
    response = browser_of(office.member).post("/automations/task-scheduling/new", FIRST | change)
    html = response.content.decode()
    assert response.status_code == 422
    assert words in html
    assert 'class="wrong"' in html
    assert TaskAutomationRule.objects.count() == 1


def test_the_form_shows_and_keeps_all_a_rule_has(office: Office, browser_of) -> None:
    skill = builders.make_skill(office.member, name="Negotiation")
    rule = builders.make_rule(
        office.member,
        trigger_config={"activity_types": ["email_clicked", "webinar_joined"]},
        delay_hours=72,
        required_skills=[{"skill": "Negotiation", "level": 3}],
        assign=f"user:{office.member.pk}",
        fires_on_imports=True,
    )
    browser = browser_of(office.member)
    html = browser.get(f"/automations/task-scheduling/{rule.pk}").content.decode()
    assert '<details class="advanced" open>' in html
    assert 'value="webinar_joined"' in html
    same = FIRST | {
        "name": rule.name,
        "other_types": "webinar_joined",
        "delay": "3",
        "delay_unit": "days",
        "assign": rule.assign,
        f"skill_{skill.pk}": "3",
        "fires_on_imports": "on",
    }
    assert browser.post(f"/automations/task-scheduling/{rule.pk}", same).status_code == 302
    kept = TaskAutomationRule.objects.get(pk=rule.pk)
    for name in ("trigger_config", "delay_hours", "required_skills", "assign", "fires_on_imports", "name"):
        assert getattr(kept, name) == getattr(rule, name), name


def test_a_new_rule_hides_what_has_defaults(office: Office, browser_of) -> None:
    html = browser_of(office.member).get("/automations/task-scheduling/new").content.decode()
    assert '<details class="advanced">' in html


def test_the_switch_turns_a_rule_off_and_on(office: Office, browser_of) -> None:
    browser, path = browser_of(office.member), f"/automations/task-scheduling/{office.rule.pk}/switch"
    off = browser.post(path, {"on": "0"}, headers=HTMX)
    assert 'aria-checked="false"' in off.content.decode()
    assert not TaskAutomationRule.objects.get(pk=office.rule.pk).is_active
    assert browser.post(path, {"on": "1"}).status_code == 302
    assert TaskAutomationRule.objects.get(pk=office.rule.pk).is_active


@pytest.mark.parametrize("path", ["", "/switch", "/delete"])
@pytest.mark.parametrize(("who", "status"), [("colleague", 403), ("lead", 403), ("stranger", 404)])
def test_only_its_owner_and_managers_change_a_rule(
    path: str, who: str, status: int, office: Office, browser_of
) -> None:
    response = browser_of(office.people()[who]).post(f"/automations/task-scheduling/{office.rule.pk}{path}", FIRST)
    assert response.status_code == status
    kept = TaskAutomationRule.objects.get(pk=office.rule.pk)
    assert (kept.name, kept.is_active, kept.archived_at) == ("Clicked: call", True, None)


def test_deleting_keeps_the_tasks(office: Office, browser_of) -> None:
    browser = browser_of(office.manager)
    assert browser.post(f"/automations/task-scheduling/{office.rule.pk}/delete").status_code == 302
    assert "Clicked: call" not in browser.get("/automations/task-scheduling").content.decode().split("toasts")[0]
    assert "Clicked: call" in browser.get(f"/tasks/{office.task.pk}").content.decode()


def test_the_page_shows_what_came_of_its_events(office: Office, browser_of) -> None:
    builders.make_firing(
        office.rule, contact=office.contact, outcome=Firing.SUPPRESSED, reason="its task is still open"
    )
    html = browser_of(office.member).get(f"/automations/task-scheduling/{office.rule.pk}").content.decode()
    assert "its task is still open" in html
    assert "Call Ana" in html


def test_a_parked_rule_says_why(office: Office, browser_of) -> None:
    TaskAutomationRule.objects.update(parked_reason="The title uses {{nothing}}")
    browser = browser_of(office.member)
    assert "Parked" in browser.get("/automations/task-scheduling").content.decode()
    page = browser.get(f"/automations/task-scheduling/{office.rule.pk}").content.decode()
    assert "This rule does not run: The title uses {{nothing}}" in page


@pytest.mark.parametrize(
    ("change", "config"),
    [
        ({"kind": "cadence"}, {}),
        (
            {"kind": "time", "every_days": "2", "every_at": "08:30"},
            {"every": {"days": 2, "at": "08:30"}, "audience": "none"},
        ),
        ({"kind": "overdue", "late_what": "task", "late_hours": "6"}, {"what": "task", "after_hours": 6}),
        ({"kind": "overdue", "late_what": "follow_up"}, {"what": "follow_up"}),
        ({"kind": "inactivity", "quiet_days": "14"}, {"days": 14}),
        ({"kind": "task_completed"}, {}),
    ],
)
def test_each_kind_of_trigger_is_made_shown_and_kept(change, config, office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    sent = FIRST | change | {"condition": "contact.lead_score > 80", "delay": "3", "delay_unit": "working_days"}
    assert browser.post("/automations/task-scheduling/new", sent).status_code == 302
    rule = TaskAutomationRule.objects.latest("pk")
    assert (rule.trigger_type, rule.trigger_config) == (change["kind"], config)
    assert (rule.condition, rule.delay_kind, rule.delay_days) == ("contact.lead_score > 80", "business", 3)
    html = browser.get(f"/automations/task-scheduling/{rule.pk}").content.decode()
    assert "in 3 working days" in html
    assert browser.post(f"/automations/task-scheduling/{rule.pk}", sent).status_code == 302
    kept = TaskAutomationRule.objects.get(pk=rule.pk)
    assert kept.trigger_config == config


def as_sent(response: Any) -> dict[str, Any]:
    """The form of a page as a browser sends it when nothing is touched."""
    form, part = response.context["form"], response.context["part"]
    sent = {field.html_name: _typed(field) for field in form}
    sent = {key: value for key, value in sent.items() if value not in (None, False)}
    sent |= {"condition_mode": part.mode, "match": part.match, "rows": len(part.rows), "condition": part.text}
    for number, row in enumerate(part.rows):
        named = f"row-{number}-"
        sent |= {f"{named}field": row.field, f"{named}operator": row.operator, f"{named}value": row.typed}
    return sent


def _typed(field: Any) -> Any:
    value = field.value()
    widget = field.field.widget
    return widget.format_value(value) if isinstance(widget, DateTimeInput) else value


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("time", {"cron": "0 9 * * 1", "audience": "none"}),
        ("time", {"cron": "30 8 * * 1,3,5", "audience": "none"}),
        ("time", {"cron": "15 7 31 * *", "audience": "none"}),
        ("time", {"cron": "0 9 1 1,4,7,10 *", "audience": "none"}),
        ("time", {"cron": "0 9-17 * * 1", "audience": "none"}),
        ("time", {"at": "2027-03-01T09:30", "audience": "none"}),
        ("time", {"every": {"hours": 6}, "audience": "none"}),
        ("time", {"every": {"days": 2, "at": "08:30"}, "audience": "contacts", "statuses": ["lead", "active"]}),
        ("cadence", {"cadences": ["weekly", "monthly"]}),
        ("cadence", {"cadences": ["weekly", "days:10"]}),
        ("inactivity", {"days": 14, "statuses": ["active"], "activity_types": ["call"]}),
        ("task_completed", {"priorities": ["high"], "title_contains": "demo", "rule_ids": "its"}),
        ("overdue", {"what": "follow_up"}),
    ],
)
def test_every_trigger_can_be_said_by_the_form(kind: str, config: Any, office: Office, browser_of) -> None:
    config = {key: [office.rule.pk] if value == "its" else value for key, value in config.items()}
    rule = builders.make_rule(office.member, trigger_type=kind, trigger_config=config)
    browser, path = browser_of(office.member), f"/automations/task-scheduling/{rule.pk}"
    assert browser.post(path, as_sent(browser.get(path))).status_code == 302
    assert TaskAutomationRule.objects.get(pk=rule.pk).trigger_config == config


def test_weekdays_as_a_span_are_the_same_days(office: Office, browser_of) -> None:
    config = {"cron": "0 9 * * 1-5", "audience": "none"}
    rule = builders.make_rule(office.member, trigger_type="time", trigger_config=config)
    browser, path = browser_of(office.member), f"/automations/task-scheduling/{rule.pk}"
    assert browser.post(path, as_sent(browser.get(path))).status_code == 302
    assert TaskAutomationRule.objects.get(pk=rule.pk).trigger_config["cron"] == "0 9 * * 1,2,3,4,5"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time_how": "by_week"}, "Choose at least one day."),
        ({"time_how": "once"}, "Choose a date and a time."),
        ({"time_how": "by_cron"}, "Write a cron line"),
        ({"time_how": "by_cron", "cron": "every monday"}, "cannot be read"),
    ],
)
def test_a_timetable_that_says_nothing_is_refused_beside_its_field(change, words, office: Office, browser_of) -> None:
    response = browser_of(office.member).post("/automations/task-scheduling/new", FIRST | {"kind": "time"} | change)
    assert response.status_code == 422
    assert words in response.content.decode()


def test_what_is_folded_up_stays_so_when_something_else_is_wrong(office: Office, browser_of) -> None:
    browser, path = browser_of(office.member), "/automations/task-scheduling/new"
    untouched = as_sent(browser.get(path)) | {"settle_minutes": "0", "title": ""}
    assert '<details class="advanced" open' not in browser.post(path, untouched).content.decode()
    assert '<details class="advanced" open' in browser.post(path, untouched | {"burst": "7"}).content.decode()
