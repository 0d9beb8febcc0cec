"""Moves that end overload, through the database: what never moves, what is refused, who is told, and two at once."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignment import rebalancing
from assignment.models import Overload, Suggestion
from automation import tasks
from notifications.models import Notification
from people.models import Change, Skill, Team, User
from tests import builders
from work import capacity, lifecycle, ties
from work.models import Exclusion, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
THURSDAY = MONDAY + timedelta(days=3)
FRIDAY_EVENING = datetime(2026, 3, 6, 18, tzinfo=UTC)


@pytest.fixture
def team() -> Team:
    return builders.make_team()


@pytest.fixture
def manager(team: Team) -> User:
    """Who moves others' work and takes none."""
    return builders.make_manager(team=team, wip_limit=0)


def full(team: Team, *hours: float, **fields: Any) -> User:
    """Somebody with tasks of these hours, made long ago: a week has 40."""
    user = builders.make_user(team=team)
    for amount in hours:
        row: dict[str, Any] = {"estimated_hours": amount, "created_at": MONDAY - timedelta(days=20)}
        builders.make_task(user, **row | fields)
    return user


def moves_of(team: Team, now: datetime = MONDAY) -> list[Suggestion]:
    return rebalancing.suggestions(team, now=now)[0]


def why_stuck(team: Team, now: datetime = MONDAY) -> str:
    """Why the only person who is stuck is so."""
    moves, (stuck,) = rebalancing.suggestions(team, now=now)
    assert moves == []
    return str(stuck["reason"])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_applying_all_suggestions_overloads_nobody_and_moves_only_what_may_move(data: st.DataObject) -> None:
    team = builders.make_team()
    people = [
        builders.make_user(team=team, focus_factor=data.draw(st.sampled_from([Decimal(1), Decimal("0.5")])))
        for _ in range(4)
    ]
    skill = Skill.objects.create(team=team, name="Welding")
    for user in people[:2]:
        user.skill_levels.create(skill=skill, level=data.draw(st.integers(1, 5)))
    people[3].wip_limit = data.draw(st.integers(0, 3))
    people[3].save()
    stays = set()
    for user in people:
        for hours in data.draw(st.lists(st.integers(1, 14), max_size=7)):
            task = builders.make_task(
                user,
                estimated_hours=hours,
                actual_hours=data.draw(st.sampled_from([None, None, 3])),
                skills=data.draw(st.sampled_from([{}, {}, {skill: 3}])),
                due_date=data.draw(st.sampled_from([None, THURSDAY, MONDAY + timedelta(hours=26), FRIDAY_EVENING])),
                pinned=data.draw(st.integers(0, 5)) == 0,
                status=data.draw(st.sampled_from(["todo", "todo", "todo", "in_progress"])),
                created_at=MONDAY - timedelta(days=20),
            )
            if task.pinned or task.status != "todo":
                stays.add(task.pk)
    before = capacity.weeks(people, now=MONDAY)
    moves, stuck = rebalancing.suggestions(team, now=MONDAY)
    assert [move.pk for move in moves_of(team)] == [move.pk for move in moves], "what still holds keeps its id"
    assert not stays & {move.task_id for move in moves}
    answer = rebalancing.apply_all(team, by=people[0], now=MONDAY)
    assert answer["refused"] == []
    after = capacity.weeks(people, now=MONDAY)
    over = {user.pk for user in people if after[user.pk].is_overloaded}
    assert over == {one["user_id"] for one in stuck} <= {pk for pk, week in before.items() if week.is_overloaded}
    for move in moves:
        task = Task.objects.get(pk=move.task_id)
        assert task.assignee_id == move.to_user_id
        levels = dict(task.assignee.skill_levels.values_list("skill", "level"))  # type: ignore[union-attr]
        assert all(levels.get(need.skill_id, 0) >= need.min_level for need in task.skill_levels.all())
    if any(move.to_user_id == people[3].pk for move in moves):
        assert Task.objects.open().filter(assignee=people[3]).count() <= (people[3].wip_limit or 0)


