"""Runs of a whole team: what was planned is what happens, but for what changed meanwhile, and it can be taken back."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from assignment import crew, dispatch, explanations, runs, snapshot, ungiven
from assignment.models import Decision, Run
from domain.matching import engine
from notifications.models import Notification
from people.models import Team, User
from tests import builders
from work import lifecycle
from work.models import Assignment, Dependency, Exclusion, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = MONDAY + runs.HOLD + timedelta(minutes=1)


@pytest.fixture
def team() -> Team:
    return builders.make_team()


@pytest.fixture
def people(team: Team) -> list[User]:
    return [builders.make_user(team=team) for _ in range(3)]


@pytest.fixture
def tasks(team: Team, people: list[User]) -> list[Task]:
    return [
        builders.make_task(team=team, estimated_hours=1 + number % 4, created_at=MONDAY + timedelta(minutes=number))
        for number in range(12)
    ]


def ran(team: Team, *, now: datetime, **options: Any) -> dict[str, Any]:
    return runs.as_dict(runs.run(team, now=now, **options), dry_run=options.get("dry_run"))


def holders() -> dict[int, int | None]:
    return dict(Task.objects.values_list("pk", "assignee_id"))


def test_a_dry_run_can_be_carried_out_later_and_gives_what_it_showed(team: Team, tasks: list[Task]) -> None:
    shown = ran(team, now=MONDAY, dry_run=True)
    assert (shown["state"], shown["dry_run"]) == (Run.PLANNED, True)
    assert set(holders().values()) == {None}
    runs.apply(Run.objects.get(), now=MONDAY)
    assert holders() == {row["task_id"]: row["user_id"] for row in shown["assigned"]}
    assert Assignment.objects.filter(method=dispatch.BATCH).count() == 12


def test_a_run_says_how_good_it_is(team: Team, tasks: list[Task]) -> None:
    done = ran(team, now=MONDAY)
    assert 0 < done["value"] <= done["bound"]
    assert done["gap"] == pytest.approx((done["bound"] - done["value"]) / done["bound"])
    assert (done["state"], done["solver"] != "", done["version"]) == (Run.DONE, True, engine.VERSION)
    sentence = Assignment.objects.order_by("pk").first().reasons["sentence"]  # type: ignore[union-attr]
    assert "/h = priority" in sentence


def test_what_somebody_took_meanwhile_stays_theirs_and_what_was_changed_is_passed_over(
    team: Team, people: list[User], tasks: list[Task]
) -> None:
    planned = runs.plan(team, now=MONDAY)
    taken, changed = tasks[0], tasks[1]
    dispatch.assign(taken, people[2], by=people[2], now=MONDAY)
    lifecycle.set_status(changed, Task.BLOCKED, by=builders.make_user(team=team, role=User.MANAGER), now=MONDAY)
    runs.apply(planned, now=MONDAY)
    codes = dict(planned.decisions.filter(state=Decision.SKIPPED).values_list("task_id", "code"))
    assert codes == {taken.pk: runs.TAKEN, changed.pk: runs.CHANGED}
    assert holders()[taken.pk] == people[2].pk
    assert holders()[changed.pk] is None
    assert Assignment.objects.filter(method=dispatch.BATCH).count() == 10
    told = {row["task_id"]: row["reason"] for row in runs.as_dict(planned)["unassigned"]}
    assert told == {taken.pk: "Somebody took it meanwhile.", changed.pk: "It was changed meanwhile."}


def test_a_task_tells_why_nobody_has_it_as_long_as_nobody_has(team: Team, people: list[User]) -> None:
    skill = builders.make_skill(team=team, name="SQL")
    task = builders.make_task(team=team, skills={skill: 3})
    assert ungiven.of_task(task) is None
    (row,) = ran(team, now=MONDAY)["unassigned"]
    assert ungiven.of_task(task) == {"code": row["code"], "reason": row["reason"], "at": MONDAY}
    assert row["reason"].startswith(f"Nobody: NO_SKILLED_PERSON. {people[0].display_name}: SQL level 0 < 3.")
    dispatch.assign(task, people[0], by=None, now=MONDAY)
    assert ungiven.of_task(task) is None


def test_a_reason_that_no_longer_holds_is_not_told_nor_what_a_task_waits_for(team: Team, people: list[User]) -> None:
    """What it waits for is told with its ties, to those who may see these tasks."""
    skill = builders.make_skill(team=team)
    edited = builders.make_task(team=team, skills={skill: 3}, created_at=MONDAY)
    first = builders.make_task(people[0], created_at=MONDAY)
    second = builders.make_task(team=team, created_at=MONDAY)
    Dependency.objects.create(task=second, waits_for=first)
    runs.run(team, now=MONDAY)
    assert ungiven.of_task(edited) is not None
    lifecycle.edit(edited, by=people[0], now=MONDAY, title="Another")
    assert [ungiven.of_task(Task.objects.get(pk=task.pk)) for task in (second, edited)] == [None, None]


def test_a_task_that_went_back_into_the_queue_is_nobodys(team: Team, tasks: list[Task]) -> None:
    runs.run(team, now=MONDAY)
    task = Task.objects.get(pk=tasks[0].pk)
    assert (explanations.of_task(task) or {})["user_id"] == task.assignee_id
    runs.undo(Run.objects.get(), by=None, now=MONDAY)
    assert explanations.of_task(Task.objects.get(pk=task.pk)) is None


def test_a_person_who_left_meanwhile_gets_nothing_and_the_others_get_theirs(
    team: Team, people: list[User], tasks: list[Task]
) -> None:
    planned = runs.plan(team, now=MONDAY)
    gone = planned.decisions.filter(to_user=people[0]).count()
    assert gone
    User.objects.filter(pk=people[0].pk).update(is_active=False)
    runs.apply(planned, now=MONDAY)
    assert planned.decisions.filter(state=Decision.SKIPPED, code=runs.LEFT).count() == gone
    assert Assignment.objects.count() == 12 - gone


def test_a_killed_run_is_gone_on_with_by_the_next(
    team: Team, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = runs.plan(team, now=MONDAY)
    steps: list[int] = []

    def killed(decision: Decision, *, now: datetime) -> bool:
        if len(steps) == 5:
            raise KeyboardInterrupt
        steps.append(decision.pk)
        return give(decision, now=now)

    give = runs.give
    monkeypatch.setattr(runs, "give", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.apply(planned, now=MONDAY)
    monkeypatch.setattr(runs, "give", give)
    assert Assignment.objects.count() == planned.decisions.filter(state=Decision.APPLIED).count() == 5
    with pytest.raises(runs.Busy):
        runs.run(team, now=MONDAY)
    runs.run(team, now=LATER)
    assert Run.objects.get(pk=planned.pk).state == Run.DONE
    assert Assignment.objects.count() == 12
    assert None not in holders().values()


def test_the_same_job_delivered_twice_makes_one_run(team: Team, tasks: list[Task]) -> None:
    first = ran(team, now=MONDAY, key="assign:1")
    again = ran(team, now=MONDAY, key="assign:1")
    assert again["run_id"] == first["run_id"]
    assert Run.objects.count() == 1


def test_a_job_that_was_killed_after_it_planned_plans_anew_when_work_was_given_out_since(
    team: Team, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(run: Run, *, now: datetime) -> Run:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runs, "apply", killed)
        with pytest.raises(KeyboardInterrupt):
            runs.run(team, now=MONDAY, key="assign:1")
    runs.run(team, now=MONDAY)
    builders.make_task(team=team, estimated_hours=1, created_at=MONDAY)
    again = ran(team, now=LATER, key="assign:1")
    assert (again["state"], len(again["assigned"])) == (Run.DONE, 1)
    assert ran(team, now=LATER, key="assign:1")["run_id"] == again["run_id"]
    assert None not in holders().values()


def test_a_job_whose_own_run_is_still_being_carried_out_leaves_it(team: Team, tasks: list[Task]) -> None:
    planned = runs.plan(team, now=MONDAY, key="assign:1")
    runs._hold(planned, Run.APPLYING, now=MONDAY)
    with pytest.raises(runs.Busy):
        runs.run(team, now=MONDAY, key="assign:1")
    assert Run.objects.get().state == Run.APPLYING


def test_undoing_a_run_leaves_what_was_started_moved_or_edited(
    team: Team, people: list[User], tasks: list[Task]
) -> None:
    runs.run(team, now=MONDAY)
    started, moved, done = Task.objects.order_by("pk")[:3]
    lifecycle.set_status(started, Task.IN_PROGRESS, by=started.assignee, now=MONDAY)
    other = next(user for user in people if user != moved.assignee)
    dispatch.assign(moved, other, by=other, now=MONDAY)
    lifecycle.complete(done, by=done.assignee, now=MONDAY, actual_hours=Decimal(1))
    answer = runs.undo(Run.objects.get(), by=None, now=MONDAY)
    assert Notification.objects.filter(kind="moved").count() == 1 + 9, "whoever lost a task heard of it"
    assert answer["kept"] == sorted([started.pk, moved.pk, done.pk], key=lambda pk: _position(pk))
    assert answer["state"] == Run.UNDONE
    assert {pk for pk, holder in holders().items() if holder is not None} == {started.pk, moved.pk, done.pk}
    with pytest.raises(runs.NotThis, match="undone already"):
        runs.undo(Run.objects.get(), by=people[0], now=MONDAY)
    with pytest.raises(runs.NotThis, match="make a new one"):
        runs.apply(Run.objects.get(), now=MONDAY)


def _position(task_id: int) -> int:
    return Decision.objects.get(task_id=task_id).position


def test_hours_due_by_the_same_instant_count_together(team: Team) -> None:
    """Eight working hours until 17:00: two of three tasks of four hours that are due then."""
    builders.make_user(team=team)
    for _ in range(3):
        builders.make_task(team=team, estimated_hours=4, due_date=MONDAY.replace(hour=17), created_at=MONDAY)
    done = ran(team, now=MONDAY)
    assert len(done["assigned"]) == 2
    assert [row["code"] for row in done["unassigned"]] == ["OUTRANKED"]


def test_what_nobody_got_is_kept_for_a_day_and_runs_for_ninety(team: Team, tasks: list[Task]) -> None:
    """Each hour says it anew, so a long backlog does not fill the disk."""
    skill = builders.make_skill(team=team, name="Welding")
    builders.make_task(team=team, skills={skill: 5}, created_at=MONDAY)
    runs.run(team, now=MONDAY)
    runs.prune(now=MONDAY + timedelta(hours=23))
    assert Decision.objects.filter(to_user=None).count() == 1
    runs.prune(now=MONDAY + timedelta(hours=25))
    assert (Decision.objects.filter(to_user=None).count(), Decision.objects.count()) == (0, 12)
    assert {tuple(one.reasons) for one in Decision.objects.all()} == {("sentence",)}
    assert all("choice" in one.reasons for one in Assignment.objects.all())
    assert runs.prune(now=MONDAY + timedelta(days=91))
    assert (Run.objects.count(), Assignment.objects.count()) == (0, 12)


def test_a_team_of_nobody_is_told_so(team: Team) -> None:
    builders.make_task(team=team)
    (row,) = ran(team, now=MONDAY)["unassigned"]
    assert row["code"] == "NO_SKILLED_PERSON"
    assert row["reason"] == "Nobody: NO_SKILLED_PERSON. The team has no active members: add one."


def test_a_run_is_counted_for_whoever_asks_how_it_went(team: Team, tasks: list[Task]) -> None:
    builders.make_task(team=team, skills={builders.make_skill(team=team): 5}, created_at=MONDAY)
    waits = builders.make_task(team=team, created_at=MONDAY)
    Dependency.objects.create(task=waits, waits_for=tasks[0])
    told = runs.summary(runs.run(team, now=MONDAY))
    assert (told["state"], told["assigned"]) == (Run.DONE, 12)
    assert told["unassigned"] == {"DEPENDENCY": 1, "NO_SKILLED_PERSON": 1}
    assert Decision.objects.get(task=waits).reasons["sentence"] == f"Nobody: DEPENDENCY on #{tasks[0].pk}."
    assert holders()[waits.pk] is None


def test_who_is_kept_off_a_task_or_a_contact_gets_neither(team: Team, people: list[User]) -> None:
    contact = builders.make_contact(people[0])
    one, of_contact = builders.make_task(team=team), builders.make_task(team=team, contact=contact)
    Exclusion.objects.create(user=people[0], task=one)
    for user in people[:2]:
        Exclusion.objects.create(user=user, contact=contact)
    runs.run(team, now=MONDAY)
    assert holders()[of_contact.pk] == people[2].pk
    assert holders()[one.pk] != people[0].pk
    rejected = Assignment.objects.get(task=of_contact).reasons["choice"]["rejected"]
    assert [(row["person_id"], row["code"]) for row in rejected] == [(user.pk, "ACCESS") for user in people[:2]]


def test_nobody_is_given_more_tasks_than_they_may_hold(team: Team, people: list[User], tasks: list[Task]) -> None:
    builders.make_task(people[0])
    User.objects.filter(pk=people[0].pk).update(wip_limit=3)
    User.objects.filter(pk=people[1].pk).update(wip_limit=0)
    runs.run(team, now=MONDAY)
    held = Counter(holders().values())
    assert (held[people[0].pk], held[people[1].pk], held[people[2].pk]) == (3, 0, 10)


def test_the_focus_factor_leaves_hours_for_all_else(team: Team) -> None:
    """Of forty working hours a half: five of ten tasks of four hours."""
    builders.make_user(team=team, focus_factor="0.5")
    for _ in range(10):
        builders.make_task(team=team, estimated_hours=4, created_at=MONDAY, due_date=MONDAY + timedelta(days=6))
    done = ran(team, now=MONDAY)
    assert len(done["assigned"]) == 5
    assert {row["code"] for row in done["unassigned"]} == {"OUTRANKED"}


def test_a_team_weighs_its_work_itself(team: Team) -> None:
    expert = builders.make_user(team=team)
    skill = builders.make_skill(expert, level=5)
    knows = builders.make_user(team=team)
    knows.skill_levels.create(skill=skill, level=1)
    contact = builders.make_contact(knows)
    builders.make_done_task(knows, at=MONDAY - timedelta(days=3), contact=contact)
    task = builders.make_task(team=team, contact=contact, skills={skill: 1}, created_at=MONDAY)
    assert [row["user_id"] for row in ran(team, now=MONDAY, dry_run=True)["assigned"]] == [expert.pk]
    Team.objects.filter(pk=team.pk).update(weight_skill=0, weight_continuity=300)
    assert dispatch.assign_best(Task.objects.get(pk=task.pk), now=MONDAY).person_id == knows.pk


def test_replanning_moves_what_an_absence_needs_and_little_else_and_can_be_undone(
    team: Team, people: list[User]
) -> None:
    for number in range(12):
        builders.make_task(team=team, estimated_hours=2, created_at=MONDAY + timedelta(minutes=number))
    runs.run(team, now=MONDAY)
    before = holders()
    ill = people[0]
    builders.make_time_off(ill, starts_on=MONDAY.date(), ends_on=MONDAY.date() + timedelta(days=7))
    theirs = list(Task.objects.filter(assignee=ill).order_by("pk"))
    started, pinned, *others = theirs
    lifecycle.set_status(started, Task.IN_PROGRESS, by=ill, now=MONDAY)
    Task.objects.filter(pk=pinned.pk).update(pinned=True)
    made = runs.run(team, now=LATER, replan=True)
    moved = {pk for pk, holder in holders().items() if holder != before[pk]}
    assert moved == {task.pk for task in others}
    assert ill.pk not in {holders()[pk] for pk in moved}
    shown = runs.as_dict(made)
    assert {row["from_user_id"] for row in shown["assigned"]} == {ill.pk}
    assert all(f"Moved from {ill.display_name}." in row["reason"] for row in shown["assigned"])
    assert runs.undo(made, by=people[1], now=LATER)["kept"] == []
    assert holders() == before


def test_a_plan_that_has_nobody_for_what_is_held_leaves_it_where_it_is(team: Team, people: list[User]) -> None:
    task = builders.make_task(people[0], skills={builders.make_skill(team=team): 5})
    made = ran(team, now=MONDAY, replan=True)
    assert (made["assigned"], made["unassigned"]) == ([], [])
    assert holders()[task.pk] == people[0].pk


def test_what_was_moved_by_hand_since_the_plan_stays_there(team: Team, people: list[User]) -> None:
    task = builders.make_task(people[0])
    builders.make_time_off(people[0], starts_on=MONDAY.date(), ends_on=MONDAY.date() + timedelta(days=7))
    planned = runs.plan(team, now=MONDAY, replan=True)
    target = planned.decisions.get().to_user
    assert target is not None
    other = next(user for user in people[1:] if user != target)
    dispatch.assign(task, other, by=other, now=MONDAY)
    runs.apply(planned, now=MONDAY)
    assert holders()[task.pk] == other.pk
    assert planned.decisions.get().code == runs.TAKEN


def test_who_is_kept_off_since_the_plan_is_passed_over_and_the_others_get_theirs(team: Team, tasks: list[Task]) -> None:
    planned = runs.plan(team, now=MONDAY)
    off = planned.decisions.order_by("position")[3]
    Exclusion.objects.create(user=off.to_user, task=off.task)
    runs.apply(planned, now=MONDAY)
    assert list(planned.decisions.filter(state=Decision.SKIPPED).values_list("pk", "code")) == [(off.pk, "ACCESS")]
    assert [pk for pk, holder in holders().items() if holder is None] == [off.task_id]


def test_what_is_held_back_again_since_the_plan_is_passed_over(team: Team) -> None:
    manager = builders.make_user(team=team, role=User.MANAGER)
    first, second = builders.make_task(manager), builders.make_task(team=team)
    Dependency.objects.create(task=second, waits_for=first)
    lifecycle.complete(first, by=manager, now=MONDAY)
    planned = runs.plan(team, now=MONDAY)
    first.refresh_from_db()
    lifecycle.set_status(first, Task.TODO, by=manager, now=MONDAY)
    runs.apply(planned, now=MONDAY)
    assert holders()[second.pk] is None
    assert planned.decisions.get().code == "DEPENDENCY"


def test_who_leaves_while_a_run_is_carried_out_gets_nothing_more(team: Team) -> None:
    user = builders.make_user(team=team)
    builders.make_task(team=team)
    decision = runs.plan(team, now=MONDAY).decisions.select_related(*runs.WITH_TASK).get()
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert not runs.give(decision, now=MONDAY)
    assert Decision.objects.get(pk=decision.pk).code == runs.LEFT


def test_an_undone_move_leaves_the_task_where_it_is_when_who_had_it_must_not_have_it_any_more(team: Team) -> None:
    """Else the run would stay half undone, and the team's next runs would stumble over it."""
    had = builders.make_user(team=team)
    contact = builders.make_contact(team=team)
    task = builders.make_task(had, team=team, contact=contact, estimated_hours=4)
    builders.make_time_off(had, starts_on=MONDAY.date())
    builders.make_user(team=team)
    moved = runs.run(team, now=MONDAY, replan=True)
    assert holders()[task.pk] not in (None, had.pk)
    Exclusion.objects.create(user=had, contact=contact)
    undone = runs.undo(moved, by=None, now=MONDAY)
    assert (undone["state"], undone["kept"]) == (Run.UNDONE, [task.pk])
    assert holders()[task.pk] not in (None, had.pk)


