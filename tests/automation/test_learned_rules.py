"""Rules that use what was learned: the contact's best time, the priority of the score, delays tried out."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import drafting, engine, events, experimenting, rules, tasks
from automation.exchange import reading, writing
from automation.models import Firing, RuleVersion, TaskAutomationRule
from crm import merge
from crm.models import Activity, Contact
from domain.learning import allocation, best_time
from domain.learning import experiments as trials
from learning import best_times, experiments, lead_features, lead_models, lead_scores
from learning import reading as ledger
from learning.arms import Arms
from learning.models import Experiment, ExperimentShares
from people.models import Change, TeamSpan, User
from tests import builders
from tests.learning import past
from work import lifecycle
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 8, tzinfo=UTC)
"""A Wednesday."""
DAY = timedelta(days=1)
TABLES_OF_SCORES = ("learning_teamlearning", "learning_contactscore")


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


def rule(owner: User, **fields: Any) -> TaskAutomationRule:
    said = {"trigger_config": {"activity_types": ["form_submitted"]}, "repeat_policy": "every_time", "delay_hours": 1}
    return rules.create(owner, now=NOW - DAY, **_whole(said | fields))


def _whole(fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": "Call", "trigger_type": "activity", "task_title_template": "Call", **fields}


def happens(contact: Contact, at: datetime = NOW, **fields: Any) -> Task:
    """The form comes in, and the rule makes its task."""
    fields = {"activity_type": Activity.FORM_SUBMITTED, "occurred_at": at, "received_at": at} | fields
    builders.make_activity(contact, **fields)
    engine.drain(contact.team_id, now=at)
    return Task.objects.latest("pk")


def learned_hour(owner: User, hour: int = 15) -> list[Contact]:
    """Contacts of whom the team knows that they answer then, none of them kept out."""
    contacts = [builders.make_contact(owner) for _ in range(12)]
    contacts = [one for one in contacts if not best_time.held_out(one.team_id, one.pk)][:6]
    for one in contacts:
        past.habit(one, hour, until=NOW, days=20)
    Activity.objects.update(processed_at=NOW)
    ledger.read(owner.team, now=NOW)
    best_times.fit(owner.team, now=NOW)
    return contacts


def test_a_task_is_due_when_the_contact_answers_soonest_and_says_why(manager: User) -> None:
    made_by = rule(manager, best_time_within_hours=12)
    for contact in learned_hour(manager):
        task = happens(contact)
        assert task.timing is not None
        assert NOW + timedelta(hours=1) <= task.due_date <= NOW + timedelta(hours=13)
        if task.timing["chosen_by"] == best_time.BEST_TIME:
            assert task.due_date == NOW.replace(hour=15)
            assert task.timing["chance"] > task.timing["usual_chance"]
        assert Firing.objects.get(task=task).rule == made_by
    chosen = {task.timing["chosen_by"] for task in Task.objects.all() if task.timing}
    assert best_time.BEST_TIME in chosen


@pytest.mark.parametrize(("late", "over"), [(2, False), (8, True), (30, False)], ids=["in time", "past", "all past"])
def test_of_an_event_that_is_heard_of_late_no_hour_is_chosen_that_is_over(
    manager: User, monkeypatch: pytest.MonkeyPatch, late: int, over: bool
) -> None:
    monkeypatch.setattr(best_time, "EXPLORED", 0.0)
    rule(manager, best_time_within_hours=12)
    contact, now = learned_hour(manager)[0], NOW + timedelta(hours=late)
    builders.make_activity(contact, activity_type=Activity.FORM_SUBMITTED, occurred_at=NOW, received_at=now)
    engine.drain(manager.team_id, now=now)
    due = Task.objects.latest("pk").due_date
    if over:
        assert now - timedelta(hours=1) < due <= NOW + timedelta(hours=13)
    else:
        assert due == NOW.replace(hour=15), "the best of all there was"


def test_the_hour_lies_in_the_working_time_of_whoever_gets_the_task(manager: User) -> None:
    """The contact's owner works at 15:00. Whom the rule names does not, nor does the team, whoever is then found."""
    contact = learned_hour(manager)[0]
    named = builders.make_user(team=manager.team)
    builders.make_working_week(manager, starts="14:00", ends="18:00")
    builders.make_working_week(named, starts="09:00", ends="11:00")
    TeamSpan.objects.bulk_create(
        TeamSpan(team=manager.team, weekday=day, starts="10:00", ends="13:00") for day in range(5)
    )
    for assign, first, last in (("owner", 14, 18), (f"user:{named.pk}", 9, 11), ("best_match", 10, 13)):
        made_by = rule(manager, best_time_within_hours=24, assign=assign, name=assign)
        events_of = events.of_activity(builders.make_activity(contact, occurred_at=NOW, received_at=NOW))
        due = drafting.draft(made_by, events_of, now=NOW).due_date
        assert first <= due.hour < last, assign