def test_loads_before_and_after_hold_one_after_the_other(team: Team) -> None:
    giver, other = full(team, 20, 20, 16, 16), full(team, 8)
    builders.make_user(team=team)
    moves = moves_of(team)
    loads = {giver.pk: 180.0, other.pk: 20.0}
    for move in moves:
        assert move.loads["from_before"] == loads.get(move.from_user_id, 0.0)
        assert move.loads["to_before"] == loads.get(move.to_user_id, 0.0)
        loads[move.from_user_id], loads[move.to_user_id] = move.loads["from_after"], move.loads["to_after"]
    weeks = capacity.weeks(User.objects.filter(team=team).select_related("team"), now=MONDAY)
    rebalancing.apply_all(team, by=other, now=MONDAY)
    weeks = capacity.weeks(User.objects.filter(team=team).select_related("team"), now=MONDAY)
    assert len(moves) == 2
    assert {pk: float(week.utilization or 0) for pk, week in weeks.items()} == loads


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"status": "in_progress"}, "started"),
        ({"status": "blocked"}, "blocked"),
        ({"pinned": True}, "pinned"),
        ({"due_date": MONDAY - timedelta(hours=1)}, "overdue"),
        ({"due_date": MONDAY + timedelta(hours=24)}, "due within a working day"),
        ({"created_at": MONDAY - timedelta(days=20), "due_date": MONDAY + timedelta(hours=25)}, None),
    ],
)
def test_what_stays_is_told(team: Team, fields: dict[str, Any], why: str | None) -> None:
    full(team, 44, **fields)
    builders.make_user(team=team, focus_factor=1)
    Task.objects.update(actual_hours=3)  # 41 h are left
    if why is None:
        assert "no feasible receiver of the 41 h" in why_stuck(team), "it may move, though nobody has room"
    else:
        assert why_stuck(team) == f"1 h over: no task may be moved (1 {why})"


def test_a_working_day_is_one_of_the_person_who_holds_the_task(team: Team) -> None:
    """On Friday evening what is due on Monday is due within a working day; with Monday off, so is Tuesday's."""
    sunday = datetime(2026, 3, 8, 18, tzinfo=UTC)
    user = builders.make_user(team=team)
    builders.make_user(team=team)
    builders.make_working_week(user, days=range(7))
    builders.make_task(user, estimated_hours=57, due_date=sunday - timedelta(hours=1))
    assert "due within a working day" not in why_stuck(team, sunday - timedelta(days=2))
    assert "due within a working day" in why_stuck(team, sunday - timedelta(days=1))
    builders.make_time_off(user, starts_on=date(2026, 3, 7))
    assert "due within a working day" in why_stuck(team, sunday - timedelta(days=2))


@pytest.mark.parametrize("method", ["manual", "next_task", "rebalance"])
def test_what_went_from_one_person_to_another_lately_stays(team: Team, manager: User, method: str) -> None:
    former, holder = builders.make_user(team=team), full(team, 30)
    task = builders.make_task(former, estimated_hours=12, created_at=MONDAY - timedelta(days=20))
    lifecycle.assign(
        task, holder, by=manager, now=MONDAY - timedelta(days=2), method=method, expected=former.pk, reasons={}
    )
    (move,) = moves_of(team)
    assert move.task_id != task.pk, "the 30 h go, though 12 would do"
    (move,) = moves_of(team, MONDAY + timedelta(days=1, hours=1))
    assert move.task_id == task.pk


def test_what_came_out_of_the_queue_lately_may_move(team: Team) -> None:
    holder = full(team, 30)
    task = builders.make_task(team=team, estimated_hours=12, created_at=MONDAY - timedelta(days=20))
    lifecycle.assign(task, holder, by=None, now=MONDAY, method="batch")
    builders.make_user(team=team)
    (move,) = moves_of(team)
    assert move.task_id == task.pk


def test_what_is_left_of_a_task_counts_not_all_of_it(team: Team) -> None:
    giver = full(team, 30)
    begun = builders.make_task(giver, estimated_hours=30, actual_hours=19, created_at=MONDAY - timedelta(days=20))
    free = full(team, 28)
    (move,) = moves_of(team)
    assert (move.task_id, move.to_user_id, move.hours) == (begun.pk, free.pk, Decimal(11))
    assert move.loads == {"from_before": 102.5, "from_after": 75.0, "to_before": 70.0, "to_after": 97.5}


def test_the_focus_factor_lowers_a_week_for_overload_but_not_in_the_teams_status(team: Team) -> None:
    giver, free = full(team, 12, 12), builders.make_user(team=team)
    assert moves_of(team) == []
    User.objects.filter(pk=giver.pk).update(focus_factor=Decimal("0.5"))
    User.objects.filter(pk=free.pk).update(focus_factor=Decimal("0.25"))
    assert "lacks 2 h this week" in why_stuck(team)
    User.objects.filter(pk=free.pk).update(focus_factor=Decimal("0.3"))
    (move,) = moves_of(team)
    assert (move.loads["from_before"], move.loads["to_after"]) == (120.0, 100.0)
    status = capacity.team_status(team, now=MONDAY)
    assert (status["total_capacity_hours"], status["overloaded_members"]) == (80, 1)


