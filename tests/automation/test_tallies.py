"""Statistics of a team with much history: shown as they were counted last, and counted anew behind whoever asks."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from automation import engine, tallies
from automation.models import Tally
from automation.tasks import count_figures
from crm import erase
from crm.models import Activity
from jobs.models import Job
from people.models import User
from tests import builders
from tests.builders import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> User:
    """Of a team to whom one firing is much."""
    monkeypatch.setattr(tallies, "MUCH", 0)
    return builders.make_manager()


def click(user: User) -> None:
    activity = builders.make_activity(builders.make_contact(user), activity_type=Activity.EMAIL_CLICKED)
    engine.process(activity, now=activity.occurred_at)


def fired(figures: dict[str, Any]) -> list[int]:
    return [one["fired"] for one in figures["rules"]]


def test_little_is_counted_as_one_looks() -> None:
    user = builders.make_manager()
    builders.make_rule(user)
    for n in range(3):
        assert fired(tallies.of_team(user.team, now=NOW)) == [n]
        click(user)
    assert not Tally.objects.exists()


def test_much_is_counted_once_and_shown_as_it_was(user: User) -> None:
    builders.make_rule(user)
    click(user)
    first = tallies.of_team(user.team, now=NOW)
    assert fired(first) == [1]
    click(user)
    later = tallies.of_team(user.team, now=NOW + tallies.FRESH)
    assert (fired(later), later["counted_at"], later["rules"][0]["by_day"]) == ([1], NOW, first["rules"][0]["by_day"])
    assert later["tasks_created"] == 2  # kept with each rule
    assert not Job.objects.filter(name=count_figures.name).exists()


def test_what_is_no_longer_fresh_is_shown_once_more_and_counted_by_one_job(user: User) -> None:
    builders.make_rule(user)
    click(user)
    tallies.of_team(user.team, now=NOW)
    click(user)
    for seconds in (1, 2, 3):
        shown = tallies.of_team(user.team, now=NOW + tallies.FRESH + timedelta(seconds=seconds))
        assert fired(shown) == [1]
    job = Job.objects.get(name=count_figures.name)
    assert count_figures(*job.args) == {"team_id": user.team_id, "rules": 1}
    assert fired(tallies.of_team(user.team, now=NOW + tallies.FRESH)) == [2]


def test_nobody_is_shown_yesterdays_figures(user: User) -> None:
    builders.make_rule(user)
    click(user)
    tallies.of_team(user.team, now=NOW)
    click(user)
    now = NOW + tallies.OLD + timedelta(seconds=1)
    shown = tallies.of_team(user.team, now=now)
    assert (fired(shown), shown["counted_at"]) == ([2], now)
    assert tallies.prune(now=now) == {"tallies": 0}
    assert tallies.prune(now=now + tallies.OLD + timedelta(seconds=1)) == {"tallies": 1}


def test_a_rule_written_since_has_done_nothing_yet_and_one_that_was_archived_is_gone(user: User) -> None:
    old = builders.make_rule(user)
    click(user)
    tallies.of_team(user.team, now=NOW)
    new = builders.make_rule(user)
    old.archived_at = NOW
    old.save()
    (figures,) = tallies.of_team(user.team, now=NOW)["rules"]
    assert (figures["id"], figures["fired"], figures["by_day"]) == (new.pk, 0, [])


def test_other_teams_have_figures_of_their_own(user: User) -> None:
    builders.make_rule(user)
    click(user)
    other = builders.make_manager()
    builders.make_rule(other)
    for who, expected in ((user, [1]), (other, [0]), (user, [1])):
        assert fired(tallies.of_team(who.team, now=NOW)) == expected


def test_erasing_a_person_forgets_what_was_kept(user: User) -> None:
    builders.make_rule(user)
    click(user)
    tallies.of_team(user.team, now=NOW)
    contact = user.team.contacts.get()
    erase.erase(contact, by=user, now=NOW)
    assert not Tally.objects.exists()


def test_the_page_and_the_api_say_when_it_was_counted(user: User, client: Client) -> None:
    builders.make_rule(user)
    click(user)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert "Counted at" not in client.get("/automations/stats").text
    assert "Counted at" in client.get("/automations/stats").text
    kept = Tally.objects.get()
    click(user)
    assert "Counted at" in client.get("/automations/task-scheduling").text
    answer = client.get("/api/task-automation/stats/").json()
    assert answer["counted_at"][:19] == kept.at.isoformat()[:19]
