"""Before a rule goes live, by HTTP: dry run, backtest, explain, activation; and what it did, listed."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from automation import engine, rules, sweeps, timers, waiting
from automation.models import Firing, RuleVersion, TaskAutomationRule
from automation.simulation import dry_run
from automation.task_scheduler import TaskScheduler
from crm import contacts
from crm.models import Activity, Contact
from jobs.runner import run_due
from people.models import User
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
RULES = "/api/task-automation/rules/"
LONG_AGO = timezone.now() - timedelta(days=40)


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.fixture
def api(manager: User) -> Client:
    return Client(headers={"authorization": f"Bearer {builders.make_token(manager)}"})


def post(api: Client, path: str, body: Any = None, *, status: int = 200) -> Any:
    response = api.post(path, body or {}, content_type="application/json")
    assert response.status_code == status, response.content
    return response.json()


def clicks(contact: Contact, *days_ago: float, **fields: Any) -> None:
    for days in days_ago:
        at = timezone.now() - timedelta(days=days)
        builders.make_activity(
            contact,
            **{"activity_type": Activity.EMAIL_CLICKED, "occurred_at": at, "received_at": at, "processed_at": at}
            | fields,
        )


def everything() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (Task, Firing, RuleVersion, Activity))


def test_a_dry_run_counts_by_reason_with_samples_and_writes_nothing(api: Client, manager: User) -> None:
    hot, cold, busy = (builders.make_contact(manager, lead_score=score) for score in (90, 10, 90))
    rule = builders.make_rule(manager, is_active=False, condition="contact.lead_score > 80")
    for contact in (hot, cold, busy):
        clicks(contact, 1)
    builders.make_firing(rule, task=builders.make_task(manager, contact=busy))
    before = everything()
    said = post(api, f"{RULES}{rule.pk}/dry-run")
    assert everything() == before
    assert {name: said[name] for name in ("examined", "would_create", "suppressed", "no_match", "failed")} == {
        "examined": 3,
        "would_create": 1,
        "suppressed": 1,
        "no_match": 1,
        "failed": 0,
    }
    (sample,) = said["samples"]["create"]
    assert (sample["contact_id"], sample["title"]) == (hot.pk, f"Call {hot.name}")
    (unmet,) = said["samples"]["no_match"]
    assert unmet["clause"]["values"] == {"contact.lead_score": 10}
    assert unmet["contact_id"] == cold.pk
    assert said["samples"]["suppressed"][0]["reason"] == "its task for this contact is still open"


def test_a_dry_run_tries_changes_that_are_not_saved(api: Client, manager: User) -> None:
    clicks(builders.make_contact(manager, lead_score=50), 1)
    rule = builders.make_rule(manager)
    said = post(api, f"{RULES}{rule.pk}/dry-run", {"changes": {"condition": "contact.lead_score > 80"}})
    assert (said["would_create"], said["no_match"]) == (0, 1)
    rule.refresh_from_db()
    assert rule.condition == ""
    wrong = post(api, f"{RULES}{rule.pk}/dry-run", {"changes": {"condition": "contact.score > 1"}}, status=422)
    assert wrong["errors"][0]["pointer"] == "/condition"
    assert "lead_score" in wrong["errors"][0]["message"]


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("activity", {"activity_types": ["email_clicked"]}),
        ("status_change", {"to_status": "lead"}),
        ("cadence", {}),
        ("time", {"every": {"days": 1}, "audience": "contacts"}),
        ("overdue", {"what": "task", "after_hours": 2}),
        ("overdue", {"what": "follow_up"}),
        ("inactivity", {"days": 30}),
        ("task_completed", {}),
    ],
)
def test_every_trigger_has_its_place_in_the_simulation(
    api: Client, manager: User, kind: str, config: dict[str, Any]
) -> None:
    """One contact for which each kind has something to say, now and in the past week."""
    now = timezone.now()
    contact = builders.make_contact(
        manager, contact_cadence="daily", created_at=now - timedelta(days=33), timezone="Europe/Berlin"
    )
    late = now - timedelta(days=2)
    Contact.objects.filter(pk=contact.pk).update(next_touch_at=late, next_follow_up_at=late)
    clicks(contact, 31.5 if kind == "inactivity" else 1)
    if kind == "status_change":
        clicks(contact, 1, activity_type=Activity.STATUS_CHANGED, data={"old_status": "lost", "new_status": "lead"})
    if kind == "overdue":
        builders.make_task(manager, contact=contact, due_date=late)
    if kind == "task_completed":
        done = builders.make_done_task(manager, contact=contact, at=now)
        clicks(contact, 1, activity_type=Activity.TASK_COMPLETED, task_id=done.pk)
    said = post(
        api,
        f"{RULES}dry-run/",
        {"trigger_type": kind, "trigger_config": config, "task_title_template": "Look at {{contact_name}}"},
    )
    assert said["would_create"] == 1, said
    rule = builders.make_rule(
        manager, trigger_type=kind, trigger_config=config, is_active=False, repeat_policy="every_time"
    )
    span = {"start": (now - timedelta(days=7)).isoformat(), "end": (now + timedelta(minutes=1)).isoformat()}
    told = post(api, f"{RULES}{rule.pk}/backtest", span)
    assert told["created"] >= 1, told
    assert told == post(api, f"{RULES}{rule.pk}/backtest", span), "the same answer whenever it is asked"
    assert sum(day["tasks"] for day in told["by_day"]) == told["created"]
    assert told["by_day"][0]["owner_id"] == manager.pk


def test_a_backtest_says_the_difference_to_the_live_version(api: Client, manager: User) -> None:
    hot, cold = (builders.make_contact(manager, lead_score=score) for score in (90, 10))
    clicks(hot, 3, 2)
    clicks(cold, 3)
    rule = builders.make_rule(manager, repeat_policy="every_time", estimated_hours=2)
    now = timezone.now()
    span = {"start": (now - timedelta(days=7)).isoformat(), "end": now.isoformat()}
    told = post(api, f"{RULES}{rule.pk}/backtest", span | {"changes": {"condition": "contact.lead_score > 80"}})
    assert told["created"] == 2
    assert told["difference"]["created"] == -1
    assert len(told["difference"]["only_live"]) == 1
    assert sum(day["hours"] for day in told["by_day"]) == 4
    assert told["really_created"] == 0
    assert post(api, f"{RULES}{rule.pk}/backtest", {"start": span["end"], "end": span["start"]}, status=422)


def test_while_open_a_simulated_task_counts_as_done_after_the_time_that_is_said(api: Client, manager: User) -> None:
    contact = builders.make_contact(manager)
    clicks(contact, 6, 5.5, 4, 3.9)
    rule = builders.make_rule(manager)
    now = timezone.now()
    span = {"start": (now - timedelta(days=7)).isoformat(), "end": now.isoformat()}
    told = {
        hours: post(api, f"{RULES}{rule.pk}/backtest", span | {"done_after_hours": hours}) for hours in (1, 24, 2000)
    }
    assert {hours: said["created"] for hours, said in told.items()} == {1: 4, 24: 2, 2000: 1}
    assert told[24]["reasons"] == {"its task for this contact is still open": 2}


@pytest.mark.parametrize("settle", [0, 60])
def test_a_backtest_of_a_rule_that_was_off_replays_as_if_it_were_on(api: Client, manager: User, settle: int) -> None:
    rule = builders.make_rule(
        manager, trigger_type="status_change", trigger_config={"to_status": "active"}, settle_seconds=settle
    )
    rules.update(rule, is_active=False, now=timezone.now() - timedelta(days=9))
    words = {"old_status": "lead", "new_status": "active"}
    clicks(builders.make_contact(manager), 3, activity_type=Activity.STATUS_CHANGED, data=words)
    span = {"start": (timezone.now() - timedelta(days=5)).isoformat(), "end": timezone.now().isoformat()}
    assert post(api, f"{RULES}{rule.pk}/backtest", span)["created"] == 1


def test_a_trial_pauses_where_the_rule_would_pause_itself(api: Client, manager: User) -> None:
    rule = builders.make_rule(manager, is_active=False, burst=3)
    for _ in range(5):
        clicks(builders.make_contact(manager), 1)
    said = post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})
    dry = post(api, f"{RULES}{rule.pk}/dry-run")
    span = {"start": (timezone.now() - timedelta(days=5)).isoformat(), "end": timezone.now().isoformat()}
    backtest = post(api, f"{RULES}{rule.pk}/backtest", span)
    run_due()
    rule.refresh_from_db()
    assert said["matching_now"] == dry["would_create"] == backtest["created"] == rule.tasks.count() == 3
    assert not rule.is_active
    for told in (dry, backtest):
        assert told["reasons"] == {"it would have switched itself off by then, for making too many at once": 2}


def test_explain_names_the_condition_with_its_value(api: Client, manager: User) -> None:
    contact = builders.make_contact(manager, lead_score=10)
    rule = builders.make_rule(manager, condition='contact.lead_score > 80 && contact.status == "lead"')
    clicks(contact, 0.1)
    said = post(api, f"{RULES}{rule.pk}/explain", {"contact_id": contact.pk})
    assert [clause["holds"] for clause in said["conditions"]] == [False, True]
    assert said["conditions"][0]["values"] == {"contact.lead_score": 10}
    assert "contact.lead_score is 10" in said["sentence"]
    assert said["events"][0]["starts"] is True
    assert said["events"][0]["outcome"] == "would no_match"


def test_explain_says_what_came_of_the_last_event(api: Client, manager: User) -> None:
    contact = builders.make_contact(manager)
    rule = builders.make_rule(manager)
    for _ in range(2):
        builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED)
    engine.drain(manager.team_id, now=timezone.now())
    said = post(api, f"{RULES}{rule.pk}/explain", {"contact_id": contact.pk})
    assert [event["outcome"] for event in said["events"] if event["starts"]] == ["suppressed", "fired"]
    assert "still open" in said["sentence"]
    other = builders.make_rule(builders.make_user(team=manager.team), condition="")
    said = post(api, f"{RULES}{other.pk}/explain", {"contact_id": contact.pk})
    assert said["in_scope"] is False
    assert "owner" in said["sentence"]


def test_explain_is_about_the_last_event_not_the_last_task(api: Client, manager: User) -> None:
    contact = builders.make_contact(manager, lead_score=90)
    rule = builders.make_rule(manager, condition="contact.lead_score > 80")
    builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED)
    engine.drain(manager.team_id, now=timezone.now())
    assert rule.tasks.exists()
    Contact.objects.filter(pk=contact.pk).update(lead_score=10)
    builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED)
    engine.drain(manager.team_id, now=timezone.now())
    said = post(api, f"{RULES}{rule.pk}/explain", {"contact_id": contact.pk})
    assert said["sentence"] == "The condition contact.lead_score > 80 does not hold: contact.lead_score is 10."


def test_explain_says_when_the_rule_was_off_or_not_there_yet(api: Client, manager: User) -> None:
    contact = builders.make_contact(manager)
    clicks(contact, 2)
    rule = builders.make_rule(manager)
    told = post(api, f"{RULES}{rule.pk}/explain", {"contact_id": contact.pk})["sentence"]
    assert told == "The rule was made after the last event that starts it. For another one it would fire."
    TaskAutomationRule.objects.filter(pk=rule.pk).update(created_at=timezone.now() - timedelta(days=9))
    rule.refresh_from_db()
    rules.update(rule, is_active=False, now=timezone.now() - timedelta(days=3))
    rules.update(rule, is_active=True, now=timezone.now() - timedelta(days=1))
    said = post(api, f"{RULES}{rule.pk}/explain", {"contact_id": contact.pk})
    assert said["sentence"] == "The rule was off when the last event that starts it happened."
    assert said["events"][0]["reason"] == "the rule was off then"


def test_explain_names_the_next_run_of_a_rule_on_time(api: Client, manager: User) -> None:
    contact = builders.make_contact(manager)
    config = {"at": "2199-12-01T09:00", "audience": "contacts"}
    rule = builders.make_rule(manager, trigger_type="time", trigger_config=config)
    timers.run_due(manager.team_id, now=timezone.now())
    said = post(api, f"{RULES}{rule.pk}/explain", {"contact_id": contact.pk})
    assert said["sentence"] == "It would fire at its next run, 2199-12-01 09:00 UTC."


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        ("inactivity", {"days": 10}, "it looks forward"),
        ("overdue", {}, "it looks forward"),
        ("cadence", {}, "it looks forward"),
        ("overdue", {"what": "follow_up"}, "it looks forward"),
        ("status_change", {"to_status": "lead"}, "did not change to it lately"),
    ],
)
def test_explain_promises_nothing_that_is_past(
    api: Client, manager: User, kind: str, config: dict[str, Any], words: str
) -> None:
    contact = builders.make_contact(
        manager, contact_cadence="weekly", next_follow_up_at=LONG_AGO, next_touch_at=LONG_AGO
    )
    Contact.objects.filter(pk=contact.pk).update(created_at=LONG_AGO, seen_follow_up_at=LONG_AGO)
    builders.make_task(manager, contact=contact, due_date=LONG_AGO, title="Late")
    Contact.objects.filter(pk=contact.pk).update(touched_for=LONG_AGO, missed_for=LONG_AGO)
    rule = builders.make_rule(manager, trigger_type=kind, trigger_config=config)
    sweeps.run(manager.team_id, now=timezone.now())
    assert not rule.firings.exists()
    said = post(api, f"{RULES}{rule.pk}/explain", {"contact_id": contact.pk})
    assert words in said["sentence"]


def test_what_was_judged_is_not_promised_again(api: Client, manager: User) -> None:
    contact = builders.make_contact(manager)
    Contact.objects.filter(pk=contact.pk).update(created_at=timezone.now() - timedelta(days=40))
    rule = builders.make_rule(
        manager, is_active=False, trigger_type="inactivity", trigger_config={"days": 10}, repeat_policy="every_time"
    )
    for expected in (1, 0):
        said = post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})
        assert said["matching_now"] == expected
        run_due()
        assert rule.tasks.count() == 1
        rules.update(rule, is_active=False)
    rules.update(rule, is_active=True)
    told = post(api, f"{RULES}{rule.pk}/explain", {"contact_id": contact.pk})["sentence"]
    assert told == "It fired for the contact's last event that starts it."
    dry = post(api, f"{RULES}{rule.pk}/dry-run")
    assert dry["reasons"] == {"the rule has judged this already": 1}


def test_who_still_has_a_status_has_not_left_it(api: Client, manager: User) -> None:
    builders.make_contact(manager, status="lead")
    gone = builders.make_contact(manager, status="active")
    rule = builders.make_rule(
        manager, is_active=False, trigger_type="status_change", trigger_config={"from_status": "lead"}
    )
    said = post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})
    run_due()
    assert said["matching_now"] == 1
    assert rule.tasks.get().contact == gone


def test_switching_on_looks_at_so_many_and_works_on_all(api: Client, manager: User) -> None:
    """However many contacts there are, the answer comes as soon, and says that there are more."""
    builders.make_contacts(manager, dry_run.AT_ONCE - 2, status="active")
    builders.make_contacts(manager, 5, status="active", lead_score=90)
    rule = builders.make_rule(
        manager,
        is_active=False,
        trigger_type="status_change",
        trigger_config={"to_status": "active"},
        condition="contact.lead_score > 50",
    )
    dry = post(api, f"{RULES}{rule.pk}/dry-run")
    assert (dry["would_create"], dry["examined"], dry["cut_off"]) == (2, 1_000, True)
    said = post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})
    assert (said["matching_now"], said["examined"], said["cut_off"]) == (2, 1_000, True)
    while run_due():
        pass
    assert rule.tasks.count() == 5


def test_switching_on_says_what_matches_and_works_on_none_unless_asked(api: Client, manager: User) -> None:
    for _ in range(3):
        clicks(builders.make_contact(manager), 1)
    quiet = builders.make_rule(manager, is_active=False)
    said = post(api, f"{RULES}{quiet.pk}/activate")
    assert (said["matching_now"], said["job_id"], said["is_active"]) == (3, None, True)
    run_due()
    assert not quiet.tasks.exists()
    asked = builders.make_rule(manager, is_active=False)
    said = post(api, f"{RULES}{asked.pk}/activate", {"apply_to_current": True})
    for _ in range(2):
        run_due()
    assert asked.tasks.count() == said["matching_now"] == 3
    asked.refresh_from_db()
    assert asked.times_triggered == 3


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("status_change", {"to_status": "lead"}),
        ("time", {"cron": "0 9 * * *", "audience": "contacts"}),
        ("inactivity", {"days": 10}),
        ("activity", {"activity_types": ["email_clicked"]}),
    ],
)
def test_a_rule_that_is_on_makes_what_it_says_and_none_of_it_again(
    api: Client, manager: User, kind: str, config: dict[str, Any]
) -> None:
    rule = builders.make_rule(manager, trigger_type=kind, trigger_config=config, repeat_policy="every_time")
    TaskAutomationRule.objects.filter(pk=rule.pk).update(active_since=timezone.now() - timedelta(days=20))
    for expected in (2, 0, 1):
        for _ in range(expected):
            contact = builders.make_contact(manager)
            Contact.objects.filter(pk=contact.pk).update(created_at=timezone.now() - timedelta(days=15))
            clicks(contact, 12 / 24 if kind == "activity" else 15)
        before = rule.tasks.count()
        said = post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})
        run_due()
        assert (said["matching_now"], rule.tasks.count() - before) == (expected, expected)
    if kind in ("status_change", "time"):
        lately = timezone.now() - timedelta(hours=1)
        begun = rule.firings.filter(occurred_at__gt=lately)
        assert begun.count() == rule.firings.count(), "it starts when somebody asks"


@pytest.mark.parametrize("settle", [0, 60])
@pytest.mark.parametrize("how", ["verb", "by hand", "by hand, not noticed yet"])
def test_applying_a_status_rule_makes_nothing_again_for_a_change_it_has_judged(
    api: Client, manager: User, how: str, settle: int
) -> None:
    rule = builders.make_rule(
        manager,
        trigger_type="status_change",
        trigger_config={"to_status": "active"},
        repeat_policy="every_time",
        settle_seconds=settle,
    )
    contact, late = builders.make_contact(manager), timezone.now() + timedelta(minutes=5)
    if how == "verb":
        contacts.update(contact, by=manager, now=timezone.now(), status="active")
    else:
        Contact.objects.filter(pk=contact.pk).update(status="active")
    if how != "by hand, not noticed yet":
        engine.drain(manager.team_id, now=timezone.now())
        assert post(api, f"{RULES}{rule.pk}/dry-run")["reasons"] == {"the rule has judged this already": 1}
        assert post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})["matching_now"] == 0
    else:
        assert post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})["matching_now"] == 1
    run_due()
    engine.drain(manager.team_id, now=timezone.now())
    waiting.run_due(manager.team_id, now=late)
    assert rule.tasks.count() == rule.firings.count() == 1
    assert post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})["matching_now"] == 0
    run_due()
    assert rule.tasks.count() == 1


def test_a_change_from_before_the_rule_is_worked_on_once_however_often_it_is_applied(
    api: Client, manager: User
) -> None:
    contact = builders.make_contact(manager)
    contacts.update(contact, by=manager, now=timezone.now() - timedelta(days=9), status="active")
    engine.drain(manager.team_id, now=timezone.now())
    rule = builders.make_rule(
        manager,
        trigger_type="status_change",
        trigger_config={"to_status": "active"},
        repeat_policy="every_time",
        is_active=False,
    )
    for expected in (1, 0):
        said = post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})
        run_due()
        assert (said["matching_now"], rule.tasks.count()) == (expected, 1)
    assert TaskScheduler(manager).schedule_based_on_status(contact, "lead", "active") == rule.tasks.get()


def test_a_rule_changed_while_on_is_applied_as_it_stands(api: Client, manager: User) -> None:
    clicks(builders.make_contact(manager, lead_score=10), 1)
    rule = builders.make_rule(manager, is_active=False, condition="contact.lead_score > 80")
    for condition, expected in (("contact.lead_score > 80", 0), ("contact.lead_score > 5", 1), ("", 0)):
        rules.update(rule, condition=condition)
        before = rule.tasks.count()
        said = post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})
        run_due()
        assert (said["matching_now"], rule.tasks.count() - before) == (expected, expected)


def test_a_rule_that_is_on_is_said_to_pause_where_it_does(api: Client, manager: User) -> None:
    rule = builders.make_rule(manager, burst=4)
    for made in range(2):
        builders.make_firing(rule, task=builders.make_task(manager), trigger_key=f"made:before{made}")
    for _ in range(5):
        clicks(builders.make_contact(manager), 1)
    said = post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})
    run_due()
    assert said["matching_now"] == rule.tasks.count() - 2 == 2
    rule.refresh_from_db()
    assert not rule.is_active


def test_what_was_asked_for_before_it_was_switched_off_and_on_is_not_made(api: Client, manager: User) -> None:
    clicks(builders.make_contact(manager), 1)
    rule = builders.make_rule(manager, is_active=False)
    post(api, f"{RULES}{rule.pk}/activate", {"apply_to_current": True})
    for active in (False, True):
        rules.update(rule, is_active=active)
    run_due()
    assert not rule.tasks.exists()


def test_suppressions_can_be_listed_and_versions_read(api: Client, manager: User) -> None:
    contact = builders.make_contact(manager)
    rule = builders.make_rule(manager)
    for _ in range(3):
        builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED)
    engine.drain(manager.team_id, now=timezone.now())
    rows = api.get(f"{RULES}{rule.pk}/firings?outcome=suppressed").json()["results"]
    assert [row["reason"] for row in rows] == ["its task for this contact is still open"] * 2
    versions = api.get(f"{RULES}{rule.pk}/versions").json()["results"]
    assert versions[0]["content"]["task_title_template"] == "Call {{contact_name}}"


def test_a_rule_that_closes_a_circle_is_saved_with_a_warning_that_names_it(api: Client, manager: User) -> None:
    first = builders.make_rule(manager, name="Ping", trigger_type="task_completed", trigger_config={})
    said = post(
        api,
        RULES,
        {
            "name": "Pong",
            "trigger_type": "task_completed",
            "trigger_config": {"rule_ids": [first.pk]},
            "task_title_template": "Pong",
        },
        status=201,
    )
    circle = "“Pong” → “Ping” → “Pong”"
    assert circle in said["warning"]
    rules.update(TaskAutomationRule.objects.get(pk=said["id"]), is_active=False)
    assert circle in post(api, f"{RULES}{said['id']}/activate")["warning"], "switching on closes it as well"


def test_a_rule_whose_date_has_passed_is_saved_with_a_warning(api: Client) -> None:
    body = {"trigger_type": "time", "task_title_template": "Look back"}
    past = post(api, RULES, body | {"trigger_config": {"at": "2020-01-01T09:00"}}, status=201)
    assert past["warning"] == "Its date has passed, so it will not run: choose one that is still to come."
    to_come = post(api, RULES, body | {"trigger_config": {"at": "2199-01-01T09:00"}}, status=201)
    assert to_come["warning"] == ""


@pytest.mark.parametrize("types", [[" "], ["email_clicked"] * 101])
def test_types_of_activities_are_words_and_not_too_many(api: Client, types: list[str]) -> None:
    body = {"trigger_type": "activity", "trigger_config": {"activity_types": types}, "task_title_template": "Call"}
    assert post(api, RULES, body, status=422)["errors"][0]["pointer"] == "/trigger_config"


def test_a_rule_waits_only_for_rules_of_its_team(api: Client, manager: User) -> None:
    theirs = builders.make_rule(builders.make_manager(), name="Not for other eyes")
    ours = builders.make_rule(manager)
    body = {"trigger_type": "task_completed", "task_title_template": "Thank them"}
    config = {"rule_ids": [ours.pk, theirs.pk, 10**18]}
    refused = post(api, RULES, body | {"trigger_config": config}, status=422)
    assert refused["errors"][0]["pointer"] == "/trigger_config"
    assert f"the team has no rule {theirs.pk}, {10**18}" in refused["errors"][0]["message"]
    assert "other eyes" not in str(refused)
    rules.archive(ours, now=timezone.now())
    post(api, RULES, body | {"trigger_config": {"rule_ids": [10**30]}}, status=422)
    saved = post(api, RULES, body | {"trigger_config": {"rule_ids": [ours.pk]}}, status=201)
    assert ours.name in saved["sentence"], "tasks it made before it was deleted may still be completed"


def test_statistics_say_what_became_of_it_by_day(api: Client, manager: User) -> None:
    rule = builders.make_rule(manager)
    people = [builders.make_contact(manager) for _ in range(3)]
    for contact in (*people, people[0]):
        builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED)
    engine.drain(manager.team_id, now=timezone.now())
    first, second, _ = rule.tasks.order_by("pk")
    lifecycle.complete(first, by=manager, now=first.created_at + timedelta(hours=2))
    lifecycle.complete(second, by=manager, now=second.created_at + timedelta(hours=10))
    (row,) = api.get("/api/task-automation/stats/").json()["rules"]
    expected = {"fired": 3, "suppressed": 1, "failed": 0, "completed": 2, "on_time": 1, "open": 1}
    assert {name: row[name] for name in expected} == expected
    assert row["median_hours_to_done"] == 6
    assert sum(day["fired"] for day in row["by_day"]) == 3
    assert sum(day["completed"] for day in row["by_day"]) == 2


def test_a_members_trial_names_no_contact_of_others(manager: User) -> None:
    member = builders.make_user(team=manager.team)
    mine, other = builders.make_contact(member), builders.make_contact(manager)
    for contact in (mine, other):
        clicks(contact, 1)
    api = Client(headers={"authorization": f"Bearer {builders.make_token(member)}"})
    body = {"trigger_type": "activity", "trigger_config": {"activity_types": ["email_clicked"]}}
    said = post(api, f"{RULES}dry-run/", body | {"task_title_template": "Call"})
    assert (said["would_create"], said["out_of_scope"]) == (1, 1)
    assert other.name not in str(said)
    theirs = builders.make_rule(manager)
    post(api, f"{RULES}{theirs.pk}/dry-run", status=403)
    post(api, f"{RULES}{theirs.pk}/explain", {"contact_id": other.pk}, status=422)


def test_what_a_rule_can_be_built_of_is_told(api: Client) -> None:
    kinds = {row["kind"]: row for row in api.get("/api/task-automation/triggers/").json()}
    assert set(kinds) == {kind for kind, _ in TaskAutomationRule.TRIGGERS}
    assert "activity_types" in kinds["activity"]["settings"]["properties"]
    fields = {row["name"]: row for row in api.get("/api/task-automation/conditions/fields/").json()}
    assert fields["contact.status"]["choices"] == ["lead", "active", "inactive", "lost"]
    rows = {"match": "all", "rows": [{"field": "contact.lead_score", "operator": "above", "value": 80}]}
    said = post(api, "/api/task-automation/conditions/check/", {"rows": rows})
    assert said["source"] == "contact.lead_score > 80"
    assert said["rows"] == rows
    assert post(api, "/api/task-automation/conditions/check/", {"source": "contact.stat == 1"}, status=422)


def test_statistics_of_sequences_and_a_constant_number_of_queries(api: Client, manager: User) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from automation.programmes import sequences

    def ask() -> tuple[int, Any]:
        with CaptureQueriesContext(connection) as queries:
            said = api.get("/api/task-automation/stats/").json()
        return len(queries), said

    first = builders.make_contact(manager)
    _, tasks = sequences.enrol(first, "standard", owner=manager, now=timezone.now())
    builders.make_firing(builders.make_rule(manager), task=builders.make_task(manager, contact=first))
    ask()  # the first use of a token is noted
    before, _ = ask()
    lifecycle.complete(tasks[0], by=manager, now=tasks[0].created_at + timedelta(hours=3))
    for _ in range(4):
        contact = builders.make_contact(manager)
        sequences.enrol(contact, "standard", owner=manager, now=timezone.now())
        sequences.enrol(contact, "gentle", owner=manager, now=timezone.now())
        rule = builders.make_rule(manager)
        builders.make_firing(rule, task=builders.make_task(manager, contact=contact))
    builders.make_activity(first, activity_type=Activity.EMAIL_REPLIED, occurred_at=timezone.now())
    engine.drain(manager.team_id, now=timezone.now())
    after, said = ask()
    assert after == before
    row = next(row for row in said["sequences"] if "tandard" in row["name"])
    assert (row["fired"], row["exited"], row["active"]) == (5, 1, 4)
    assert (row["tasks_created"], row["completed"], row["on_time"]) == (20, 1, 1)
    assert row["median_hours_to_done"] == 3
    assert sum(row["exited_by_reason"].values()) == 1
    assert sum(day["fired"] for day in row["by_day"]) == 5


def test_a_trial_of_a_condition_that_takes_long_ends_in_time(
    api: Client, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.make_contacts(manager, 3, status="active")
    draft = {"trigger_type": "status_change", "trigger_config": {"to_status": "active"}, "is_active": False}
    rule = builders.make_rule(manager, **draft, condition='contact.name.matches("(\\\\pL{10}){10}x")')
    monkeypatch.setattr("automation.simulation.dry_run.SECONDS", 0.0)
    dry = post(api, f"{RULES}{rule.pk}/dry-run")
    assert (dry["examined"], dry["cut_off"]) == (1, True)
