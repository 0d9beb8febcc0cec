"""A batch judged in memory and written a table at a time, beside the same events done row by row: the same comes of
both, whatever the rules say.
"""

import re
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from automation import bulk, engine, rule_changes, rulebook
from automation.models import Firing, TaskAutomationRule
from automation.readiness import ready_rules
from crm.models import Activity, Contact
from jobs import rows
from notifications.models import Notification
from people.models import Team, User
from tests import builders
from work.models import Assignment, Exclusion, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TYPES = ("email_opened", "email_clicked", "form_submitted", "visited")
CONDITIONS = (
    "",
    "",
    'activity.campaign == "a"',
    '"b" == activity.campaign && contact.lead_score >= 0',
    'contact.status == "active" || activity.hour > 3',
    "activity.data.n > 3",  # fails for a word
    "contact.days_since_activity > 1",
)
LIMITS: tuple[dict[str, int], ...] = (
    *({}, {}),
    *({"limit_per_hour": 3}, {"limit_owner_day": 4}, {"limit_contact_day": 2}),
    *({"burst": 4}, {"burst": 0}),
)
EVENTS = 60
COLUMNS = (
    *("title", "description", "priority", "status", "estimated_hours", "created_at", "started_at"),
    *("due_date", "due_wall", "due_zone", "due_spec", "remind_at", "chase_at", "chased_for"),
    *("priority_source", "timing"),
)


