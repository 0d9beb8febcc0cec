"""How estimates went, told: by kind and by person, with how often the bands held; to members their own line alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automation import task_kinds
from learning import estimates
from learning.models import TeamLearning
from people.models import User
from tests import builders
from tests.api.conftest import Caller
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 3, tzinfo=UTC)


def finished(person: User, count: int, *, kind: str, times: float, spread: float = 1.1) -> None:
    """Tasks that took so many times their estimate of two hours, one like the other within the spread."""
    Task.objects.bulk_create(
        Task(
            team=person.team,
            assignee=person,
            title="Done",
            kind=kind,
            status=Task.DONE,
            estimated_hours=2,
            actual_hours=round(2 * times * spread ** (n % 3 - 1), 2),
            created_at=NOW - timedelta(hours=2 * (count - n) + 1),
            completed_at=NOW - timedelta(hours=2 * (count - n)),
        )
        for n in range(count)
    )


def got(user: User) -> Any:
    answer = Caller(user).get("/api/reports/estimates")
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def manager() -> User:
    return builders.make_manager(first_name="Zoe")


def test_each_kind_and_person_has_its_own_bias_and_the_band_holds(manager: User) -> None:
    member = builders.make_user(team=manager.team, first_name="Ada", last_name="")
    rule = builders.make_rule(manager, name="Offer")
    finished(member, 60, kind=f"rule:{rule.pk}", times=2)
    finished(manager, 60, kind="", times=0.5)
    assert got(manager)["known"] is False
    estimates.fit(manager.team, now=NOW)
    told = got(manager)
    assert [(one["name"], one["n"]) for one in told["kinds"]] == [("Made by hand", 60), ("Offer", 60)]
    by_hand, offers = (one["middle"] for one in told["kinds"])
    assert 0.5 < by_hand < 0.7 < 1.5 < offers < 2, "each leans a little on the other"
    assert [one["name"] for one in told["people"]] == sorted(one["name"] for one in told["people"])
    assert {one["user_id"]: one["middle"] > 1 for one in told["people"]} == {member.pk: True, manager.pk: False}
    assert told["team"]["n"] == 120
    assert told["team"]["coverage"] == told["team"]["held"] / 120
    assert told["team"]["coverage"] > 0.6
    for one in (told["team"], *told["kinds"], *told["people"]):
        assert one["low"] <= one["middle"] <= one["high"]
    assert f"{told['team']['held']} of 120" in told["reason"]


def test_a_member_sees_their_own_line_alone_and_no_team_sees_another(manager: User) -> None:
    member, idle = (builders.make_user(team=manager.team) for _ in range(2))
    for person in (member, manager):
        finished(person, 30, kind="", times=1.5)
    estimates.fit(manager.team, now=NOW)
    own = got(member)
    assert (own["team"], own["kinds"], [one["user_id"] for one in own["people"]]) == (None, [], [member.pk])
    assert "of 30" in own["reason"]
    assert (got(idle)["people"], got(idle)["reason"]) == (
        [], "No finished task with an estimate and its hours tells of this yet."
    )  # fmt: skip
    assert len(got(builders.make_lead(team=manager.team))["people"]) == 2
    assert got(builders.make_manager())["known"] is False


def test_switched_off_nothing_is_told(manager: User) -> None:
    finished(manager, 30, kind="", times=1.5)
    estimates.fit(manager.team, now=NOW)
    TeamLearning.objects.create(team=manager.team, estimates=False)
    assert (got(manager)["known"], got(manager)["people"]) == (False, [])


def test_kinds_are_called_by_what_makes_them(manager: User) -> None:
    rule, sequence = builders.make_rule(manager, name="Offer"), builders.make_sequence(manager, name="Welcome")
    foreign = builders.make_rule(name="Secret")
    kinds = [
        f"rule:{rule.pk}",
        f"sequence:{sequence.pk}:1",
        f"rule:{foreign.pk}",
        "",
        "built-in:email_opened",
        "rule:x",
    ]
    assert list(task_kinds.names(manager.team_id, kinds).values()) == [
        "Offer", "Welcome", f"rule:{foreign.pk}", "Made by hand", "built-in:email_opened", "rule:x"
    ]  # fmt: skip
