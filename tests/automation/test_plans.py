"""Due work costs what is due, whatever the tables hold: read from the databases' own plans, of every statement."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from automation import calendar_changes, engine, overdue, sweeps, touch_clocks
from automation.models import Enrolment, Firing, ScheduledTaskBatch, TaskAutomationRule
from automation.programmes import enrolling
from crm import intake
from crm.models import Activity, Contact
from jobs import queue, relay
from jobs.models import Job
from notifications.models import Notification
from people.models import Team
from tests import builders, volume
from web import mywork, timelines
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

CONTACTS = 8_000
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LARGE = {
    row._meta.db_table: {field.column for field in row._meta.concrete_fields}
    for row in (Activity, Contact, Enrolment, Firing, Job, Notification, ScheduledTaskBatch, Task)
}
"""Tables that grow with the contacts. The others hold teams, people, rules and such."""
OF_A_TEAM = {"team_id", "team", "state", "status", "outcome"}
"""A look for these alone goes through all that a team has."""
WHAT_WAITS = {
    *("activity_queue", "contact_changed_by_hand", "contact_unplanned", "contact_missed"),
    *("firing_waiting", "job_due"),
}
"""Partial indexes of what somebody is about to do: reading one whole is reading just that."""
ONE_ANSWERS = {"task_derived", "enrolment_due"}
"""Looked into for a team until the first row is found."""


@dataclass(frozen=True)
class Look:
    """How a statement gets at a table: by which index (empty: the table itself), on which columns."""

    table: str
    index: str
    columns: frozenset[str]

    @property
    def is_bounded(self) -> bool:
        if self.table not in LARGE or self.index in WHAT_WAITS:
            return True
        return bool(self.index) and not self.columns <= OF_A_TEAM


def of_sqlite(sql: str, plan: list[str]) -> Iterator[Look]:
    tables = {alias: table for table, alias in re.findall(r'"(\w+)" (U\d+|T\d+)\b', sql)}
    for line in plan:
        found = re.match(r"(SCAN|SEARCH) (\S+)(?: USING (?:COVERING )?(?:INDEX (\w+)|(INTEGER PRIMARY KEY)))?", line)
        if found:
            named = frozenset(re.findall(r"(\w+|<expr>)[<>=]+\?", line))  # <expr> stands for an index's expression
            index = found[3] or ("the primary key" if found[4] else "")
            yield Look(tables.get(found[2], found[2]), index, named)


def of_postgres(node: dict[str, Any], table: str = "") -> Iterator[Look]:
    kind, table = node["Node Type"], node.get("Relation Name", table)
    if "Index" in kind:
        words = re.findall(r"\w+", re.sub(r"'[^']*'", "", node.get("Index Cond", "")))
        yield Look(table, node["Index Name"], frozenset(words) & LARGE.get(table, set()))
    elif kind == "Seq Scan":
        yield Look(table, "", frozenset())
    for child in node.get("Plans", ()):
        yield from of_postgres(child, table)


def looks(sql: str, parameters: Any) -> list[Look]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
            (answer,) = cursor.fetchone()
            return list(of_postgres((json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]))
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return list(of_sqlite(sql, [row[-1] for row in cursor.fetchall()]))


class Watched:
    """The statements made within, each with how it gets at its rows."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        with connection.execute_wrapper(self._note):
            yield

    def _note(self, execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")):
            self.seen.setdefault(sql, parameters)
        return execute(sql, parameters, many, context)

    def looks(self) -> dict[str, list[Look]]:
        return {sql: looks(sql, parameters) for sql, parameters in self.seen.items()}

    def unbounded(self) -> list[tuple[Look, str]]:
        return [(look, sql) for sql, found in self.looks().items() for look in found if not look.is_bounded]


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def team() -> Team:
    """A team with history in which nothing is due, and what a database knows of its tables after a while."""
    made = volume.fill(CONTACTS, rules=100, now=timezone.now())  # so few that one event looks up few keys
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return made


def look_everywhere(team: Team, now: datetime) -> dict[str, Any]:
    """All that is asked on a round, also what is asked only when something is due."""
    found: dict[str, Any] = {"teams": sweeps.due_teams(now), "pending": engine.pending_teams(now)}
    found["lag"] = max(sweeps.lags(now).values())
    for sweep in sweeps.SWEEPS:
        sweep.due(now, team.pk)
        sweep.run(team.pk, now)
    engine.drain(team.pk, now=now)
    overdue.create_overdue(team.pk, now=now)
    relay.relay(now=now)
    return found


def test_with_nothing_due_no_statement_goes_through_a_table(team: Team, watched: Watched) -> None:
    now = timezone.now()
    with watched.watching():
        found = look_everywhere(team, now)
    assert found == {"teams": [], "pending": [], "lag": timedelta()}
    assert watched.unbounded() == []
    named = {look.index for seen in watched.looks().values() for look in seen}
    assert {
        *("task_to_remind", "task_to_chase", "firing_waiting", "enrolment_due", "enrolment_to_resume", "rule_to_run"),
        *("rule_unplanned", "batch_to_run", "contact_touch", "contact_missed", "contact_unplanned", "contact_quiet"),
        *("activity_queue", "contact_changed_by_hand", "job_due"),
    } <= named


def test_who_follows_a_calendar_is_seen_from_one_row_a_team(team: Team, watched: Watched) -> None:
    with watched.watching():
        assert calendar_changes.teams(timezone.now()) == [team.pk]
        assert calendar_changes.follow(team.pk, now=timezone.now()) == {"derived": 0}
    assert {look.index for look, _ in watched.unbounded()} <= ONE_ANSWERS


def test_following_a_person_to_another_zone_reads_what_is_theirs(team: Team, watched: Watched) -> None:
    now = timezone.now()
    (manager,) = team.members.filter(role="manager")
    eight = (now + 3 * DAY).replace(hour=8, minute=0, second=0, microsecond=0)
    builders.make_contact(manager, contact_cadence="weekly", next_touch_at=eight)
    team.members.filter(pk=manager.pk).update(timezone="Asia/Tokyo")
    with watched.watching():
        assert touch_clocks.follow(Team.objects.get(pk=team.pk), now=now) > 0
    assert watched.unbounded() == []


def one_of_each_is_due(team: Team, now: datetime) -> None:
    """For every sweep a row that is due, in the midst of all the others."""
    (manager,) = team.members.filter(role="manager")
    ago = now - HOUR
    builders.make_task(manager, due_date=ago, reminder_offset_hours=1)
    people = [builders.make_contact(manager, created_at=now - 721 * HOUR) for _ in range(7)]
    touch, own, missed, quiet, enrolled, waits, by_hand = people
    dates = {"next_touch_at": ago, "quiet_at": None}
    Contact.objects.filter(pk__in=[one.pk for one in people]).update(quiet_at=None)
    Contact.objects.filter(pk=touch.pk).update(contact_cadence="weekly", seen_cadence="weekly", **dates)
    Contact.objects.filter(pk=own.pk).update(next_follow_up_at=ago, seen_follow_up_at=ago, **dates)
    late = now - 72 * HOUR
    Contact.objects.filter(pk=missed.pk).update(
        next_follow_up_at=late, seen_follow_up_at=late, next_touch_at=late, touched_for=late
    )
    Contact.objects.filter(pk=quiet.pk).update(quiet_at=ago)
    Contact.objects.filter(pk=by_hand.pk).update(status="active")
    enrolling.enrol(builders.make_sequence(manager, days=(1,)), enrolled, owner=manager, now=now - 25 * HOUR)
    series = {"kind": "recurring", "cadence": "weekly", "recurs_from": "schedule", "task_template": {"title": "Call"}}
    builders.make_batch(manager, contact=own, next_run_at=ago, **series)
    on_time = {"trigger_type": "time", "trigger_config": {"every": {"hours": 5}}}
    rule = builders.make_rule(manager, **on_time)
    TaskAutomationRule.objects.filter(pk=rule.pk).update(planned_for="planned", next_run_at=ago)
    builders.make_rule(manager, **on_time)
    clicked = TaskAutomationRule.objects.filter(team=team, trigger_type="activity").order_by("pk")[0]
    builders.make_firing(
        clicked, contact=waits, outcome=Firing.WAITING, due_at=ago, occurred_at=ago, kind="activity", at=ago
    )
    builders.make_activity(waits, activity_type="email_clicked", occurred_at=ago, received_at=ago)


def test_what_is_due_is_done_without_going_through_a_table(team: Team, watched: Watched) -> None:
    now = timezone.now()
    one_of_each_is_due(team, now)
    with watched.watching():
        assert sweeps.due_teams(now) == engine.pending_teams(now) == [team.pk]
        lags = sweeps.lags(now)
        done = sweeps.run(team.pk, now=now)
        queue.enqueue(queue.Request("automation.tasks.assign_task", [0]), now=now)
        relay.relay(now=now)
    assert set(lags) == set(done) == {sweep.name for sweep in sweeps.SWEEPS}
    assert all(lag >= HOUR for lag in lags.values())
    assert watched.unbounded() == []
    sweeps.run(team.pk, now=now)  # a date of a person's own that came is looked at as missed from then on
    assert sweeps.due_teams(now) == []
    assert not Job.objects.exclude(name="automation.tasks.assign_task").exists(), "nothing was put aside"


def test_an_event_finds_its_contact_among_all(team: Team, watched: Watched) -> None:
    whom: list[dict[str, str]] = [
        {"contact_email": "Volume77@Example.com"},
        {"contact_phone": "+4930901820"},
        {"contact_external_id": "77"},
        {"contact_email": "nobody@example.com"},
    ]
    with watched.watching():
        for named in whom:
            intake.record(team, [intake.Incoming("email_clicked", source="crm", **named)], now=timezone.now())
        assert engine.drain(team.pk, now=timezone.now())["fired"] == 20, "the 100 rules are of five kinds"
    assert watched.unbounded() == []


def test_my_work_reads_what_is_open_and_what_was_done_lately(team: Team, watched: Watched) -> None:
    (manager,) = team.members.filter(role="manager")
    now = timezone.now()
    with watched.watching():
        for view in (mywork.TODAY, mywork.UPCOMING, mywork.DONE):
            mywork.groups(manager, view, now)
            mywork.plan(manager, now)
    named = {look.index for seen in watched.looks().values() for look in seen}
    assert {"task_held", "task_finished"} <= named


def test_the_story_of_a_task_and_of_its_contact_are_read_from_their_own_rows(team: Team, watched: Watched) -> None:
    task = Task.objects.filter(team=team, contact__isnull=False).order_by("-pk").first()
    assert task is not None
    assert task.contact is not None
    assert task.owner is not None
    with watched.watching():
        timelines.of_task(task.owner, task)
        timelines.of_contact(task.owner, task.contact)
    assert watched.unbounded() == []
    assert {"activity_of_task", "activity_of_contact"} <= {
        look.index for seen in watched.looks().values() for look in seen
    }


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL makes a second index of a unique text")
def test_no_large_table_keeps_an_index_that_only_patterns_would_use() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
            "JOIN pg_class t ON t.oid = x.indrelid JOIN pg_opclass o ON o.oid = ANY(x.indclass) "
            "WHERE t.relname = ANY(%s) AND o.opcname LIKE '%%pattern_ops'",
            [list(LARGE)],
        )
        assert cursor.fetchall() == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL is vacuumed")
@pytest.mark.parametrize("table", ["jobs_job", "crm_activity"])
def test_tables_that_are_queues_are_vacuumed_long_before_a_fifth_of_them_changed(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = %s", [table])
        assert "autovacuum_vacuum_scale_factor=0.02" in (cursor.fetchone()[0] or [])