def test_what_is_foreseen_of_an_event_is_what_is_made_of_it(manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial drafts each by itself, the engine all in one batch: the same hours, drawn ones among them."""
    monkeypatch.setattr(best_time, "EXPLORED", 0.5)  # of sixty there are some of each, whatever their numbers
    made_by = rule(manager, best_time_within_hours=12, priority_from_score=True)
    contacts = learned_hour(manager)
    said = {"activity_type": Activity.FORM_SUBMITTED, "occurred_at": NOW, "received_at": NOW}
    activities = [builders.make_activity(one, **said) for one in contacts * 10]
    foreseen = [drafting.draft(made_by, events.of_activity(one), now=NOW) for one in activities]
    engine.drain(manager.team_id, now=NOW)
    firings = Firing.objects.select_related("task").order_by("activity")
    made = [(one.task.due_date, one.task.timing, one.task.priority) for one in firings if one.task is not None]
    assert made == [(one.due_date, one.timing, one.priority) for one in foreseen]
    assert len({due_date for due_date, _, _ in made}) > 1


def test_without_history_the_rule_keeps_its_hour(manager: User) -> None:
    rule(manager, best_time_within_hours=12)
    task = happens(builders.make_contact(manager))
    assert task.due_date == NOW + timedelta(hours=1)
    assert task.timing is not None
    assert (task.timing["chosen_by"], task.timing["reason"]) == (best_time.RULE, best_time.TOO_FEW)


def test_a_rule_without_the_option_keeps_no_timing(manager: User) -> None:
    rule(manager)
    contact = learned_hour(manager)[0]
    task = happens(contact)
    assert (task.due_date, task.timing, task.priority_source) == (NOW + timedelta(hours=1), None, "")


def test_work_gets_the_priority_of_the_score_and_follows_it(manager: User) -> None:
    rule(manager, priority_from_score=True, trigger_config={"activity_types": ["email_opened", "email_replied"]})
    known = builders.make_contact(manager, phone="1", company="C")
    others = [builders.make_contact(manager, email="") for _ in range(30)]
    first = happens(known, activity_type=Activity.EMAIL_OPENED)
    assert (first.priority, first.priority_source) == ("medium", Task.BY_SCORE), "no score is known yet"
    lead_features.take_snapshots(manager.team, now=NOW)
    lead_models.train(manager.team, now=NOW)
    lead_scores.refresh(manager.team, now=NOW)
    first.refresh_from_db()
    assert first.priority == "urgent"
    low = next(one for one in others if lead_scores.Priorities(manager.team).of(one.pk) == "low")
    assert happens(low, activity_type=Activity.EMAIL_OPENED).priority == "low"
    assert happens(low, activity_type=Activity.EMAIL_REPLIED).priority == "high"
    late = {"activity_type": Activity.EMAIL_REPLIED, "occurred_at": NOW - timedelta(hours=2)}
    assert happens(low, **late).priority == "low", "who wrote two hours ago does not press"
    lifecycle.edit(first, by=manager, now=NOW, priority="low")
    lead_scores.refresh(manager.team, now=NOW + DAY)
    first.refresh_from_db()
    assert first.priority == "low"


@pytest.mark.parametrize("by_hand", [True, False])
def test_work_follows_the_score_only_while_its_rule_asks_for_it(manager: User, by_hand: bool) -> None:
    """Switched off, its open tasks keep the priority that they have, and follow again once it is on again."""
    scored, other = (rule(manager, priority_from_score=True, name=name) for name in ("scored", "other"))
    contact = builders.make_contact(manager, phone="1", company="C")
    for _ in range(9):
        builders.make_contact(manager, email="")
    happens(contact)
    mine, others = (Task.objects.get(kind=f"rule:{one.pk}") for one in (scored, other))

    def switch(on: bool) -> None:
        if by_hand:
            rules.update(scored, now=NOW, priority_from_score=on)
        else:
            TaskAutomationRule.objects.filter(pk=scored.pk).update(priority_from_score=on)

    switch(False)
    lead_features.take_snapshots(manager.team, now=NOW)
    lead_models.train(manager.team, now=NOW)
    assert lead_scores.refresh(manager.team, now=NOW).tasks == 1
    for on, tasks_told in ((False, 0), (True, 1)):
        switch(on)
        assert lead_scores.refresh(manager.team, now=NOW + DAY).tasks == tasks_told
        mine.refresh_from_db()
        others.refresh_from_db()
        assert (mine.priority, others.priority) == ("urgent" if on else "medium", "urgent")


def test_scores_are_read_once_for_a_batch(manager: User) -> None:
    rule(manager, priority_from_score=True)
    contacts = [builders.make_contact(manager) for _ in range(8)]
    counts = []
    for some in (contacts[:1], contacts):
        for one in some:
            builders.make_activity(one, activity_type=Activity.FORM_SUBMITTED, occurred_at=NOW, received_at=NOW)
        with CaptureQueriesContext(connection) as captured:
            engine.drain(manager.team_id, now=NOW)
        told = [query["sql"] for query in captured.captured_queries]
        counts.append([sum(f'FROM "{table}"' in sql for sql in told) for table in TABLES_OF_SCORES])
    assert counts == [[1, 1], [1, 1]]


def test_rules_of_before_keep_their_version_and_a_change_makes_one(manager: User) -> None:
    made = rule(manager)
    content = RuleVersion.objects.get(rule=made).content
    assert not {"best_time_within_hours", "priority_from_score"} & set(content)
    rules.update(made, now=NOW, best_time_within_hours=24, priority_from_score=True)
    newest = RuleVersion.objects.filter(rule=made).latest("number")
    assert (newest.number, newest.content["best_time_within_hours"]) == (2, 24)
    rules.update(made, now=NOW, best_time_within_hours=None, priority_from_score=False)
    assert RuleVersion.objects.filter(rule=made).count() == 2


@pytest.mark.parametrize("hours", [0, 337])
def test_a_window_has_bounds(manager: User, hours: int) -> None:
    with pytest.raises(rules.BadRule) as refused:
        rule(manager, best_time_within_hours=hours)
    assert set(refused.value.errors) == {"best_time_within_hours"}


def test_the_options_go_with_the_file(manager: User) -> None:
    rule(manager, best_time_within_hours=24, priority_from_score=True)
    document = writing.export(manager.team)
    assert "best_time_within_hours: 24" in document
    other = builders.make_manager()
    report = reading.bring_in(document.replace(manager.username, other.username), by=other, now=NOW)
    assert not report.refused
    found = TaskAutomationRule.objects.get(team=other.team)
    assert (found.best_time_within_hours, found.priority_from_score) == (24, True)


TRIED: dict[str, Any] = {"delays_hours": [24, 72], "effect": 0.25, "base": 0.3}


def triggered(made_by: TaskAutomationRule, count: int, at: datetime = NOW - DAY) -> list[Contact]:
    """So many contacts that triggered the rule lately, for it to have something to plan by."""
    contacts = [builders.make_contact(made_by.owner) for _ in range(count)]
    for one in contacts:
        builders.make_firing(made_by, contact=one, at=at, occurred_at=at, trigger_key=f"before:{one.pk}")
    return contacts


def test_contacts_get_the_delays_that_are_tried_and_the_winner_is_adopted(manager: User) -> None:
    made_by = rule(manager, delay_hours=5)
    triggered(made_by, 40)
    row = experimenting.start(made_by, by=manager, now=NOW, **TRIED)
    contacts = [builders.make_contact(manager) for _ in range(160)]
    for one in contacts:
        builders.make_activity(one, activity_type=Activity.FORM_SUBMITTED, occurred_at=NOW, received_at=NOW)
    engine.drain(manager.team_id, now=NOW)
    due = {task.contact_id: task.due_date - NOW for task in Task.objects.filter(contact__in=contacts)}
    assert due == {one.pk: Arms().of(row, one.pk, at=NOW).delay for one in contacts}
    assert set(due.values()) == {DAY, 3 * DAY}
    slow = [one for one in contacts if due[one.pk] == 3 * DAY]
    for one in slow[: len(slow) * 3 // 4]:
        at = NOW + 4 * DAY
        builders.make_activity(one, activity_type=Activity.EMAIL_REPLIED, occurred_at=at, received_at=at)
    assert experimenting.look(manager.team, now=NOW + DAY) == {str(row.pk): trials.TOO_EARLY}
    assert experimenting.look(manager.team, now=NOW + 10 * DAY) == {str(row.pk): trials.BETTER}
    row.refresh_from_db()
    assert (row.winner, row.contacts.count()) == (1, 160)
    told = experimenting.figures(row, now=NOW + 10 * DAY)
    quick, slower = told["arms"]
    assert (quick["rate"], slower["rate"]) == (0, pytest.approx(0.75, abs=0.02))
    assert (told["next_look"], "all contacts that were planned" in told["reason"]) == (None, True)
    made_by.refresh_from_db()
    assert made_by.experiment is None, "over: the rule goes on with its own delay"
    experimenting.adopt(row, 1, by=manager, now=NOW + 11 * DAY)
    made_by.refresh_from_db()
    assert made_by.delay_hours == 72
    task = happens(builders.make_contact(manager), NOW + 11 * DAY)
    assert task.due_date == NOW + 14 * DAY


@pytest.mark.parametrize(
    "since",
    [{"delay_kind": "business"}, {"delay_kind": "calendar", "delay_hours": 0, "delay_days": 9, "delay_at": time(14)}],
    ids=["working time", "days"],
)
def test_the_delay_that_is_adopted_is_in_hours_as_it_was_tried_whatever_the_rule_counts_in_since(
    manager: User, since: dict[str, Any]
) -> None:
    made_by = rule(manager, delay_hours=5)
    triggered(made_by, 40)
    row = experimenting.start(made_by, by=manager, now=NOW, **TRIED)
    Experiment.objects.filter(pk=row.pk).update(decision=Experiment.RUN_OUT, ended_at=NOW, winner=1)
    TaskAutomationRule.objects.filter(pk=made_by.pk).update(experiment=None)
    rules.update(TaskAutomationRule.objects.get(pk=made_by.pk), by=manager, now=NOW, **since)
    row.refresh_from_db()
    experimenting.adopt(row, 1, by=manager, now=NOW + DAY)
    assert happens(builders.make_contact(manager), NOW + DAY).due_date == NOW + 4 * DAY


def test_one_who_makes_no_task_counts_all_the_same(manager: User) -> None:
    made_by = rule(manager, repeat_policy="once_ever")
    triggered(made_by, 40)
    row = experimenting.start(made_by, by=manager, now=NOW, **TRIED)
    contact = builders.make_contact(manager)
    builders.make_firing(made_by, contact=contact, outcome=Firing.SUPPRESSED, at=NOW, occurred_at=NOW, task=None)
    experimenting.look(manager.team, now=NOW + DAY)
    assert [one.contact for one in row.contacts.all()] == [contact]


def test_who_is_merged_before_the_night_keeps_the_delay_that_was_drawn(manager: User) -> None:
    """The task has the absorbed one's: the survivor, who may have drawn another, does not change that."""
    made_by = rule(manager)
    triggered(made_by, 40)
    row = experimenting.start(made_by, by=manager, now=NOW, **TRIED)
    contacts = [builders.make_contact(manager) for _ in range(40)]
    one = next(two for two in contacts if Arms().of(row, two.pk, at=NOW).arm == 0)
    other = next(two for two in contacts if Arms().of(row, two.pk, at=NOW).arm == 1)
    assert happens(other).due_date == NOW + 3 * DAY
    merge.merge(one, other, by=manager, now=NOW)
    experimenting.look(manager.team, now=NOW + DAY)
    figures = experimenting.figures(row, now=NOW + DAY)
    assert ([arm["contacts"] for arm in figures["arms"]], figures["left_out"]) == ([0, 1], 0)
    assert happens(one, NOW + DAY).due_date == NOW + 4 * DAY


def test_a_stopped_one_leaves_the_rule_as_it_was_and_is_told(manager: User) -> None:
    made_by = rule(manager, delay_hours=5)
    triggered(made_by, 40)
    row = experimenting.start(made_by, by=manager, now=NOW, **TRIED)
    experimenting.stop(row, by=manager, now=NOW + DAY)
    made_by.refresh_from_db()
    assert (made_by.experiment, made_by.delay_hours) == (None, Decimal(5))
    assert happens(builders.make_contact(manager), NOW + DAY).due_date == NOW + DAY + timedelta(hours=5)
    started, stopped = Change.objects.filter(kind="rule").exclude(verb="created").order_by("pk")
    assert (started.after, stopped.before) == ({"experiment_id": row.pk}, {"experiment_id": row.pk})


def test_what_cannot_be_tried_does_not_begin(manager: User) -> None:
    seldom, at_best, in_days = (
        rule(manager),
        rule(manager, best_time_within_hours=9),
        rule(manager, delay_kind="calendar", delay_days=3, delay_hours=0),
    )
    for one, why in ((seldom, "26 weeks"), (at_best, "without best times"), (in_days, "delay in hours")):
        with pytest.raises(experiments.CannotStart, match=why):
            experimenting.start(one, by=manager, now=NOW, **TRIED)
    triggered(seldom, 40)
    with pytest.raises(experiments.CannotStart, match="share that you expect"):
        experimenting.start(seldom, by=manager, now=NOW, **TRIED | {"base": None})
    assert not Experiment.objects.exists()


@pytest.mark.parametrize("kind", ["test", "optimise"])
@pytest.mark.parametrize("verb", ["look", "adopt", "stop", "archive"])
def test_whatever_is_done_with_delays_the_rule_is_locked_first(manager: User, kind: str, verb: str) -> None:
    """Else two at once would each wait for what the other holds. Nobody who draws a contact waits for either."""
    made_by = rule(manager)
    triggered(made_by, 40)
    row = (
        experimenting.start(made_by, by=manager, now=NOW, **TRIED)
        if kind == "test"
        else experimenting.optimise(made_by, delays_hours=[24, 72], by=manager, now=NOW)
    )
    verbs: dict[str, Callable[[], object]] = {
        "look": lambda: experimenting.look(manager.team, now=NOW + DAY),
        "adopt": lambda: experimenting.adopt(row, 1, by=manager, now=NOW + DAY),
        "stop": lambda: experimenting.stop(row, by=manager, now=NOW + DAY),
        "archive": lambda: rules.archive(made_by, by=manager, now=NOW + DAY),
    }
    with CaptureQueriesContext(connection) as captured:
        verbs[verb]()
    locks = [
        sql
        for query in captured.captured_queries
        if (sql := query["sql"]).startswith("SELECT")
        and (connection.vendor == "sqlite" or " FOR " in sql)
        and any(f'FROM "{table}"' in sql for table in ("automation_taskautomationrule", "learning_experiment"))
    ]
    of_experiment = [place for place, sql in enumerate(locks) if 'FROM "learning_experiment"' in sql]
    of_rule = [place for place, sql in enumerate(locks) if 'FROM "automation_taskautomationrule"' in sql]
    if connection.vendor == "postgresql":
        assert min(of_rule) < min(of_experiment)
        assert all(" FOR NO KEY UPDATE" in sql for sql in locks)
    else:
        assert of_rule
        assert of_experiment


def test_what_came_of_a_task_starts_a_rule_whenever_it_is_said(manager: User) -> None:
    """With the completion, or afterwards: two rules, since a completion does not wait for it."""
    said: dict[str, Any] = {"condition": 'task.outcome == "no_answer"', "task_title_template": "Try again"}
    rule(manager, trigger_config={"activity_types": ["task_outcome"]}, **said)
    rule(manager, trigger_type="task_completed", trigger_config={}, **said)
    at_once, later = (builders.make_task(manager, contact=builders.make_contact(manager)) for _ in range(2))
    lifecycle.complete(at_once, by=manager, now=NOW, outcome="no_answer")
    lifecycle.complete(later, by=manager, now=NOW)
    engine.drain(manager.team_id, now=NOW)
    assert list(Task.objects.open().values_list("contact", flat=True)) == [at_once.contact_id]
    for outcome in ("reached", "no_answer"):
        lifecycle.say_outcome(later, outcome, by=manager, now=NOW)
        engine.drain(manager.team_id, now=NOW)
    made = Task.objects.open().order_by("pk").values_list("contact", "title")
    assert list(made) == [(at_once.contact_id, "Try again"), (later.contact_id, "Try again")]


def test_the_night_looks_at_experiments(manager: User) -> None:
    made_by = rule(manager)
    now = datetime.now(UTC)
    triggered(made_by, 40, now - DAY)
    row = experimenting.start(made_by, by=manager, now=now, **TRIED | {"effect": 0.5})
    done = tasks.learn_from_outcomes(team_id=manager.team_id)
    assert done["experiments"] == {str(row.pk): trials.TOO_EARLY}
    figures = experimenting.figures(row, now=now)
    assert [arm["delay_hours"] for arm in figures["arms"]] == [24, 72]


def comes_in(contacts: Iterable[Contact], at: datetime) -> dict[int, timedelta]:
    """The forms of all come in at once; how long after it their tasks are due."""
    said = {"activity_type": Activity.FORM_SUBMITTED, "occurred_at": at, "received_at": at}
    made = [builders.make_activity(one, **said).pk for one in contacts]
    engine.drain(next(iter(contacts)).team_id, now=at)
    firings = Firing.objects.filter(activity__in=made, task__isnull=False).select_related("task")
    return {one.contact_id: one.task.due_date - at for one in firings if one.contact_id and one.task}


def answer(contacts: Iterable[Contact], at: datetime) -> None:
    for one in contacts:
        said = {"activity_type": Activity.EMAIL_REPLIED, "occurred_at": at, "received_at": at}
        builders.make_activity(one, processed_at=at, **said)


def test_most_come_to_get_the_delay_that_is_answered_most_and_nothing_is_said_of_it(manager: User) -> None:
    """Nobody answers after a day, most do after three: fewer answers are lost than by an even split, night by night."""
    made_by = rule(manager, delay_hours=5)
    row = experimenting.optimise(made_by, delays_hours=[24, 72], by=manager, now=NOW)
    due: dict[int, timedelta] = {}
    for day in range(16):
        at = NOW + day * DAY
        assert experimenting.look(manager.team, now=at) == ({str(row.pk): allocation.OPTIMISING} if day else {})
        new = [builders.make_contact(manager) for _ in range(20)]
        due |= comes_in(new, at)
        answer([one for one in new if due[one.pk] == 3 * DAY], at + 4 * DAY)
    kept = dict(row.contacts.values_list("contact", "arm"))
    assert {pk: timedelta(hours=row.delays_hours[arm]) for pk, arm in kept.items()} == due
    slow = [wait == 3 * DAY for wait in due.values()]
    assert 60 < sum(slow[:200]) < 140, "ten days long nothing is known"
    assert sum(slow[-60:]) > 45
    shares = list(row.days.order_by("on").values_list("shares", flat=True))
    assert len(shares) == 16
    assert shares[0] == [0.5, 0.5]
    assert shares[-1][0] == pytest.approx(0.05, abs=0.01), "nobody falls below the floor"
    row.refresh_from_db()
    assert (row.is_running, row.winner, row.verdict) == (True, None, allocation.OPTIMISING)
    assert not row.looks.exists()
    figures = experimenting.figures(row, now=NOW + 16 * DAY)
    assert (figures["comparisons"], figures["planned"]) == ([], None)
    assert [arm["share"] for arm in figures["arms"]] == shares[-1]


def test_whoever_is_drawn_keeps_the_delay_whatever_the_shares_become(manager: User) -> None:
    """In the batch that draws, in later ones, and done row by row; also who is heard of late gets that day's shares."""
    made_by = rule(manager)
    row = experimenting.optimise(made_by, delays_hours=[24, 72], by=manager, now=NOW)
    contacts = [builders.make_contact(manager) for _ in range(40)]
    first = comes_in(contacts, NOW)
    assert set(first.values()) == {DAY, 3 * DAY}
    for day, shares in ((1, [0.05, 0.95]), (2, [0.95, 0.05])):
        ExperimentShares.objects.create(
            experiment=row, on=(NOW + day * DAY).date(), at=NOW + day * DAY, shares=shares, known=[[0, 0], [0, 0]]
        )
        assert comes_in(contacts, NOW + day * DAY) == first
    new = builders.make_contact(manager)
    said = {"activity_type": Activity.FORM_SUBMITTED, "received_at": NOW + 2 * DAY}
    for hours in (0, 24, 48):
        builders.make_activity(new, occurred_at=NOW + timedelta(hours=hours), **said)
    engine.drain(manager.team_id, now=NOW + 2 * DAY)
    waits = {one.due_date - NOW - n * DAY for n, one in enumerate(Task.objects.filter(contact=new).order_by("pk"))}
    assert waits == {Arms().of(row, new.pk, at=NOW + 2 * DAY).delay}, "one batch that spans three days' shares"
    event = events.of_activity(builders.make_activity(contacts[0], occurred_at=NOW, received_at=NOW))
    made_by.refresh_from_db()
    assert drafting.draft(made_by, event, now=NOW).drawn == Arms().of(row, contacts[0].pk, at=NOW)


def test_what_is_foreseen_of_contacts_that_are_shared_out_is_kept_of_none(manager: User) -> None:
    made_by = rule(manager)
    row = experimenting.optimise(made_by, delays_hours=[24, 72], by=manager, now=NOW)
    made_by.refresh_from_db()
    contact = builders.make_contact(manager)
    event = events.of_activity(builders.make_activity(contact, occurred_at=NOW, received_at=NOW))
    foreseen = drafting.draft(made_by, event, now=NOW)
    assert not row.contacts.exists()
    assert comes_in([contact], NOW)[contact.pk] == foreseen.due_date - NOW


def test_one_that_optimises_is_ended_by_a_person_only(manager: User) -> None:
    made_by = rule(manager, delay_hours=5)
    row = experimenting.optimise(made_by, delays_hours=[24, 72], by=manager, now=NOW)
    with pytest.raises(experiments.CannotStart, match="under way"):
        experimenting.optimise(made_by, delays_hours=[24, 72], by=manager, now=NOW)
    experimenting.adopt(row, 0, by=manager, now=NOW + DAY)
    made_by.refresh_from_db()
    assert (made_by.delay_hours, made_by.experiment, row.winner) == (24, None, None)
    assert experimenting.look(manager.team, now=NOW + 2 * DAY) == {}
    for delays in ([24], [24, 24], [1, 2, 3, 4, 5]):
        with pytest.raises(experiments.CannotStart):
            experimenting.optimise(made_by, delays_hours=delays, by=manager, now=NOW)


@pytest.mark.parametrize("kind", ["best time", "optimised delays"])
def test_many_events_ask_for_what_was_learned_as_often_as_few(manager: User, kind: str) -> None:
    made_by = rule(manager, best_time_within_hours=12 if kind == "best time" else None)
    if kind == "optimised delays":
        experimenting.optimise(made_by, delays_hours=[24, 72], by=manager, now=NOW - DAY)
    contacts = learned_hour(manager)
    counts = []
    for day, (start, end) in enumerate([(0, 1), (1, 2), (2, 6)]):
        at = NOW + day * DAY
        said = {"activity_type": Activity.FORM_SUBMITTED, "occurred_at": at, "received_at": at}
        for one in contacts[start:end]:
            builders.make_activity(one, **said)
        with CaptureQueriesContext(connection) as queries:
            engine.drain(manager.team_id, now=at)
        assert Task.objects.filter(created_at=at).count() == end - start
        counts.append(len(queries))
    assert counts[1] == counts[2], "the first one finds less that is remembered"


def test_hours_that_were_drawn_are_hours_whatever_the_rule_counts_in(manager: User) -> None:
    made_by = rule(manager)
    experimenting.optimise(made_by, delays_hours=[24, 72], by=manager, now=NOW)
    TaskAutomationRule.objects.update(delay_kind="business", delay_days=2, delay_hours=0, delay_at="09:00")
    assert set(comes_in([builders.make_contact(manager) for _ in range(20)], NOW).values()) == {DAY, 3 * DAY}
