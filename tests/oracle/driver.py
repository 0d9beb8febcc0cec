"""The product, driven through the happenings of a history on a clock of its own; and what came of it, comparable."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from automation import engine, rules, silence, timers, waiting
from automation.models import Firing, ParkedPair, TaskAutomationRule
from automation.settling import ELSEWHERE, MOVED_ON, UNMET, WAITS
from crm import contacts
from crm.models import Activity, Contact
from domain import calendars, policies
from jobs.models import Job
from people.models import User
from tests import builders
from tests.oracle.histories import OFFICE, History
from work import lifecycle
from work.models import Task

Row = dict[str, Any]

WORDS = {
    policies.TOO_OLD: "old",
    policies.IMPORTED: "import",
    policies.MACHINE: "machine",
    policies.OWN_EFFECT: "own effect",
    policies.PARKED: "parked",
    policies.STILL_OPEN: "still open",
    policies.ONCE_ONLY: "once",
    policies.IN_WINDOW: "in window",
    policies.OVER_HOUR: "hour",
    policies.OVER_OWNER: "owner's day",
    policies.OVER_CONTACT: "contact's day",
    WAITS: "settles",
    MOVED_ON: "moved on",
    UNMET: "unmet",
    ELSEWHERE: "elsewhere",
    "the rule was switched off meanwhile": "switched off",
}
LEDGER = ("task_created", "task_assigned", "task_status_changed")
"""What tasks write down for the record, and nothing is started by."""


def word(reason: str) -> str:
    """The product's reason as the oracle says it."""
    reason = reason.removeprefix("waits: ")
    if "rules deep" in reason:
        return "deep"
    if "times within an hour" in reason:
        return "often"
    return WORDS.get(reason, reason)


