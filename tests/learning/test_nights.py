"""A night of a team, and of all teams: each by itself, and a long ledger bit by bit."""

from datetime import UTC, datetime
from typing import Any

import pytest

from automation import tasks
from jobs import runner
from jobs.models import Job
from learning import nights, reading
from learning.models import BestTimeFit, ContactAttempt, EstimateFit, LedgerReading, ScoreModel, TeamLearning
from tests import builders
from tests.learning import past

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 3, tzinfo=UTC)


def test_a_night_learns_all_and_again_changes_nothing() -> None:
    contact = builders.make_contact(phone="1")
    past.habit(contact, 15, until=NOW, days=30)
    done = nights.learn(contact.team, now=NOW)
    assert done["times"] == {"call": 60, "email": 0}
    assert done["scores"] == {"model": 1, "leads": 1}
    again = nights.learn(contact.team, now=NOW)
    assert (again["attempts"], again["scores"]["model"]) == (0, None)
    assert (BestTimeFit.objects.count(), ScoreModel.objects.count(), EstimateFit.objects.count()) == (2, 1, 1)


def test_what_is_switched_off_is_not_learned() -> None:
    contact = builders.make_contact()
    TeamLearning.objects.create(team=contact.team, times=False, scores=False, estimates=False)
    nights.learn(contact.team, now=NOW)
    assert not any(model._default_manager.exists() for model in (BestTimeFit, ScoreModel, EstimateFit))


def run_all() -> None:
    while runner.run_due():
        pass


@pytest.mark.django_db(transaction=True)
def test_a_long_ledger_is_read_in_as_many_jobs_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "WINDOW", 2)
    monkeypatch.setattr(reading, "AGAIN", 0)
    monkeypatch.setattr(reading.read, "__kwdefaults__", {"most": 3})
    contact = builders.make_contact()
    LedgerReading.objects.create(team=contact.team, upto=builders.make_activity(contact).pk)
    past.habit(contact, 15, until=NOW, days=10)
    tasks.learn_from_outcomes.delay(team_id=contact.team_id)
    run_all()
    jobs = Job.objects.filter(name=tasks.learn_from_outcomes.name)
    assert jobs.count() > 2
    assert {job.state for job in jobs} == {Job.DONE}
    assert ContactAttempt.objects.count() == 20
    assert BestTimeFit.objects.get(channel="call").attempts == 20


@pytest.mark.django_db(transaction=True)
def test_one_team_that_cannot_learn_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = builders.make_contact(), builders.make_contact()
    learn = nights.learn

    def faulty(team: Any, **more: Any) -> Any:
        if team.pk == bad.team_id:
            raise ArithmeticError("the past of this team makes no sense")
        return learn(team, **more)

    monkeypatch.setattr(nights, "learn", faulty)
    tasks.learn_from_outcomes.delay()
    run_all()
    learned = set(BestTimeFit.objects.values_list("team", flat=True))
    assert good.team_id in learned
    assert bad.team_id not in learned
    assert Job.objects.filter(team_id=bad.team_id, state=Job.PENDING, attempt=1).exists()
