"""The hour at which contacts answer: learned from what happened, chosen within what is allowed, with its reason."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm import contacts
from crm.models import Contact
from domain.learning import best_time
from learning import attempts, best_times, nights, reading
from learning.models import BestTimeFit, BestTimeProfile, ContactAttempt, TeamLearning
from people.models import Team, User
from tests import builders
from tests.learning import past

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 3, tzinfo=UTC)
NINE = datetime(2026, 6, 17, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def member() -> User:
    return builders.make_user()


def treated(member: User, count: int = 1, **fields: Any) -> list[Contact]:
    """Contacts that are not among those kept out for comparison."""
    found: list[Contact] = []
    while len(found) < count:
        contact = builders.make_contact(member, **fields)
        if not best_time.held_out(contact.team_id, contact.pk):
            found.append(contact)
    return found


def learn(team: Team) -> dict[str, int]:
    reading.read(team, now=NOW)
    return best_times.fit(team, now=NOW)


def choose(contact: Contact, usual: datetime = NINE, key: str = "", within: timedelta = DAY) -> best_time.Choice:
    assert contact.owner is not None
    keys = [key] if key else [f"k{n}" for n in range(50)]  # one that does not try by chance
    for key in keys:
        times = best_times.Times(contact.team)
        found = times.choose(contact, worker=contact.owner, usual=usual, within=within, key=key, now=usual)
        assert found is not None
        if found.chosen_by != best_time.EXPLORE:
            break
    return found


def test_the_hour_at_which_they_answer_is_chosen_with_its_reason(member: User) -> None:
    contact, *others = treated(member, 3)
    for one in (contact, *others):
        past.habit(one, 15, until=NOW, days=30)
    assert learn(member.team) == {"call": 180, "email": 0}
    choice = choose(contact)
    assert choice.at == NINE.replace(hour=15)
    assert (choice.chosen_by, choice.reason) == (best_time.BEST_TIME, best_time.LEARNED)
    assert choice.chance is not None
    assert choice.usual_chance is not None
    assert choice.chance > choice.usual_chance
    assert choice.own_attempts == 60


def test_what_is_one_hour_on_many_clocks_is_learned_as_one(member: User) -> None:
    """16:00 in Lisbon is 15:00 UTC, in Tokyo 7:00, and somebody works there."""
    there = builders.make_user(team=member.team, timezone="Asia/Tokyo")
    lisbon, tokyo = treated(member, timezone="Europe/Lisbon") + treated(there, timezone="Asia/Tokyo")
    past.habit(lisbon, 15, until=NOW, days=20)
    past.habit(tokyo, 7, until=NOW, days=20, idle=0)
    learn(member.team)
    for contact, hour in ((lisbon, 15), (tokyo, 7)):
        choice = choose(contact, usual=NOW)
        assert choice.at == NOW.replace(hour=hour)
        assert (choice.at.hour, str(choice.at.tzinfo)) == (16, contact.timezone)


def test_never_outside_working_hours_nor_the_window(member: User) -> None:
    contact = treated(member)[0]
    past.habit(contact, 22, until=NOW, days=40)
    learn(member.team)
    for hours in (2, 30, 100):
        choice = choose(contact, within=timedelta(hours=hours))
        assert NINE <= choice.at <= NINE + timedelta(hours=hours)
        assert 9 <= choice.at.hour < 17
        assert choice.at.isoweekday() <= 5
    friday_evening = datetime(2026, 6, 19, 18, tzinfo=UTC)
    choice = choose(contact, usual=friday_evening, within=timedelta(hours=12))
    assert (choice.at, choice.reason) == (friday_evening, best_time.NO_HOUR)


@pytest.mark.parametrize(("answered", "chosen"), [(12, 14), (14, 14), (17, 16)])
def test_the_hour_at_which_working_time_ends_is_not_within_it(member: User, answered: int, chosen: int) -> None:
    builders.make_working_week(member, starts="09:00", ends="12:00")
    builders.make_working_week(member, starts="14:00", ends="17:00")
    contact = treated(member)[0]
    past.habit(contact, answered, until=NOW, days=40)
    learn(member.team)
    assert choose(contact).at == NINE.replace(hour=chosen)
    known = best_times.advice(contact, team=member.team, start=NINE, within=DAY)
    assert known is not None
    assert known.best == NINE.replace(hour=chosen)


def test_working_time_that_goes_on_at_once_does_not_end(member: User) -> None:
    builders.make_working_week(member, starts="09:00", ends="12:00")
    builders.make_working_week(member, starts="12:00", ends="17:00")
    contact = treated(member)[0]
    past.habit(contact, 12, until=NOW, days=40)
    learn(member.team)
    assert choose(contact).at == NINE.replace(hour=12)


def test_with_too_few_attempts_the_rule_keeps_its_hour_and_says_so(member: User) -> None:
    contact = treated(member)[0]
    choice = choose(contact)
    assert (choice.at, choice.reason, choice.attempts) == (NINE, best_time.TOO_FEW, 0)
    past.habit(contact, 15, until=NOW, days=15)
    learn(member.team)
    choice = choose(contact)
    assert (choice.at, choice.reason, choice.attempts, choice.needed) == (NINE, best_time.TOO_FEW, 30, 50)


def test_a_tenth_stays_on_the_rules_hour_for_ever(member: User) -> None:
    contacts = [builders.make_contact(member) for _ in range(60)]
    past.habit(treated(member)[0], 15, until=NOW, days=30)
    learn(member.team)
    kept = [one for one in contacts if best_time.held_out(one.team_id, one.pk)]
    assert 0 < len(kept) < 30
    assert {choose(one).at for one in kept} == {NINE}
    assert {choose(one).chosen_by for one in kept} == {best_time.HOLDOUT}


def test_a_team_that_lets_nothing_be_learned_has_no_best_time(member: User) -> None:
    contact = treated(member)[0]
    past.habit(contact, 15, until=NOW, days=30)
    learn(member.team)
    TeamLearning.objects.create(team=member.team, times=False)
    times = best_times.Times(member.team)
    assert times.choose(contact, worker=member, usual=NINE, within=DAY, key="k", now=NINE) is None
    assert best_times.advice(contact, team=member.team, start=NINE, within=DAY) is None


def test_attempts_teach_of_the_status_that_the_contact_had_then(member: User) -> None:
    """By the status that came of them, those who are customers now would have answered at every hour."""
    won, regained, other = treated(member, 3, status=Contact.LEAD)
    for one, days in ((won, 30), (regained, 40), (other, 50)):
        past.habit(one, 15, until=NOW, days=days)
    contacts.update(regained, by=None, now=NOW - 10 * DAY, status=Contact.INACTIVE)
    for one in (won, regained):
        contacts.update(one, by=None, now=NOW, status=Contact.ACTIVE)
    learn(member.team)
    rows = BestTimeProfile.objects.filter(contact=None, fit__channel="call")
    segments = {row.segment: sum(row.attempts) for row in rows}
    assert segments == {"": 240, Contact.LEAD: 160, Contact.INACTIVE: 80}


def test_immature_attempts_teach_nothing(member: User) -> None:
    contact = treated(member)[0]
    past.calls((contact, NOW - timedelta(minutes=1), False) for _ in range(60))
    assert learn(member.team)["call"] == 0
    assert ContactAttempt.objects.count() == 60


def test_who_answered_at_once_teaches_no_sooner_than_who_did_not(member: User) -> None:
    """Else the hours before the night would look best: of the calls made then only the answered ones would count."""
    contact = treated(member)[0]
    evening = NOW - timedelta(hours=2)
    past.calls((contact, evening + timedelta(minutes=n), n % 3 == 0) for n in range(60))
    assert learn(member.team)["call"] == 0
    assert best_times.fit(member.team, now=NOW + DAY)["call"] == 60


def test_a_fit_takes_the_place_of_the_one_before(member: User) -> None:
    contact = treated(member)[0]
    past.habit(contact, 15, until=NOW, days=30)
    learn(member.team)
    before = BestTimeProfile.objects.count()
    learn(member.team)
    assert (BestTimeFit.objects.count(), BestTimeProfile.objects.count()) == (2, before)


def test_advice_tells_what_is_known(member: User) -> None:
    contact = treated(member, timezone="Europe/Lisbon")[0]
    assert best_times.advice(contact, team=member.team, start=NINE, within=DAY) is None
    past.habit(contact, 15, until=NOW, days=30)
    learn(member.team)
    known = best_times.advice(contact, team=member.team, start=NINE, within=DAY)
    assert known is not None
    assert known.best == datetime(2026, 6, 17, 15, tzinfo=UTC)
    assert (known.zone, known.zone_source, known.own_attempts, known.history) == ("Europe/Lisbon", "contact", 60, 60)
    assert max(range(24), key=lambda hour: known.chances[hour]) == 16


def test_a_contact_without_a_zone_is_reached_by_the_clock_of_its_number(member: User) -> None:
    """At 19:00 in Bangkok it is 12:00 UTC, when its owner works."""
    (contact,) = treated(member, phone="+66812345678")
    past.habit(contact, 12, until=NOW, days=30)
    learn(member.team)
    assert set(ContactAttempt.objects.filter(zone_source="phone").values_list("zone", flat=True)) == {"Asia/Bangkok"}
    choice = choose(contact, usual=NOW.replace(hour=0))
    assert (choice.at.astimezone(UTC).hour, choice.at.hour) == (12, 19)
    known = best_times.advice(contact, team=contact.team, start=NOW.replace(hour=0), within=DAY)
    assert known is not None
    assert (known.zone, known.zone_source) == ("Asia/Bangkok", "phone")
    assert known.best == choice.at


def test_an_attempt_is_told_by_the_clock_that_is_known_by_now(member: User) -> None:
    """Guessed by the team's, then its owner's, its number's, and at last its own; from then on it stays."""
    contact = treated(member)[0]
    past.habit(contact, 15, until=NOW, days=3)
    learn(member.team)
    assert attempts.tell_anew(member.team) == 0
    told = ContactAttempt.objects.filter(contact=contact)
    hours = set(told.values_list("local_hour", flat=True))
    member.timezone = "Asia/Kolkata"
    member.save()
    steps: list[tuple[dict[str, str], str, int]] = [
        ({}, "owner", 5),
        ({"phone": "+6621234567"}, "phone", 7),
        ({"timezone": "Asia/Tokyo"}, "contact", 9),
        ({"timezone": "Asia/Bangkok"}, "contact", 9),
    ]
    for fields, source, ahead in steps:
        for name, value in fields.items():
            setattr(contact, name, value)
        contact.save()
        found = nights.learn(member.team, now=NOW)["told_anew"]
        assert (found > 0) == (fields.get("timezone") != "Asia/Bangkok")
        assert set(told.values_list("zone_source", flat=True)) == {source}
        assert set(told.values_list("local_hour", flat=True)) == {(hour + ahead) % 24 for hour in hours}


