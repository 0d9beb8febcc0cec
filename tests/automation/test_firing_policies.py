"""When a rule fires and when it holds back: settling, limits, circles, rushes, switches, conditions, versions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from automation import activation, chains, engine, readiness, rules, waiting
from automation.models import Firing, ParkedPair, RuleVersion, TaskAutomationRule
from crm import contacts
from crm.models import Activity, Contact
from domain import policies
from notifications.models import Notification
from people.models import User
from tests import builders
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.fixture
def contact(manager: User) -> Contact:
    return builders.make_contact(manager)


def click(contact: Contact, at: datetime, **fields: Any) -> Activity:
    return builders.make_activity(
        contact, **{"activity_type": Activity.EMAIL_CLICKED, "occurred_at": at, "received_at": at} | fields
    )


def drain(user: User, now: datetime) -> None:
    engine.drain(user.team_id, now=now)


def outcomes(rule: TaskAutomationRule) -> list[tuple[str, str]]:
    return list(rule.firings.order_by("pk").values_list("outcome", "reason"))


def change(contact: Contact, status: str, at: datetime) -> None:
    contacts.update(contact, by=None, now=at, status=status)


def settling_rule(manager: User) -> TaskAutomationRule:
    return builders.make_rule(
        manager,
        trigger_type="status_change",
        trigger_config={"from_status": "lead", "to_status": "active"},
        settle_seconds=600,
        repeat_policy="every_time",
        task_title_template="{{old_status}} to {{new_status}}",
    )


def test_a_settled_change_fires_once_after_the_last_of_a_row(manager: User, contact: Contact) -> None:
    rule = settling_rule(manager)
    for minutes, status in ((0, "inactive"), (3, "lead"), (6, "active")):
        change(contact, status, NOON + timedelta(minutes=minutes))
        drain(manager, NOON + timedelta(minutes=minutes))
    waiting.run_due(manager.team_id, now=NOON + timedelta(minutes=15))
    assert not rule.tasks.exists(), "ten minutes after the last change, not after the first"
    for _ in range(2):
        waiting.run_due(manager.team_id, now=NOON + timedelta(minutes=16))
    assert rule.tasks.get().title == "lead to active"
    rule.refresh_from_db()
    assert (rule.times_triggered, rule.tasks_created) == (1, 1)


def test_back_where_it_began_is_no_change_at_all(manager: User, contact: Contact) -> None:
    rule = settling_rule(manager)
    change(contact, "active", NOON)
    change(contact, "lead", NOON + timedelta(minutes=5))
    drain(manager, NOON + timedelta(minutes=5))
    waiting.run_due(manager.team_id, now=NOON + timedelta(hours=1))
    assert not rule.tasks.exists()
    assert not Firing.objects.filter(outcome="waiting").exists()


def test_what_stands_in_a_long_queue_is_read_before_a_settled_change_is_judged(
    manager: User, contact: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = settling_rule(manager)
    change(contact, "active", NOON)
    drain(manager, NOON)
    for _ in range(3):
        click(builders.make_contact(manager), NOON)
    change(contact, "lead", NOON + timedelta(minutes=5))
    monkeypatch.setattr(engine, "BATCH_SECONDS", 0.0)
    monkeypatch.setattr(engine, "DRAIN_SECONDS", 0.0)
    for _ in range(5):
        waiting.run_due(manager.team_id, now=NOON + timedelta(hours=1))
    assert not rule.tasks.exists(), "it went back before it had settled"
    assert not Firing.objects.filter(outcome="waiting").exists()


def test_a_change_after_it_had_settled_comes_too_late_to_undo_it(manager: User, contact: Contact) -> None:
    """The worker was away: both changes are read at once, an hour later."""
    rule = settling_rule(manager)
    change(contact, "active", NOON)
    change(contact, "lost", NOON + timedelta(minutes=30))
    drain(manager, NOON + timedelta(hours=1))
    waiting.run_due(manager.team_id, now=NOON + timedelta(hours=1))
    assert rule.tasks.get().title == "lead to active"


def test_a_settled_change_is_judged_with_all_that_came_with_it(manager: User, contact: Contact) -> None:
    rule = settling_rule(manager)
    rules.update(rule, condition='activity.data.channel == "shop" && activity.old_status == "lead"', now=NOON)
    words = {"old_status": "lead", "new_status": "active", "channel": "shop"}
    builders.make_activity(contact, activity_type="status_changed", data=words, occurred_at=NOON, received_at=NOON)
    drain(manager, NOON)
    waiting.run_due(manager.team_id, now=NOON + timedelta(minutes=11))
    assert outcomes(rule) == [("fired", "")]


def test_a_rule_that_waits_for_something_else_by_then_makes_nothing_of_a_settled_change(
    manager: User, contact: Contact
) -> None:
    rule = settling_rule(manager)
    change(contact, "active", NOON)
    drain(manager, NOON)
    calls = {"trigger_type": "activity", "trigger_config": {"activity_types": ["call"]}, "settle_seconds": 0}
    rules.update(rule, now=NOON, **calls)
    waiting.run_due(manager.team_id, now=NOON + timedelta(minutes=11))
    assert outcomes(rule) == [("suppressed", "the rule waits for something else meanwhile")]


@pytest.mark.parametrize(("overflow", "tasks_now", "tasks_later"), [("delay", 2, 3), ("drop", 2, 2)])
def test_the_limit_of_an_hour(manager: User, overflow: str, tasks_now: int, tasks_later: int) -> None:
    rule = builders.make_rule(manager, limit_per_hour=2, overflow=overflow)
    for minutes in (0, 10, 20):
        click(builders.make_contact(manager), NOON + timedelta(minutes=minutes))
        drain(manager, NOON + timedelta(minutes=minutes))
    assert rule.tasks.count() == tasks_now
    held = rule.firings.exclude(outcome="fired").get()
    assert policies.OVER_HOUR in held.reason
    waiting.run_due(manager.team_id, now=NOON + timedelta(minutes=59))
    assert rule.tasks.count() == tasks_now
    waiting.run_due(manager.team_id, now=NOON + timedelta(minutes=61))
    assert rule.tasks.count() == tasks_later


def test_the_limit_of_a_contacts_day_follows_the_contacts_zone(manager: User) -> None:
    contact = builders.make_contact(manager, timezone="Asia/Tokyo")
    rule = builders.make_rule(manager, limit_contact_day=1, repeat_policy="every_time")
    evening = datetime(2026, 6, 17, 14, 0, tzinfo=UTC)  # 23:00 in Tokyo
    for minutes in (0, 30):
        click(contact, evening + timedelta(minutes=minutes))
        drain(manager, evening + timedelta(minutes=minutes))
    held = rule.firings.get(outcome="waiting")
    assert held.due_at == datetime(2026, 6, 17, 15, 0, tzinfo=UTC), "midnight in Tokyo"
    waiting.run_due(manager.team_id, now=held.due_at)
    assert rule.tasks.count() == 2


def test_the_limit_of_an_owners_day_counts_all_rules(manager: User) -> None:
    free, limited = builders.make_rule(manager), builders.make_rule(manager, limit_owner_day=1, overflow="drop")
    click(builders.make_contact(manager), NOON)
    drain(manager, NOON)
    assert (free.tasks.count(), limited.tasks.count()) == (1, 0)
    assert outcomes(limited) == [("suppressed", policies.OVER_OWNER)]


def test_what_waits_for_room_keeps_others_from_firing_twice(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(manager, limit_per_hour=1)
    click(builders.make_contact(manager), NOON)
    for minutes in (1, 2):
        click(contact, NOON + timedelta(minutes=minutes))
    drain(manager, NOON + timedelta(minutes=2))
    assert [outcome for outcome, _ in outcomes(rule)] == ["fired", "waiting", "suppressed"]
    waiting.run_due(manager.team_id, now=NOON + timedelta(hours=2))
    assert rule.tasks.count() == 2


def test_switched_off_meanwhile_it_does_not_fire_when_its_turn_comes(manager: User) -> None:
    rule = builders.make_rule(manager, limit_per_hour=1)
    for _ in range(2):
        click(builders.make_contact(manager), NOON)
    drain(manager, NOON)
    rules.update(rule, is_active=False, now=NOON)
    waiting.run_due(manager.team_id, now=NOON + timedelta(hours=2))
    assert outcomes(rule)[1] == ("suppressed", "the rule was switched off meanwhile")


def test_nothing_fires_later_for_what_happened_while_it_was_off(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(manager, created_at=NOON - timedelta(days=9), repeat_policy="every_time")
    rules.update(rule, is_active=False, now=NOON)
    click(contact, NOON + timedelta(minutes=5))
    rules.update(rule, is_active=True, now=NOON + timedelta(minutes=10))
    click(contact, NOON + timedelta(minutes=6), received_at=NOON + timedelta(minutes=20))
    assert not rule.firings.exists()
    drain(manager, NOON + timedelta(minutes=20))
    assert not rule.firings.exists()
    click(contact, NOON + timedelta(minutes=21))
    drain(manager, NOON + timedelta(minutes=21))
    assert rule.tasks.count() == 1


def test_switched_on_past_the_verbs_it_fires_from_then_on(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(manager, is_active=False)
    now = timezone.now()
    click(contact, now)
    drain(manager, now)
    TaskAutomationRule.objects.filter(pk=rule.pk).update(is_active=True)
    click(contact, now + timedelta(seconds=1))
    drain(manager, now + timedelta(seconds=1))
    assert rule.tasks.count() == 1


def finish_all(user: User, now: datetime) -> int:
    found = list(Task.objects.open())
    for task in found:
        lifecycle.complete(task, by=user, now=now)
    drain(user, now)
    return len(found)


def test_rules_follow_one_another_and_stop_where_one_would_answer_itself(manager: User, contact: Contact) -> None:
    first = builders.make_rule(manager, name="First")
    second = builders.make_rule(
        manager, name="Second", trigger_type="task_completed", trigger_config={"rule_ids": [first.pk]}
    )
    third = builders.make_rule(
        manager, name="Third", trigger_type="task_completed", trigger_config={}, repeat_policy="every_time"
    )
    root = click(contact, NOON)
    drain(manager, NOON)
    rounds = 0
    while finish_all(manager, NOON + timedelta(minutes=rounds)) and rounds < 10:
        rounds += 1
    assert rounds < 10, "it comes to an end"
    chained = second.firings.get(outcome="fired")
    assert (chained.path, chained.depth, chained.root) == ([first.pk], 1, root)
    stopped = third.firings.filter(outcome="suppressed")
    assert set(stopped.values_list("reason", flat=True)) == {policies.OWN_EFFECT}
    assert third.tasks.exists()


def test_a_chain_that_grows_too_deep_parks_the_pair_and_shows_itself(manager: User, contact: Contact) -> None:
    chain = [builders.make_rule(manager, name="Rule 0")]
    for n in range(1, 8):
        config = {"rule_ids": [chain[-1].pk]}
        chain.append(
            builders.make_rule(manager, name=f"Rule {n}", trigger_type="task_completed", trigger_config=config)
        )
    click(contact, NOON)
    drain(manager, NOON)
    for _ in range(10):
        finish_all(manager, NOON)
    pair = ParkedPair.objects.get()
    assert pair.rule == chain[6]
    assert pair.chain == [f"Rule {n}" for n in range(7)]
    assert Notification.objects.filter(user=manager, kind="rule").count() == 1
    assert not chain[7].firings.exists()


def test_more_than_ten_in_an_hour_for_one_contact_parks_only_that_pair(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(manager, repeat_policy="every_time")
    for minutes in range(12):
        click(contact, NOON + timedelta(minutes=minutes))
    other = builders.make_contact(manager)
    click(other, NOON + timedelta(minutes=12))
    drain(manager, NOON + timedelta(minutes=12))
    assert rule.tasks.filter(contact=contact).count() == 10
    assert rule.tasks.filter(contact=other).count() == 1
    pair = ParkedPair.objects.get()
    later = NOON + timedelta(hours=3)
    click(contact, later)
    drain(manager, later)
    assert outcomes(rule)[-1] == ("suppressed", policies.PARKED)
    assert chains.release(pair, by=manager, now=later)
    click(contact, later + timedelta(minutes=1))
    drain(manager, later + timedelta(minutes=1))
    assert rule.tasks.filter(contact=contact).count() == 11


def test_a_pair_that_was_released_counts_anew(manager: User, contact: Contact) -> None:
    rule = builders.make_rule(manager, repeat_policy="every_time")
    for n in range(11):
        click(contact, NOON + timedelta(minutes=n))
    drain(manager, NOON + timedelta(minutes=11))
    released = NOON + timedelta(minutes=20)
    assert chains.release(ParkedPair.objects.get(rule=rule), by=manager, now=released)
    for n in range(1, 11):
        click(contact, released + timedelta(minutes=n))
    drain(manager, released + timedelta(minutes=11))
    assert rule.tasks.count() == 20
    click(contact, released + timedelta(minutes=12))
    drain(manager, released + timedelta(minutes=12))
    assert ParkedPair.objects.filter(rule=rule, released_at__isnull=True).exists()


def test_a_rush_pauses_the_rule_and_tells_its_owner_once(manager: User) -> None:
    rule = builders.make_rule(manager, burst=5, created_at=NOON)
    for n in range(9):
        click(builders.make_contact(manager), NOON + timedelta(seconds=n))
    drain(manager, NOON + timedelta(minutes=1))
    rule.refresh_from_db()
    assert (rule.is_active, rule.tasks.count()) == (False, 5)
    assert "5 tasks within an hour" in rule.paused_reason
    assert Notification.objects.filter(user=manager, kind="rule").count() == 1
    rules.update(rule, is_active=True, burst=0, now=NOON + timedelta(hours=2))
    assert rule.paused_reason == ""


def test_saving_an_older_object_takes_back_nothing_that_only_the_product_writes(manager: User) -> None:
    rule = builders.make_rule(manager, trigger_config={"activity_types": ["call"]})
    older = TaskAutomationRule.objects.get(pk=rule.pk)
    written: dict[str, Any] = {
        "times_triggered": 7, "tasks_created": 7, "content_hash": "new", "parked_reason": "Broken", "next_run_at": NOON,
        "planned_at": NOON, "is_active": False, "seen_active": False, "off_since": NOON, "paused_reason": "A rush",
        "archived_at": NOON,
    }  # fmt: skip
    TaskAutomationRule.objects.filter(pk=rule.pk).update(**written)
    for name in ("Second", "Third"):
        older.name = name
        older.save()
    kept = TaskAutomationRule.objects.get(pk=rule.pk)
    assert {column: getattr(kept, column) for column in written} == written
    assert (kept.name, kept.planned_for) == ("Third", "")


RULE_BY_HAND = {
    "name": "B", "delay_hours": 3, "is_active": False, "trigger_config": {"activity_types": ["meeting"]},
    "task_title_template": "Write", "condition": "contact.lead_score > 8", "scope": "own", "required_skills": [{}],
    "archived_at": NOON, "created_at": NOON, "times_triggered": 4, "paused_reason": "A rush",
}  # fmt: skip


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("column", RULE_BY_HAND)
def test_whatever_is_set_on_a_rule_by_hand_is_kept(manager: User, column: str, *, read: bool) -> None:
    rule = builders.make_rule(manager)
    rule = TaskAutomationRule.objects.get(pk=rule.pk) if read else rule
    setattr(rule, column, RULE_BY_HAND[column])
    rule.save()
    assert getattr(TaskAutomationRule.objects.get(pk=rule.pk), column) == RULE_BY_HAND[column]


@pytest.mark.parametrize("way", ["update", "update_fields", "bulk_update"])
@pytest.mark.parametrize("on", [True, False])
def test_a_rule_switched_in_one_way_is_switched_back_by_a_save(manager: User, way: str, *, on: bool) -> None:
    rule = builders.make_rule(manager, is_active=on)
    if way == "update":
        TaskAutomationRule.objects.filter(pk=rule.pk).update(is_active=not on)
        rule = TaskAutomationRule.objects.get(pk=rule.pk)
    rule.is_active = not on
    if way == "update_fields":
        rule.save(update_fields=["is_active"])
    elif way == "bulk_update":
        TaskAutomationRule.objects.bulk_update([rule], ["is_active"])
    assert TaskAutomationRule.objects.get(pk=rule.pk).is_active is not on
    rule.is_active = on
    rule.save()
    assert TaskAutomationRule.objects.get(pk=rule.pk).is_active is on


def test_switching_by_one_named_column_writes_when_and_plans_anew(manager: User) -> None:
    rule = builders.make_rule(manager)
    TaskAutomationRule.objects.filter(pk=rule.pk).update(planned_for="old")
    rule.is_active = False
    rule.save(update_fields=["is_active"])
    kept = TaskAutomationRule.objects.get(pk=rule.pk)
    assert (kept.seen_active, kept.planned_for) == (False, "")
    assert kept.off_since is not None


@pytest.mark.parametrize("way", ["save", "update"])
def test_one_that_paused_itself_and_was_switched_on_by_hand_says_so_no_more(manager: User, way: str) -> None:
    rule = builders.make_rule(manager)
    paused = {"is_active": False, "seen_active": False, "off_since": NOON, "paused_reason": "A rush"}
    TaskAutomationRule.objects.filter(pk=rule.pk).update(**paused)
    rule = TaskAutomationRule.objects.get(pk=rule.pk)
    if way == "save":
        rule.is_active = True
        rule.save()
    else:
        TaskAutomationRule.objects.filter(pk=rule.pk).update(is_active=True)
        readiness.ready_rules(rule.team_id, NOON)
    kept = TaskAutomationRule.objects.get(pk=rule.pk)
    assert (kept.is_active, kept.paused_reason) == (True, "")


def test_a_copy_of_a_rule_is_a_new_one(manager: User) -> None:
    rule = TaskAutomationRule.objects.get(pk=builders.make_rule(manager).pk)
    rule.pk = None
    rule.save()
    assert TaskAutomationRule.objects.count() == 2


def test_who_switches_a_rule_by_hand_does_so_though_the_object_is_older(manager: User) -> None:
    rule = builders.make_rule(manager)
    older = TaskAutomationRule.objects.defer("name").get(pk=rule.pk)
    TaskAutomationRule.objects.filter(pk=rule.pk).update(times_triggered=7)
    for on in (False, True):
        older.is_active = on
        older.save()
        kept = TaskAutomationRule.objects.get(pk=rule.pk)
        assert (kept.is_active, kept.seen_active, kept.times_triggered) == (on, on, 7)
    assert kept.off_since is not None
    assert kept.active_since is not None
    assert kept.active_since >= kept.off_since


def test_what_waits_stops_with_the_rule_that_pauses_itself(manager: User) -> None:
    rule = builders.make_rule(manager, burst=3, created_at=NOON - timedelta(days=2), limit_owner_day=1)
    for _ in range(14):
        click(builders.make_contact(manager), NOON)
    drain(manager, NOON)
    TaskAutomationRule.objects.filter(pk=rule.pk).update(limit_owner_day=None)
    waiting.run_due(manager.team_id, now=NOON + timedelta(hours=12))
    rule.refresh_from_db()
    assert (rule.is_active, rule.tasks.count()) == (False, 12)
    assert outcomes(rule)[-1] == ("suppressed", "the rule was switched off meanwhile")


def test_a_rush_that_somebody_has_looked_at_does_not_pause_it_again(manager: User) -> None:
    rule = builders.make_rule(manager, burst=5, created_at=NOON - timedelta(days=1))
    for n in range(6):
        click(builders.make_contact(manager), NOON + timedelta(seconds=n))
    drain(manager, NOON + timedelta(minutes=1))
    on_again = NOON + timedelta(minutes=5)
    rule.refresh_from_db()
    rules.update(rule, is_active=True, now=on_again)
    for n in range(4):
        click(builders.make_contact(manager), on_again + timedelta(seconds=n))
    drain(manager, on_again + timedelta(minutes=1))
    rule.refresh_from_db()
    assert (rule.is_active, rule.tasks.count()) == (True, 9)
    click(builders.make_contact(manager), on_again + timedelta(minutes=2))
    drain(manager, on_again + timedelta(minutes=2))
    rule.refresh_from_db()
    assert not rule.is_active, "a second rush is one again"


@pytest.mark.parametrize(
    ("this_hour", "before", "least", "rushes"),
    [
        (100, [], 100, True),
        (99, [], 100, False),
        (100, [10], 100, False),
        (101, [10], 100, True),
        (150, [10, 20], 100, False),
        (151, [10, 20], 100, True),
        (500, [3, 60, 60], 100, False),
        (10_000, [1], 0, False),
    ],
)
def test_ten_times_the_usual_hour_is_a_rush(this_hour: int, before: list[int], least: int, rushes: bool) -> None:
    assert policies.is_rush(this_hour, before, least=least) is rushes


def test_a_condition_decides_and_what_it_does_not_match_leaves_no_row(manager: User) -> None:
    rule = builders.make_rule(manager, condition='contact.lead_score > 80 && contact.status == "lead"')
    hot, cold = builders.make_contact(manager, lead_score=90), builders.make_contact(manager, lead_score=10)
    for one in (hot, cold):
        click(one, NOON)
    drain(manager, NOON)
    assert rule.tasks.get().contact == hot
    assert Firing.objects.count() == 1


def test_a_condition_that_cannot_be_judged_fails_that_firing_only(manager: User) -> None:
    rule = builders.make_rule(manager, condition="activity.data.items.exists(i, i.price > 3)")
    good, bad = builders.make_contact(manager), builders.make_contact(manager)
    click(bad, NOON, data={"items": [7]})
    click(good, NOON, data={"items": [{"price": 5}]})
    drain(manager, NOON)
    assert rule.tasks.get().contact == good
    failed = rule.firings.get(outcome="failed")
    assert failed.contact == bad
    assert failed.reason


def test_editing_touches_the_future_and_each_firing_names_its_version(manager: User) -> None:
    rule = rules.create(
        manager,
        now=NOON,
        name="Call",
        trigger_type="activity",
        trigger_config={"activity_types": ["email_clicked"]},
        task_title_template="Call",
    )
    assert RuleVersion.objects.get().number == 1, "published with the rule"
    click(builders.make_contact(manager), NOON)
    drain(manager, NOON)
    rules.update(rule, task_title_template="Write to {{contact_name}}", now=NOON)
    click(builders.make_contact(manager), NOON)
    drain(manager, NOON)
    rules.update(rule, task_title_template="Call", now=NOON)
    click(builders.make_contact(manager), NOON)
    drain(manager, NOON)
    numbers = list(rule.firings.order_by("pk").values_list("version__number", flat=True))
    assert numbers == [1, 2, 1], "the same content is the same version"
    assert Task.objects.order_by("pk").first().title == "Call"


def test_whoever_edits_a_rule_keeps_what_it_did_and_what_others_changed_meanwhile(manager: User) -> None:
    rule = builders.make_rule(manager)
    open_in_a_form = TaskAutomationRule.objects.get(pk=rule.pk)
    click(builders.make_contact(manager), NOON)
    drain(manager, NOON)
    activation.deactivate(rule, now=NOON)
    rules.update(open_in_a_form, name="Call back", now=NOON)
    rule.refresh_from_db()
    assert (rule.name, rule.is_active, rule.times_triggered, rule.tasks_created) == ("Call back", False, 1, 1)


def test_counters_rebuilt_from_firings_are_the_same(manager: User) -> None:
    rule = builders.make_rule(manager, limit_per_hour=3, overflow="delay")
    for n in range(5):
        click(builders.make_contact(manager), NOON + timedelta(minutes=n))
    drain(manager, NOON + timedelta(minutes=5))
    waiting.run_due(manager.team_id, now=NOON + timedelta(hours=2))
    rule.refresh_from_db()
    counted = (rule.times_triggered, rule.tasks_created)
    assert counted == (5, 5)
    TaskAutomationRule.objects.filter(pk=rule.pk).update(times_triggered=77, tasks_created=1)
    rules.rebuild_counters(rule)
    rule.refresh_from_db()
    assert (rule.times_triggered, rule.tasks_created) == counted
