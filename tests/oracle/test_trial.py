"""The decisions of a simulation against the oracle, without a database: policies, limits, waiting and settling."""

import copy
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from automation.events import Event
from automation.models import TaskAutomationRule
from automation.readiness import Ready
from automation.simulation.trial import PAUSED, Trial
from crm.models import Activity, Contact
from people.models import Team, User
from tests.oracle import driver, histories, ledgers
from tests.oracle.amounts import cases
from tests.oracle.interpreter import Interpreter

ELAPSED = {"delay_kind": "elapsed", "delay_hours": "4", "delay_days": None, "delay_at": None, "outside_hours": ""}
"""The one kind of delay that asks nobody for working hours."""


@given(
    ledgers.ledgers(kinds=("activity", "activity", "status_change")),
    st.sampled_from([timedelta(), timedelta(minutes=30), timedelta(hours=1), timedelta(hours=24)]),
)
@settings(max_examples=cases(600))
def test_a_trial_decides_as_the_oracle(ledger: histories.History, done_after: timedelta) -> None:
    hold(ledger, done_after)


def test_what_has_waited_longest_comes_first_however_often_it_was_asked() -> None:
    """The contact's day in New York is not over when the owner's in Berlin is: it waits again, and keeps its place."""
    start = datetime(2026, 3, 28, 14, tzinfo=UTC)
    rule = histories.RULE | {
        "name": "Rule",
        "repeat_policy": "every_time",
        "limit_owner_day": 1,
        "limit_contact_day": 1,
    }
    record = {"activity_type": "email_clicked", "late": timedelta(), "origin": "live", "signal": "human", "data": {}}
    story = [
        histories.Happening(timedelta(), "record", record | {"contact": contact, "times": 1})
        for contact in (0, 0, 1, 0)
    ]
    ledger = histories.plain(start, [rule], story)
    ledger.contacts[0]["timezone"] = "America/New_York"
    hold(ledger, timedelta())


def hold(ledger: histories.History, done_after: timedelta) -> None:
    ledger.rules[0].update(ELAPSED)
    oracle = Interpreter(
        ledger.team,
        ledger.people,
        ledger.rules,
        copy.deepcopy(ledger.contacts),
        ledger.start,
        done_after=done_after,
    )
    tried, end = _Tried(ledger, done_after), ledger.start + ledgers.DAYS
    for at, fields in ledgers.arrivals(ledger):
        kind = "status_change" if fields["activity_type"] == "status_changed" else "activity"
        tried.record(at, len(oracle.ledger), kind=kind, **fields)
        oracle.wait_until(at)
        oracle.record(at, kind=kind, **fields)
        oracle.drain(at)
    tried.results += tried.trial.advance(end)
    oracle.wait_until(end)
    told, wanted = Counter(tried.told()), Counter(_wanted(oracle))
    assert told == wanted, driver.told("results", {"results": told}, {"results": wanted})


class _Tried:
    """The rule on rows that no database has."""

    def __init__(self, ledger: histories.History, done_after: timedelta) -> None:
        team = Team(pk=1, timezone=ledger.team["timezone"])
        self.people = [
            User(pk=place, team=team, username=f"user{place}", timezone=row["timezone"])
            for place, row in enumerate(ledger.people, start=1)
        ]
        self.contacts = [
            Contact(
                pk=place,
                team=team,
                **row | {"owner": None if row["owner"] is None else self.people[row["owner"]]},
            )
            for place, row in enumerate(ledger.contacts, start=1)
        ]
        fields = ledger.rules[0] | {"owner": self.people[ledger.rules[0]["owner"]]}
        self.rule = TaskAutomationRule(pk=1, team=team, created_at=ledger.start, seen_active=True, **fields)
        self.rule.clean_fields(exclude=["owner", "team", "scope"])
        self.rule.owner, self.rule.team = fields["owner"], team
        self.trial = Trial(Ready(self.rule, ""), done_after=done_after)
        self.results: list[Any] = []

    def record(self, at: datetime, number: int, *, kind: str, contact: int, **fields: Any) -> None:
        event = Event(
            kind=kind,
            key=f"activity:{number}",
            team_id=1,
            received_at=at,
            contact=self.contacts[contact],
            activity=Activity(pk=number),
            **fields,
        )
        self.results += self.trial.advance(at)
        if self.trial.settles or self.trial.ready.covers(event):
            self.results += self.trial.consider(event, now=at)

    def told(self) -> list[Any]:
        return [
            (
                one.event.key,
                {"create": "fired"}.get(one.outcome, one.outcome),
                "" if one.outcome == "failed" else driver.word(one.reason),
                one.at if one.outcome == "create" else None,
                one.draft.title if one.draft else None,
                one.draft.due_date if one.draft else None,
                self.people.index(one.draft.owner) if one.draft else None,
            )
            for one in self.results
            if one.outcome in ("create", "suppressed", "failed") and one.reason != PAUSED
        ]


def _wanted(oracle: Interpreter) -> list[Any]:
    tasks = [*oracle.tasks, {"title": None, "due_date": None, "owner": None}]
    return [
        (
            one["event"]["label"],
            one["outcome"],
            one["reason"],
            one["at"] if one["outcome"] == "fired" else None,
            *(tasks[-1 if one["task"] is None else one["task"]][name] for name in ("title", "due_date", "owner")),
        )
        for one in oracle.firings
        if one["outcome"] != "waiting"
    ]