class World:
    """A team that a seed makes: the same people, rules and events each time, by their places in these lists."""

    def __init__(self, seed: int) -> None:
        chance = Random(seed)
        self.team = Team.objects.create(name="Sales", timezone="Europe/Berlin")
        self.people = [
            builders.make_user(team=self.team, role=role, first_name=name, last_name="", is_active=active)
            for name, role, active in (
                ("Ann", User.MANAGER, True),
                ("Bob", User.MEMBER, True),
                ("Cy", User.MEMBER, True),
                ("Di", User.MEMBER, False),
            )
        ]
        self.contacts = [self._contact(chance, number) for number in range(7)]
        Exclusion.objects.create(contact=self.contacts[2], user=self.people[1])
        self.rules = [self._rule(chance, number) for number in range(9)]
        self.activities = [self._activity(chance, number) for number in range(EVENTS)]
        builders.make_task(self.people[1], contact=self.contacts[0])

    def _contact(self, chance: Random, number: int) -> Contact:
        owner = chance.choice([*self.people, None])
        return builders.make_contact(
            owner,
            team=self.team,
            name=f"Contact {number}",
            status=chance.choice(("lead", "active")),
            last_activity_at=chance.choice((None, NOON - 90 * HOUR)),
            contact_cadence=chance.choice(("", "weekly")),
            created_at=NOON - 900 * HOUR,
        )

    def _rule(self, chance: Random, number: int) -> TaskAutomationRule:
        kind, config = chance.choice(
            [
                *[(TaskAutomationRule.ACTIVITY, {"activity_types": chance.sample(TYPES, 2)})] * 5,
                (TaskAutomationRule.ACTIVITY, {"activity_types": ["email_replied"]}),
                (TaskAutomationRule.STATUS_CHANGE, {"to_status": "active"}),
                (TaskAutomationRule.INACTIVITY, {"days": 3}),
            ]
        )
        limits = chance.choice(LIMITS)
        return builders.make_rule(
            chance.choice(self.people[:3]),
            name=f"Rule {number}",
            scope=chance.choice((TaskAutomationRule.TEAM, TaskAutomationRule.TEAM, TaskAutomationRule.OWN)),
            trigger_type=kind,
            trigger_config=config,
            condition=chance.choice(CONDITIONS),
            task_title_template="{{contact_name}}: {{activity_type}}",
            repeat_policy=chance.choice([policy for policy, _ in TaskAutomationRule.REPEATS]),
            repeat_window_hours=chance.choice((1, 48)),
            assign=chance.choice(
                ("owner", "owner", "owner", "unassigned", "best_match", "round_robin", f"user:{self.people[1].pk}")
            ),
            estimated_hours=chance.choice((None, 2)),
            reminder_offset_hours=chance.choice((None, 1)),
            delay_kind=chance.choice(("elapsed", "elapsed", "business")),
            overflow=chance.choice(("delay", "drop")),
            fires_on_machines=chance.choice((True, False)),
            max_event_age_hours=chance.choice((1, 72)),
            priority_from_score=chance.choice((False, True)),
            best_time_within_hours=chance.choice((None, None, 24)),
            settle_seconds=chance.choice((0, 600)) if kind == TaskAutomationRule.STATUS_CHANGE else 0,
            created_at=NOON - 900 * HOUR,
            active_since=NOON - 900 * HOUR,
            **limits,
        )

    def _activity(self, chance: Random, number: int) -> Activity:
        kind = chance.choice((*TYPES * 3, "email_replied", "status_changed", "email_unsubscribed", "call"))
        data: dict[str, Any] = {"campaign": chance.choice("ab"), "n": chance.choice((1, 5, "many"))}
        if kind == "status_changed":
            data = {"old_status": "lead", "new_status": "active"}
        return Activity.objects.create(
            team=self.team,
            contact=chance.choice([*self.contacts, None]) if kind != "status_changed" else chance.choice(self.contacts),
            activity_type=kind,
            occurred_at=NOON - chance.choice((0, 1, 5, 80)) * HOUR - timedelta(seconds=number),
            received_at=NOON,
            signal=chance.choice(("unknown", "unknown", "machine")),
            data=data,
        )

    def drain_in_bulk(self) -> None:
        engine.drain(self.team.pk, now=NOON)

    def drain_row_by_row(self) -> None:
        with engine.alone(self.team.pk):
            batch, _ = engine._next_batch(self.team)
            ready = ready_rules(self.team.pk, NOON)
            for activity in batch:
                engine._process(activity, ready, NOON)
            engine._mark_processed(self.team.pk, batch, batch, False, NOON)

    def came_of_it(self) -> dict[str, Any]:
        """All that there is now, with places in the lists above instead of ids."""
        self.places = {
            **{("user", one.pk): place for place, one in enumerate(self.people)},
            **{("contact", one.pk): place for place, one in enumerate(self.contacts)},
            **{("rule", one.pk): place for place, one in enumerate(self.rules)},
            **{("activity", one.pk): place for place, one in enumerate(self.activities)},
        }
        firings = Firing.objects.filter(rule__team=self.team).select_related("task", "version")
        return {
            "firings": sorted((self._firing(one) for one in firings), key=str),
            "tasks without a firing": Task.objects.filter(team=self.team, firings__isnull=True).count(),
            "rules": [
                self._columns(one, "times_triggered", "tasks_created", "is_active") for one in self._again("rules")
            ],
            "contacts": [
                self._columns(one, "last_activity_at", "quiet_at", "last_touch_at", "next_touch_at", "unsubscribed_at")
                for one in self._again("contacts")
            ],
            "notices": sorted(
                (self._place("user", one.user_id), one.kind, one.title, one.body, one.read_at)
                for one in Notification.objects.filter(team=self.team)
            ),
            "waiting": Activity.objects.unprocessed().filter(team=self.team).count(),
        }

    def _again(self, what: str) -> list[Any]:
        known = getattr(self, what)
        found = type(known[0]).objects.in_bulk([one.pk for one in known])
        return [found[one.pk] for one in known]

    def _place(self, kind: str, pk: int | None) -> int | None:
        return None if pk is None else self.places[kind, pk]

    @staticmethod
    def _columns(row: Any, *names: str) -> list[Any]:
        return [getattr(row, name) for name in names]

    def _firing(self, one: Firing) -> dict[str, Any]:
        number = one.trigger_key.removeprefix("activity:")
        return {
            "rule": self._place("rule", one.rule_id),
            "key": self._place("activity", int(number)),
            "activity": self._place("activity", one.activity_id),
            "root": self._place("activity", one.root_id),
            "contact": self._place("contact", one.contact_id),
            "owner": self._place("user", one.owner_id),
            "version": one.version.number if one.version is not None else None,
            "task": self._task(one.task) if one.task is not None else None,
            **{
                name: getattr(one, name)
                for name in ("kind", "occurred_at", "data", "depth", "path", "due_at", "outcome", "reason", "at")
            },
        }

    def _task(self, one: Task) -> dict[str, Any]:
        told = Activity.objects.filter(task_id=one.pk).order_by("pk")
        return {
            **{name: getattr(one, name) for name in COLUMNS},
            "contact": self._place("contact", one.contact_id),
            "owner": self._place("user", one.owner_id),
            "assignee": self._place("user", one.assignee_id),
            "keys": [one.once_key is None, one.origin_key == f"firing:{one.firings.get().pk}"],
            "kind": self._place("rule", int(one.kind.removeprefix("rule:"))),
            "assignments": [self._assignment(row) for row in one.assignments.order_by("pk")],
            "told": [(row.activity_type, row.occurred_at, row.origin, self._plain(row.data)) for row in told],
        }

    def _assignment(self, one: Assignment) -> list[Any]:
        said = (one.method, one.due_date, one.estimated_hours, one.skill_match, one.assigned_at, one.by_id)
        return [self._place("user", one.user_id), *said, self._plain(one.reasons)]

    def _plain(self, data: Any) -> str:
        """Without the ids of people, rules and tasks, which are others in each world."""
        return re.sub(r"'((?:user_|rule_|work_|person_)?id)': \d+|\b\d{1,6}: ", r"\1…", str(data))


