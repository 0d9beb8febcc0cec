"""A team keeps a manager, and somebody; a team of nobody says so wherever it is asked."""

import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from assignment import rebalancing, runs
from automation import reporting
from people import deactivation
from people.models import Team, User
from performance import scores, team
from tests import builders
from tests.builders import NOW
from work import capacity

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_last_one_stays() -> None:
    member = builders.make_user(first_name="Ann")
    other = builders.make_user(team=member.team, is_active=False)
    with pytest.raises(deactivation.LastMember, match="Ann is the team's only active member: add somebody else first"):
        deactivation.deactivate(member, by=None, now=NOW)
    deactivation.deactivate(other, by=None, now=NOW)
    User.objects.filter(pk=other.pk).update(is_active=True)
    deactivation.deactivate(member, by=None, now=NOW)
    assert not User.objects.get(pk=member.pk).is_active


def test_nor_is_the_last_one_moved_elsewhere_or_to_another_role() -> None:
    manager, elsewhere = builders.make_manager(first_name="Ann"), builders.make_team()
    manager.team = elsewhere
    with pytest.raises(ValidationError, match=r"team.*Ann is the team's only manager"):
        manager.full_clean()
    manager.refresh_from_db()
    manager.role = User.LEAD
    with pytest.raises(ValidationError, match=r"role.*Ann is the team's only manager: make somebody else one first"):
        manager.full_clean()
    builders.make_manager(team=manager.team)
    manager.full_clean()
    member = builders.make_user()
    member.role = User.LEAD
    member.full_clean()
    member.team = elsewhere
    with pytest.raises(ValidationError, match=r"team.*only active member"):
        member.full_clean()


@pytest.mark.django_db(transaction=True)
def test_of_the_last_two_managers_at_once_one_stays() -> None:
    team = builders.make_team()
    start = threading.Barrier(2)

    def leave(user: User) -> None:
        start.wait()
        try:
            deactivation.deactivate(user, by=None, now=NOW)
        except deactivation.LastManager:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=leave, args=[builders.make_manager(team=team)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert User.objects.active().filter(team=team).count() == 1


@pytest.fixture
def deserted() -> Team:
    """A team whose only person was switched off past the verbs."""
    member = builders.make_user()
    builders.make_task(team=member.team, skills={builders.make_skill(member): 2})
    User.objects.filter(pk=member.pk).update(is_active=False)
    return member.team


def test_a_team_of_nobody_gives_its_work_to_nobody_with_the_reason(deserted: Team) -> None:
    made = runs.as_dict(runs.plan(deserted, now=NOW))
    assert made["assigned"] == []
    (left,) = made["unassigned"]
    assert left["code"] == "NO_SKILLED_PERSON"


def test_a_team_of_nobody_has_figures(deserted: Team) -> None:
    status = capacity.team_status(deserted, now=NOW)
    assert (status["total_team_members"], status["utilization_rate"]) == (0, 0)
    assert scores.recompute_team(deserted, now=NOW) == []
    assert team.figures(deserted, now=NOW)["team_average"] is None
    assert rebalancing.suggestions(deserted, now=NOW) == ([], [])
    assert reporting.make(deserted, now=NOW).data
