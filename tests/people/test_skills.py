"""Skills that ask for others: what they ask for in the end, and circles, which nobody can close."""

import contextlib
import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from people import skills
from people.models import Change, Skill, SkillRequirement, Team
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def team() -> Team:
    return builders.make_team()


def made(team: Team, *names: str) -> list[Skill]:
    return [builders.make_skill(team=team, name=name) for name in names]


def require(skill: Skill, needs: dict[Skill, int]) -> None:
    with transaction.atomic():
        skills.require(skill, needs)


def test_what_a_skill_asks_for_through_others_at_the_highest_level(team: Team, django_assert_num_queries) -> None:
    data, sql, python, logic = made(team, "Data", "SQL", "Python", "Logic")
    other = made(builders.make_team(), "SQL", "Python")
    require(other[0], {other[1]: 5})
    require(data, {sql: 3, python: 2, logic: 1})
    require(python, {logic: 4})
    with django_assert_num_queries(1):
        found = skills.closure(team)
    assert found == {data.pk: ((sql.pk, 3), (python.pk, 2), (logic.pk, 4)), python.pk: ((logic.pk, 4),)}
    require(data, {sql: 3})
    assert skills.closure(team)[data.pk] == ((sql.pk, 3),)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 5)), max_size=12))
def test_whatever_is_written_no_circle_stands_and_all_is_found(pairs: list[tuple[int, int, int]]) -> None:
    team = builders.make_team()
    known = made(team, *"ABCDEF")
    asked: dict[tuple[int, int], int] = {}
    for one, two, level in pairs:
        needs = {known[b]: least for (a, b), least in asked.items() if a == one} | {known[two]: level}
        with contextlib.suppress(ValidationError):
            require(known[one], needs)
            asked[one, two] = level
    reach = dict(asked)
    for _ in known:  # by brute force: as many rounds as there are skills
        for (a, b), _level in list(reach.items()):
            for (c, d), least in asked.items():
                if b == c:
                    reach[a, d] = max(reach.get((a, d), 0), least)
    assert not [pair for pair in reach if pair[0] == pair[1]]
    expected: dict[int, dict[int, int]] = {}
    for (a, b), level in reach.items():
        expected.setdefault(known[a].pk, {})[known[b].pk] = level
    assert {pk: dict(needs) for pk, needs in skills.closure(team).items()} == expected


def test_a_circle_is_refused_with_its_chain(team: Team) -> None:
    sql, python, logic = made(team, "SQL", "Python", "Logic")
    require(sql, {python: 1})
    with pytest.raises(ValidationError, match="Python needs SQL, which needs Python: remove one"):
        SkillRequirement(skill=python, needs=sql).full_clean()
    require(python, {logic: 1})
    with pytest.raises(ValidationError, match="Logic needs SQL, which needs Python, which needs Logic: remove one"):
        SkillRequirement(skill=logic, needs=sql).full_clean()
    with pytest.raises(ValidationError, match="SQL needs SQL: remove one"):
        SkillRequirement(skill=sql, needs=sql).full_clean()
    with pytest.raises(ValidationError, match="another team"):
        SkillRequirement(skill=sql, needs=builders.make_skill()).full_clean()
    SkillRequirement(skill=sql, needs=logic, min_level=2).full_clean()


def test_one_written_past_the_checks_does_no_harm(team: Team) -> None:
    sql, python = made(team, "SQL", "Python")
    SkillRequirement.objects.create(skill=sql, needs=python, min_level=2)
    SkillRequirement.objects.create(skill=python, needs=sql, min_level=3)
    assert skills.closure(team) == {sql.pk: ((python.pk, 2),), python.pk: ((sql.pk, 3),)}


@pytest.mark.django_db(transaction=True)
def test_two_at_once_close_no_circle_together(team: Team) -> None:
    one, two = made(team, "One", "Two")
    start = threading.Barrier(2)
    told: list[str] = []

    def race(skill: Skill, need: Skill) -> None:
        start.wait()
        try:
            require(skill, {need: 1})
            told.append("saved")
        except ValidationError:
            told.append("refused")
        connections.close_all()

    threads = [threading.Thread(target=race, args=pair) for pair in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["refused", "saved"]


def test_the_admin_refuses_it_too_and_tells_of_what_it_saves(team: Team, client) -> None:
    boss = builders.make_manager(team=team, is_superuser=True, is_staff=True)
    client.force_login(boss)
    sql, python = made(team, "SQL", "Python")
    require(sql, {python: 1})
    page = reverse("admin:people_skill_change", args=[python.pk])
    sent = {
        "team": team.pk,
        "name": "Python",
        "requirements-TOTAL_FORMS": 1,
        "requirements-INITIAL_FORMS": 0,
        "requirements-0-skill": python.pk,
        "requirements-0-needs": sql.pk,
        "requirements-0-min_level": 2,
    }
    answer = client.post(page, sent)
    assert answer.status_code == 200
    assert "Python needs SQL, which needs Python: remove one." in answer.content.decode()
    SkillRequirement.objects.all().delete()
    assert client.post(page, sent).status_code == 302
    line = Change.objects.get(kind="skill")
    assert (line.subject, line.before, line.after) == ("Python", {"requires": {}}, {"requires": {"SQL": 2}})