def test_the_input_hash_knows_no_order_of_those_who_are_kept_off(team: Team) -> None:
    """Sets of whole numbers are told in an order that depends on which came first."""
    works = snapshot.Reader(crew.Books(team, MONDAY)).works([snapshot.row_of(builders.make_task(team=team))])
    one, other = (
        runs._hash_of([replace(works[0], excluded=frozenset(ids))], [], team.weights) for ids in ([0, 8], [8, 0])
    )
    assert one == other


def test_a_run_that_comes_second_leaves_no_plan_behind(
    team: Team, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both plan at once, and one begins to carry its plan out."""
    first = runs.plan(team, now=MONDAY)
    make = runs.plan

    def meanwhile(*args: Any, **options: Any) -> Run:
        made = make(*args, **options)
        runs._hold(first, Run.APPLYING, now=MONDAY)
        return made

    monkeypatch.setattr(runs, "plan", meanwhile)
    with pytest.raises(runs.Busy):
        runs.run(team, now=MONDAY, key="assign:1")
    assert Run.objects.get() == first


def test_run_after_run_gives_nobody_more_than_fits_before_a_far_date(team: Team) -> None:
    """80 working hours until then: what is given beyond them, as a late task is better than nobody's, says so."""
    builders.make_user(team=team)
    for _ in range(6):
        builders.make_task(team=team, estimated_hours=20, due_date=MONDAY + timedelta(days=14), created_at=MONDAY)
    for minute in range(3):
        runs.run(team, now=MONDAY + timedelta(minutes=minute))
    late = [one.reasons["late"] for one in Assignment.objects.order_by("pk")]
    assert late == [False] * 3 + [True] * 2


def test_a_plan_made_before_another_was_carried_out_promises_no_hours_again(team: Team, people: list[User]) -> None:
    """Each has forty hours; two plans of thirty hours each, the second made before the first was carried out."""
    first = [builders.make_task(team=team, estimated_hours=30, created_at=MONDAY) for _ in range(3)]
    early = runs.plan(team, now=MONDAY)
    late = runs.plan(team, now=MONDAY)
    for task in first[1:]:
        Task.objects.filter(pk=task.pk).update(version=9)  # so that the second has something left to give
    runs.apply(early, now=MONDAY)
    with pytest.raises(runs.Stale, match="make a new plan"):
        runs.apply(late, now=MONDAY)
    late.refresh_from_db()
    assert (late.state, late.held_until) == (Run.PLANNED, None)
    assert Task.objects.filter(assignee__isnull=False).count() == 1
    assert ran(team, now=MONDAY)["state"] == Run.DONE
    assert sorted(Counter(holders().values()).values()) == [1, 1, 1], "each got one"


def test_a_run_that_was_overtaken_while_it_planned_plans_anew(
    team: Team, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        builders.make_task(team=team, estimated_hours=30, created_at=MONDAY)
    other, plan = runs.plan(team, now=MONDAY), runs.plan
    made: list[Run] = []

    def overtaken(*args: Any, **options: Any) -> Run:
        made.append(plan(*args, **options))
        if len(made) == 1:
            builders.make_task(team=team, estimated_hours=9, created_at=MONDAY)  # ten are left of each
            runs.apply(other, now=MONDAY)
        return made[-1]

    monkeypatch.setattr(runs, "plan", overtaken)
    done = runs.run(team, now=MONDAY, key="assign:1")
    assert len(made) == 2
    assert (done.pk, done.state, done.given) == (made[1].pk, Run.DONE, 1)
    assert Run.objects.count() == 2, "the overtaken plan is gone"