class Product:
    """The rows of one history in a team of their own."""

    def __init__(self, history: History) -> None:
        self.team = builders.make_team(**history.team)
        self.people = [self._person(number, **row) for number, row in enumerate(history.people)]
        self.contacts = [self._contact(**row) for row in history.contacts]
        self.rules = [self._rule(history.start, **row) for row in history.rules]
        for rule in self.rules:
            if "rule_ids" in rule.trigger_config:
                rule.trigger_config["rule_ids"] = [self.rules[place].pk for place in rule.trigger_config["rule_ids"]]
                rule.save()

    def _person(self, number: int, *, timezone: str, spans: Any, away: Any, off: Any) -> User:
        del off  # the team's country has those beside the days away
        user = builders.make_user(team=self.team, role=User.MEMBER if number else User.MANAGER, timezone=timezone)
        if spans is not OFFICE:
            user.working_spans.bulk_create(
                user.working_spans.model(user=user, weekday=day, starts=starts, ends=ends)
                for day, starts, ends in spans
            )
        for day in away:
            builders.make_time_off(user, starts_on=day)
        return user

    def _contact(self, *, owner: int | None, **fields: Any) -> Contact:
        return Contact.objects.create(team=self.team, owner=None if owner is None else self.people[owner], **fields)

    def _rule(self, start: datetime, *, owner: int, trigger_config: Row, **fields: Any) -> TaskAutomationRule:
        return TaskAutomationRule.objects.create(
            owner=self.people[owner],
            team=self.team,
            created_at=start,
            active_since=start,
            seen_active=True,
            trigger_config=dict(trigger_config),
            **fields,
        )

    # What happens

    def record(self, at: datetime, contact: int, **fields: Any) -> None:
        Activity.objects.create(contact=self.contacts[contact], **{"occurred_at": at, "received_at": at} | fields)

    def change_status(self, at: datetime, contact: int, status: str) -> None:
        row = self.contacts[contact]
        row.refresh_from_db()
        if calendars.first_zone(row.timezone).unknown:  # written past the checks: the verb asks for one
            Contact.objects.filter(pk=row.pk).update(timezone="")
        contacts.update(row, by=None, now=at, status=status)

    def change_by_hand(self, contact: int, **fields: Any) -> None:
        Contact.objects.filter(pk=self.contacts[contact].pk).update(**fields)

    def finish(self, at: datetime, task: int, *, done: bool) -> None:
        row = self.tasks()[task]
        if done:
            lifecycle.complete(row, by=self.people[0], now=at)
        else:
            lifecycle.set_status(row, Task.CANCELLED, by=self.people[0], now=at)

    def switch(self, at: datetime, rule: int, *, on: bool) -> None:
        row = self.rules[rule]
        row.refresh_from_db()
        if row.is_active != on:
            rules.update(row, now=at, is_active=on)

    def drain(self, now: datetime) -> None:
        engine.drain(self.team.pk, now=now)

    def replay(self, now: datetime) -> None:
        """Everything is looked at again, as after a lost update."""
        Activity.objects.filter(team=self.team).update(processed_at=None)
        self.drain(now)

    def sweep(self, now: datetime) -> None:
        waiting.run_due(self.team.pk, now=now)
        timers.run_due(self.team.pk, now=now)
        pages = Job.objects.filter(team_id=self.team.pk, name=timers.PAGE_JOB, state=Job.PENDING)
        for rule, at, after, missed in sorted((job.args for job in pages), key=lambda args: (args[1], args[0])):
            timers.run_page(rule, datetime.fromisoformat(at), after, missed, now=now)
        pages.delete()
        silence.run_due(self.team.pk, now=now)

    # What came of it

    def tasks(self) -> list[Task]:
        return list(Task.objects.filter(team=self.team).select_related("team", "assignee", "owner").order_by("pk"))

    def place_of(self, rule: int, label: str) -> int:
        """Where the task is that the rule made of the event."""
        named = self._names()
        made = Firing.objects.filter(rule=self.rules[rule], task__isnull=False).select_related("task")
        found = next((one.task for one in made if named(one) == label), None)
        assert found is not None, f"rule {rule} made no task of {label}"
        return self.tasks().index(found)

    def _names(self) -> Callable[[Firing], str]:
        """The oracle's names of events: a row of the ledger by its place, an instant by rule and contact."""
        activities = Activity.objects.filter(team=self.team).exclude(activity_type__in=LEDGER).order_by("pk")
        ids = activities.values_list("pk", flat=True)
        labels = {f"activity:{pk}": f"activity:{place}" for place, pk in enumerate(ids)}
        places = {rule.pk: place for place, rule in enumerate(self.rules)}
        who = {contact.pk: place for place, contact in enumerate(self.contacts)}
        return lambda one: labels.get(one.trigger_key) or _label(one, places, who)

    def outcome(self) -> Row:
        """In the shape of `expected`."""
        named = self._names()
        places = {rule.pk: place for place, rule in enumerate(self.rules)}
        who = {None: None} | {contact.pk: place for place, contact in enumerate(self.contacts)}
        users = {None: None} | {user.pk: place for place, user in enumerate(self.people)}
        firings = Counter(
            (
                places[one.rule_id],
                named(one),
                one.outcome,
                "" if one.outcome == Firing.FAILED else word(one.reason),
                one.at,
                one.occurred_at,
                who[one.contact_id],
                tuple(places[rule] for rule in one.path),
                one.due_at,
            )
            for one in Firing.objects.filter(rule__team=self.team)
        )
        tasks = Counter(
            (
                places[one.rule_id],
                who[one.task.contact_id],
                one.task.title,
                one.task.due_date,
                users[one.task.owner_id],
                users[one.task.assignee_id],
                one.task.status,
                one.task.priority,
                "earlier runs were missed" in one.task.description,
            )
            for one in Firing.objects.filter(rule__team=self.team, task__isnull=False).select_related("task")
        )
        rows = list(TaskAutomationRule.objects.filter(team=self.team).order_by("pk"))
        assert not [rule.parked_reason for rule in rows if rule.parked_reason]
        pairs = ParkedPair.objects.filter(rule__team=self.team, released_at__isnull=True)
        return {
            "firings": firings,
            "tasks": tasks,
            "counters": [rule.times_triggered for rule in rows],
            "created": [rule.tasks_created for rule in rows],
            "parked": {(places[pair.rule_id], who[pair.contact_id]) for pair in pairs},
            "paused": {places[rule.pk] for rule in rows if rule.paused_reason},
            "on": [rule.is_active for rule in rows],
        }