@pytest.mark.parametrize("seed", range(24))
def test_both_ways_make_the_same_of_the_same_events(seed: int) -> None:
    in_bulk, by_row = World(seed), World(seed)
    in_bulk.drain_in_bulk()
    by_row.drain_row_by_row()
    made, wanted = in_bulk.came_of_it(), by_row.came_of_it()
    for what, there in wanted.items():
        assert made[what] == there, what
    assert Firing.objects.filter(rule__team=in_bulk.team).exists()


@pytest.mark.parametrize("seed", range(3))
def test_events_offered_again_move_nothing(seed: int) -> None:
    world = World(seed)
    world.drain_in_bulk()
    before = world.came_of_it()
    Activity.objects.filter(pk__in=[one.pk for one in world.activities]).update(processed_at=None)
    world.drain_in_bulk()
    after = world.came_of_it()
    assert after["firings"] == before["firings"]
    assert after["rules"] == before["rules"]
    assert after["notices"] == before["notices"]


def _plain_team(contacts: int) -> tuple[User, TaskAutomationRule]:
    manager = builders.make_manager()
    rule = builders.make_rule(manager, condition='activity.campaign == "a"')
    for _ in range(contacts):
        contact = builders.make_contact(manager)
        builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED, data={"campaign": "a"})
    return manager, rule