def lacks_the_skill(task: Task, user: User) -> None:
    task.skill_levels.create(skill=builders.make_skill(team=task.team, name="Python"), min_level=3)
    Task.objects.filter(pk=task.pk).update(due_date=FRIDAY_EVENING)


def is_excluded(task: Task, user: User) -> None:
    Exclusion.objects.create(task=task, user=user)


def holds_enough(task: Task, user: User) -> None:
    User.objects.filter(pk=user.pk).update(wip_limit=0)


def is_away(task: Task, user: User) -> None:
    builders.make_time_off(user, starts_on=MONDAY.date())


def is_busy_before(task: Task, user: User) -> None:
    Task.objects.filter(pk=task.pk).update(due_date=THURSDAY)
    builders.make_task(user, estimated_hours=20, due_date=THURSDAY)


HINDRANCES = [
    (lacks_the_skill, "needs Python level 3 before Fri 6 Mar", "Python level 0 < 3"),
    (is_excluded, "must not have this task", "must not have this task"),
    (holds_enough, "may hold no tasks", "may hold no tasks"),
    (is_away, "is away", "is away"),
    (is_busy_before, "lacks 7 h before Thu 5 Mar", "lacks 7.0 h before Thu 5 Mar"),
]


@pytest.mark.parametrize(("hinder", "missing", "_"), HINDRANCES)
def test_nothing_goes_to_somebody_whom_a_hard_rule_keeps_off(
    team: Team, hinder: Callable[[Task, User], None], missing: str, _: str
) -> None:
    full(team, 30, pinned=True)
    task = builders.make_task(User.objects.get(team=team), estimated_hours=11, created_at=MONDAY - timedelta(days=20))
    other = builders.make_user(team=team)
    hinder(task, other)
    assert missing in why_stuck(team)


@pytest.mark.parametrize(("hinder", "_", "now_missing"), HINDRANCES)
def test_a_suggestion_is_refused_once_a_hard_rule_keeps_the_receiver_off(
    team: Team, manager: User, hinder: Callable[[Task, User], None], _: str, now_missing: str
) -> None:
    full(team, 30, pinned=True)
    giver = User.objects.get(team=team, role=User.MEMBER)
    task = builders.make_task(giver, estimated_hours=11, created_at=MONDAY - timedelta(days=20))
    other = builders.make_user(team=team)
    (move,) = moves_of(team)
    hinder(task, other)
    with pytest.raises(rebalancing.Stale, match=now_missing):
        rebalancing.apply(move, by=manager, now=MONDAY)
    assert Suggestion.objects.get().state == Suggestion.OPEN
    assert Task.objects.get(pk=task.pk).assignee == giver


def changed(**fields: Any) -> Callable[[Suggestion], int]:
    return lambda move: Task.objects.filter(pk=move.task_id).update(**fields)