def _label(one: Firing, places: Row, who: Row) -> str:
    subject = "rule" if one.contact_id is None else f"contact {who[one.contact_id]}"
    assert one.occurred_at is not None
    return f"{one.kind} of {places[one.rule_id]} for {subject} at {one.occurred_at.isoformat()}"


def play(history: History, product: Product, oracle: Any) -> tuple[Row, Row]:
    """Both through the same happenings, and a last sweep: what came of it, and what there must be."""
    now = history.start
    for one in [*history.happenings, None]:
        if one is None:
            now += timedelta(hours=2)
            product.sweep(now)
            oracle.sweep(now)
            break
        now += one.after
        _happen(one.verb, dict(one.fields), now, product, oracle)
    return product.outcome(), expected(oracle)


def _happen(verb: str, fields: Row, now: datetime, product: Product, oracle: Any) -> None:
    if verb == "record":
        contact, late, times = fields.pop("contact"), fields.pop("late"), fields.pop("times")
        for _ in range(times):
            for side in (product, oracle):
                side.record(now, contact, occurred_at=now - late, **fields)
    elif verb == "change_by_hand":
        for side in (product, oracle):
            side.change_by_hand(fields["contact"], **fields["change"])
    elif verb == "finish":
        waiting_tasks = [place for place, task in enumerate(oracle.tasks) if task["status"] == "todo"]
        if waiting_tasks:
            task = waiting_tasks[fields["which"] % len(waiting_tasks)]
            made = next(one for one in oracle.firings if one["task"] == task)
            product.finish(now, product.place_of(made["rule"], made["event"]["label"]), done=fields["done"])
            oracle.finish(now, task, done=fields["done"])
    elif verb == "switch":
        on = not oracle.is_on(fields["rule"])
        for side in (product, oracle):
            side.switch(now, fields["rule"], on=on)
    elif verb == "replay":
        for side in (product, oracle):
            side.drain(now)
        product.replay(now)
    else:
        for side in (product, oracle):
            getattr(side, verb)(now, **fields)


TASK = ("rule", "contact", "title", "due_date", "owner", "assignee", "status", "priority")


def expected(oracle: Any) -> Row:
    """What the oracle says, in the shape of `Product.outcome`."""
    firings = Counter(
        (
            one["rule"],
            one["event"]["label"],
            one["outcome"],
            "" if one["outcome"] == "failed" else one["reason"],
            one["at"],
            one["occurred_at"],
            one["contact"],
            tuple(one["path"]),
            one["due_at"],
        )
        for one in oracle.firings
    )
    tasks = Counter(
        (
            *(
                one[name]
                for name in ("rule", "contact", "title", "due_date", "owner", "assignee", "status", "priority")
            ),
            bool(one["missed"]),
        )
        for one in oracle.tasks
    )
    counters = oracle.counters()
    return {
        "firings": firings,
        "tasks": tasks,
        "counters": counters,
        "created": [sum(one["rule"] == place for one in oracle.tasks) for place in range(len(counters))],
        "parked": oracle.parked,
        "paused": oracle.paused,
        "on": [oracle.is_on(place) for place in range(len(counters))],
    }


def told(name: str, found: Row, wanted: Row) -> str:
    """What the two disagree about, in lines."""
    if not isinstance(found[name], Counter):
        return f"{name}: found {found[name]}, wanted {wanted[name]}"
    more, less = found[name] - wanted[name], wanted[name] - found[name]
    return "\n".join([f"{name}:", *(f"  found  {one}" for one in more), *(f"  wanted {one}" for one in less)])