def test_ninety_events_ask_and_write_as_often_as_ten() -> None:
    counts = []
    for contacts in (10, 90):
        manager, rule = _plain_team(contacts)
        with CaptureQueriesContext(connection) as queries:
            engine.drain(manager.team_id, now=NOON)
        assert rule.tasks.count() == contacts
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_what_is_there_already_sends_a_batch_row_by_row_and_nothing_is_doubled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if somebody else had judged the events between reading and writing."""
    manager, rule = _plain_team(10)
    engine.drain(manager.team_id, now=NOON)
    Activity.objects.filter(team=manager.team, task_id__isnull=True).update(processed_at=None)
    knows = bulk.Batch.__init__

    def forgetful(batch: bulk.Batch, *args: Any, **more: Any) -> None:
        knows(batch, *args, **more)
        batch._judged.clear()
        batch._known.busy.clear()

    monkeypatch.setattr(bulk.Batch, "__init__", forgetful)
    totals = engine.drain(manager.team_id, now=NOON)
    rule.refresh_from_db()
    assert (totals["retried"], rule.firings.count(), rule.tasks.count(), rule.tasks_created) == (0, 10, 10, 10)
    assert Notification.objects.filter(team=manager.team).count() == 10


def test_rows_that_are_all_new_or_none() -> None:
    skill = builders.make_skill()
    new, again = (type(skill)(team=skill.team, name=name) for name in ("Another one", skill.name))
    rows.give_ids([new, again])
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.add_all([new, again])
    assert type(skill).objects.filter(team=skill.team).count() == 1
    rows.add_all([new])
    assert type(skill).objects.get(pk=new.pk).name == "Another one"


class TestRulesKeptInMemory:
    def test_they_are_read_again_only_after_a_change(self) -> None:
        manager, rule = _plain_team(1)
        engine.drain(manager.team_id, now=NOON)
        kept = rulebook.of_team(manager.team_id, now=NOON)
        builders.make_activity(builders.make_contact(manager), activity_type=Activity.EMAIL_CLICKED)
        engine.drain(manager.team_id, now=NOON)
        assert rulebook.of_team(manager.team_id, now=NOON) is kept, "counting what it made changes no rule"
        builders.make_rule()
        assert rulebook.of_team(manager.team_id, now=NOON) is kept, "nor does a rule of another team"
        TaskAutomationRule.objects.filter(pk=rule.pk).update(task_priority="high")
        assert rulebook.of_team(manager.team_id, now=NOON) is not kept

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE automation_taskautomationrule SET condition = '' WHERE id = %s",
            "UPDATE automation_taskautomationrule SET is_active = false WHERE id = %s",
            "DELETE FROM automation_ruleversion WHERE rule_id = %s",
        ],
    )
    def test_the_database_sees_a_change_whoever_makes_it(self, change: str) -> None:
        manager, rule = _plain_team(1)
        before = rule_changes.stamp(manager.team_id)
        with connection.cursor() as cursor:
            cursor.execute(change, [rule.pk])
        seen = rule_changes.stamp(manager.team_id) != before
        assert seen == ("taskautomationrule" in change), "versions only tell of what rules were"

    def test_a_rule_that_moves_to_another_team_is_a_change_of_both(self) -> None:
        manager, rule = _plain_team(1)
        other = builders.make_team()
        before = [rule_changes.stamp(team) for team in (manager.team_id, other.pk)]
        TaskAutomationRule.objects.filter(pk=rule.pk).update(team=other)
        assert all(
            rule_changes.stamp(team) != old for team, old in zip((manager.team_id, other.pk), before, strict=True)
        )

    def test_pruned_changes_are_one_more_reading_and_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        manager, _ = _plain_team(1)
        kept = rulebook.of_team(manager.team_id, now=NOON)
        monkeypatch.setattr(rule_changes, "KEEP", 0)
        assert rule_changes.prune() > 0
        again = rulebook.of_team(manager.team_id, now=NOON)
        assert again is not kept
        assert rulebook.of_team(manager.team_id, now=NOON) is again

    def test_a_schema_from_before_there_were_changes_is_left_without_triggers(self) -> None:
        """As after going back a release: whoever changes a rule there must not meet a table that is gone."""
        _, rule = _plain_team(1)
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE automation_rulechange")
        rule_changes.build()
        assert TaskAutomationRule.objects.filter(pk=rule.pk).update(task_priority="high") == 1

    def test_an_owner_who_left_since_is_not_the_owner_that_was_read(self) -> None:
        manager, rule = _plain_team(0)
        rep = builders.make_user(team=manager.team)
        TaskAutomationRule.objects.filter(pk=rule.pk).update(owner=rep)
        rulebook.of_team(manager.team_id, now=NOON)
        User.objects.filter(pk=rep.pk).update(is_active=False)
        contact = builders.make_contact(team=manager.team)
        builders.make_activity(contact, activity_type=Activity.EMAIL_CLICKED, data={"campaign": "a"})
        engine.drain(manager.team_id, now=NOON)
        assert [task.assignee for task in rule.tasks] == [None]


@pytest.mark.parametrize("seed", range(5))
def test_looking_rules_up_by_a_word_finds_all_that_match(seed: int) -> None:
    """Beside looking at each of them."""
    world = World(seed)
    ready = ready_rules(world.team.pk, NOON)
    book = rulebook.Rulebook(ready)
    for activity in engine._next_batch(world.team)[0]:
        event = bulk.events.of_activity(activity)
        given = bulk.values.of(event, world.team, now=NOON)
        found = book.found(event, given) if book.has_any_for(activity.activity_type) else []
        for one in ready:
            try:
                matches = one.covers(event) and one.holds(event, NOON)
            except bulk.ConditionFailed:
                matches = True
            assert not matches or one in found