CHANGES: list[tuple[Callable[[Suggestion], Any], str]] = [
    (changed(status="in_progress"), "moved, started or finished meanwhile"),
    (changed(assignee=None), "moved, started or finished meanwhile"),
    (changed(pinned=True), r"stays where it is \(pinned\)"),
    (changed(due_date=MONDAY + timedelta(hours=3)), r"stays where it is \(due within a working day\)"),
    (changed(due_date=MONDAY + timedelta(days=9)), "is not overloaded any more"),
    (changed(estimated_hours=14), "takes 14 h now, not 12"),
    (changed(estimated_hours=1), "is not overloaded any more"),
    (lambda move: User.objects.filter(pk=move.to_user_id).update(is_active=False), "not in the team any more"),
    (lambda move: builders.make_task(move.to_user, estimated_hours=29), "lacks 1.0 h this week"),
    (lambda move: builders.make_task(move.to_user, estimated_hours=41), "is overloaded"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES)
def test_a_suggestion_is_refused_when_things_have_changed(
    team: Team, change: Callable[[Suggestion], Any], words: str
) -> None:
    full(team, 30, pinned=True)
    giver = User.objects.get(team=team)
    builders.make_task(giver, estimated_hours=12, created_at=MONDAY - timedelta(days=20))
    other = builders.make_user(team=team)
    (move,) = moves_of(team)
    change(move)
    with pytest.raises(rebalancing.Stale, match=words):
        rebalancing.apply(move, by=other, now=MONDAY)
    assert Suggestion.objects.get().state == Suggestion.OPEN
    assert not Notification.objects.exists()


def test_all_suggestions_are_applied_but_for_what_no_longer_fits_and_each_can_be_undone(team: Team) -> None:
    full, free = builders.make_user(team=team), builders.make_user(team=team)
    for _ in range(8):
        builders.make_task(full, estimated_hours=8)
    moves, _ = rebalancing.suggestions(team, now=MONDAY)
    started = Task.objects.get(pk=moves[1].task_id)
    lifecycle.set_status(started, Task.IN_PROGRESS, by=full, now=MONDAY)
    answer = rebalancing.apply_all(team, by=full, now=MONDAY)
    assert [row["id"] for row in answer["refused"]] == [moves[1].pk]
    assert "started" in answer["refused"][0]["reason"]
    assert answer["applied"] == [move.pk for move in moves if move.pk != moves[1].pk]
    moves[0].refresh_from_db()
    rebalancing.undo(moves[0], by=full, now=MONDAY)
    assert Task.objects.get(pk=moves[0].task_id).assignee == full
    moves[0].refresh_from_db()
    with pytest.raises(rebalancing.Stale, match="only an applied one"):
        rebalancing.undo(moves[0], by=full, now=MONDAY)
    last = moves[-1]
    last.refresh_from_db()
    lifecycle.set_status(Task.objects.get(pk=last.task_id), Task.IN_PROGRESS, by=free, now=MONDAY)
    with pytest.raises(rebalancing.Stale, match="assign it by hand"):
        rebalancing.undo(last, by=full, now=MONDAY)


def test_a_move_is_not_taken_back_to_whom_must_not_have_the_task_any_more(team: Team) -> None:
    user, boss = full(team, 20, 20, 20), builders.make_manager(team=team)
    (move,) = moves_of(team)
    task = rebalancing.apply(move, by=boss, now=MONDAY).task
    ties.exclude(task, [user], by=boss, now=MONDAY)
    with pytest.raises(rebalancing.Stale, match="must not have this task: choose somebody else"):
        rebalancing.undo(move, by=boss, now=MONDAY)
    move.refresh_from_db()
    assert move.state == Suggestion.APPLIED


def test_both_people_are_told_of_a_move_and_of_its_undoing_and_the_log_says_who_did_it(
    team: Team, manager: User
) -> None:
    giver, receiver = full(team, 48), builders.make_user(team=team)
    User.objects.filter(pk=receiver.pk).update(focus_factor=1)
    builders.make_working_week(receiver, ends="19:00")
    (move,) = moves_of(team)
    rebalancing.apply(move, by=manager, now=MONDAY)
    assert [notice.title.partition(":")[0] for notice in receiver.notifications.all()] == ["New task"]
    (told,) = giver.notifications.all()
    assert told.title == f"No longer yours: {move.task.title}"
    assert told.kind == Notification.MOVED
    assert told.body.startswith(f"{receiver.display_name} has it now. {giver.display_name} is at ")
    assert told.body.endswith(f"Applied by {manager.display_name}.")
    (line,) = Change.objects.filter(kind="task")
    assert (line.actor, line.before, line.after) == (manager, {"assignee_id": giver.pk}, {"assignee_id": receiver.pk})
    rebalancing.undo(move, by=manager, now=MONDAY + timedelta(hours=1))
    assert receiver.notifications.last().title == f"No longer yours: {move.task.title}"  # type: ignore[union-attr]
    assert Change.objects.filter(kind="task").count() == 2
    assert moves_of(team, MONDAY + timedelta(hours=2)) == [], "what was just moved back is not suggested again"


def test_work_given_away_by_its_holder_is_told_to_the_receiver_only(team: Team) -> None:
    giver, receiver = full(team, 30, 12), builders.make_user(team=team)
    (move,) = moves_of(team)
    rebalancing.apply(move, by=giver, now=MONDAY)
    assert list(Notification.objects.values_list("user", flat=True)) == [receiver.pk]


def test_the_longest_names_fit(team: Team) -> None:
    giver = full(team, 30, 12)
    builders.make_user(team=team)
    User.objects.filter(team=team).update(first_name="N" * 150, last_name="M" * 150)
    (move,) = moves_of(team)
    rebalancing.apply(move, by=giver, now=MONDAY)
    assert len(move.reason) == 255


def test_queries_do_not_grow_with_the_team(team: Team) -> None:
    counts = []
    for size in (2, 12):
        for _ in range(size):
            full(team, 20)
        full(team, *[9] * (size + 3))
        with CaptureQueriesContext(connection) as queries:
            rebalancing.suggestions(team, now=MONDAY)
        counts.append(len(queries))
    assert Suggestion.objects.standing().count() > 2
    assert counts[1] <= counts[0] + 1, "one for all that stood before"


def test_overload_is_told_once_from_110_percent_until_it_has_ended(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Day by day, each with what the job finds in the database: nothing is kept in memory between two."""
    lead = builders.make_lead(team=team)
    user = full(team, 44)
    task = Task.objects.get(assignee=user)
    told = []
    for day, hours in enumerate((44, 45, 48, 41, 40, 39, 41, 46, 46)):
        now = MONDAY + timedelta(days=day // 5 * 7 + day % 5)
        monkeypatch.setattr("django.utils.timezone.now", lambda now=now: now)
        Task.objects.filter(pk=task.pk).update(estimated_hours=hours)
        tasks.suggest_team_rebalancing(team.pk)
        told.append(Notification.objects.filter(user=lead, kind=Notification.WORKLOAD).count())
    assert told == [0, 1, 1, 1, 1, 1, 1, 2, 2]
    notice = Notification.objects.filter(user=lead).first()
    assert notice is not None
    assert notice.title == f"Overloaded this week: {user.display_name}"
    assert "5 h over: no feasible receiver of the 45 h" in notice.body


def test_a_week_away_ends_no_overload_but_its_work_done_does(team: Team) -> None:
    user, week = full(team, 50), timedelta(days=7)
    builders.make_time_off(user, starts_on=(MONDAY + week).date(), ends_on=(MONDAY + week).date() + timedelta(days=6))
    for weeks in range(3):
        assert rebalancing.overloaded(team, [user], now=MONDAY + weeks * week) == [user.pk]
    assert Overload.objects.get(user=user).since == MONDAY, "it never ended"
    Task.objects.filter(assignee=user).update(status=Task.CANCELLED)
    assert rebalancing.overloaded(team, [user], now=MONDAY + week) == []


def test_a_second_person_the_same_day_is_told_too(team: Team) -> None:
    lead = builders.make_lead(team=team)
    for name in ("Ann", "Bea"):
        User.objects.filter(pk=full(team, 50, pinned=True).pk).update(first_name=name)
        for _ in range(2):
            moves, stuck = rebalancing.suggestions(team, now=MONDAY)
            rebalancing.tell_leads(team, moves, stuck, now=MONDAY)
    titles = [notice.title for notice in lead.notifications.order_by("pk")]
    assert titles == ["Overloaded this week: Ann", "Overloaded this week: Bea"]


def test_who_leaves_is_not_warned_of(team: Team) -> None:
    user = full(team, 50)
    rebalancing.tell_leads(team, [], [], now=MONDAY)
    assert Overload.objects.filter(user=user).exists()
    User.objects.filter(pk=user.pk).update(is_active=False)
    rebalancing.tell_leads(team, [], [], now=MONDAY)
    assert not Overload.objects.exists()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each of the calls answers or raises, all begun together."""
    start, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        start.wait()
        try:
            answers[place] = call()
        except Exception as error:
            answers[place] = error  # type: ignore[call-overload]
        connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True)
def test_one_suggestion_applied_twice_at_once_moves_the_task_once(team: Team, manager: User) -> None:
    full(team, 30, 12)
    builders.make_user(team=team)
    (move,) = moves_of(team)
    answers = at_once(*[lambda: rebalancing.apply(move, by=manager, now=MONDAY)] * 3)
    refused = [str(answer) for answer in answers if isinstance(answer, rebalancing.Stale)]
    assert len(refused) == 2, answers
    assert all("applied already" in words for words in refused)
    assert move.task.assignments.count() == 2
    assert Notification.objects.filter(kind=Notification.ASSIGNED).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(3))
def test_two_suggestions_applied_at_once_overload_nobody(team: Team, manager: User, attempt: int) -> None:
    """Two people give 12 h each to one who has 20 left: only one of these moves fits."""
    first, second, free = full(team, 30, 12), full(team, 30, 12), full(team, 20)
    moves = [
        builders.make_suggestion(Task.objects.get(assignee=giver, estimated_hours=12), to=free, hours=12)
        for giver in (first, second)
    ]
    answers = at_once(*[lambda move=move: rebalancing.apply(move, by=manager, now=MONDAY) for move in moves])
    assert sum(isinstance(answer, rebalancing.Stale) for answer in answers) == 1, answers
    assert not capacity.week(User.objects.select_related("team").get(pk=free.pk), now=MONDAY).is_overloaded


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_for_suggestions_at_once_get_the_same(team: Team) -> None:
    full(team, 30, 12)
    builders.make_user(team=team)
    first, second = at_once(*[lambda: [move.pk for move in moves_of(team)]] * 2)
    assert first == second == [Suggestion.objects.get().pk]