def test_nobody_is_to_call_in_their_own_night(member: User) -> None:
    """Nine to five in Vienna is three to eleven in New York, where nobody is called before eight; in Honolulu it is
    night all the time, so there the rule keeps its hour."""
    member.timezone = "Europe/Vienna"
    member.save()
    near, far = (treated(member, timezone=name)[0] for name in ("America/New_York", "Pacific/Honolulu"))
    for contact in (near, far):
        past.habit(contact, 20, until=NOW, days=30)
    learn(member.team)
    vienna = ZoneInfo("Europe/Vienna")
    hours = {choose(near, usual=NINE + n * timedelta(hours=5)).at for n in range(10)}
    assert {at.hour for at in hours} <= {8, 9, 10}
    assert {at.astimezone(vienna).hour for at in hours} <= {14, 15, 16}
    assert choose(far).reason == best_time.NO_HOUR
    known = best_times.advice(far, team=far.team, start=NINE, within=DAY)
    assert known is not None
    assert (known.best, known.zone) == (None, "Pacific/Honolulu")


def test_the_chance_of_an_instant_is_that_of_its_hour_on_its_weekday(member: User) -> None:
    contact = treated(member)[0]
    past.habit(contact, 15, until=NOW, days=40)
    learn(member.team)
    BestTimeFit.objects.filter(channel="call").update(days=[1, 1, 0.5, 0.9, 1, 1, 1])
    known = best_times.advice(contact, team=member.team, start=NINE, within=DAY)
    assert known is not None
    assert known.best == NINE.replace(hour=15)
    assert known.chance == pytest.approx(known.chances[15] * 0.5)
    assert known.chance == choose(contact, within=timedelta(hours=8)).chance
    assert known.channel == ContactAttempt.CALL
