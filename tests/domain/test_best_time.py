"""Best times: the formulas against a slow reading of them, worlds whose truth is known, and the choice of one hour."""

import math
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.learning import best_time
from domain.learning.best_time import Attempt, Profile

HOURS = np.arange(24)
OFFICE = range(8, 18)
BERLIN, NEW_YORK, HOWE = map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe"))
FLAT_WEEK = (1.0,) * 7


# The formulas, one sum at a time.


def near(one: int, other: int) -> float:
    apart = min(abs(one - other), 24 - abs(one - other))
    return math.exp(-(apart**2) / 2)


class Plainly:
    """The same fit, written down as the formulas are and summed attempt by attempt."""

    def __init__(self, attempts: list[Attempt]) -> None:
        self.attempts = attempts
        self.rate = (sum(map(self.hit, attempts)) + 2) / (sum(map(self.weight, attempts)) + 8)
        usual = [self.global_chance(hour) for hour in range(24)]
        self.segment = {
            name: [self.segment_chance(name, hour, usual) for hour in range(24)]
            for name in {attempt.segment for attempt in attempts}
        }

    def weight(self, attempt: Attempt) -> float:
        return 0.5 ** (attempt.age_days / 180)

    def hit(self, attempt: Attempt) -> float:
        return self.weight(attempt) * attempt.answered

    def chatty(self, contact: int) -> float:
        own = [attempt for attempt in self.attempts if attempt.contact == contact]
        return (sum(map(self.hit, own)) + 3) / (sum(map(self.weight, own)) * self.rate + 3)

    def expected(self, attempt: Attempt) -> float:
        return self.weight(attempt) * self.chatty(attempt.contact)

    def global_chance(self, hour: int) -> float:
        answered = sum(near(hour, a.hour) * self.hit(a) for a in self.attempts)
        return (answered + 10 * self.rate) / (sum(near(hour, a.hour) * self.expected(a) for a in self.attempts) + 10)

    def segment_chance(self, name: str, hour: int, usual: list[float]) -> float:
        group = [a for a in self.attempts if a.segment == name]
        height = (sum(map(self.hit, group)) + 3) / (sum(self.expected(a) * usual[a.hour] for a in group) + 3)
        answered = sum(near(hour, a.hour) * self.hit(a) for a in group)
        return (answered + 40 * height * usual[hour]) / (sum(near(hour, a.hour) * self.expected(a) for a in group) + 40)

    def contact_chance(self, contact: int, segment: str, hour: int, k: float, without: int | None = None) -> float:
        own = [a for n, a in enumerate(self.attempts) if a.contact == contact and n != without]
        chances = self.segment[segment]
        height = (sum(map(self.hit, own)) + 3) / (sum(self.weight(a) * chances[a.hour] for a in own) + 3)
        answered = sum(near(hour, a.hour) * self.hit(a) for a in own)
        return (answered + k * height * chances[hour]) / (sum(near(hour, a.hour) * self.weight(a) for a in own) + k)

    def likelihood(self, k: float) -> float:
        total = 0.0
        for n, a in enumerate(self.attempts):
            chance = min(max(self.contact_chance(a.contact, a.segment, a.hour, k, without=n), 1e-3), 0.98)
            total += self.weight(a) * math.log(chance if a.answered else 1 - chance)
        return total


attempts_of_few = st.lists(
    st.builds(
        lambda contact, hour, weekday, answered, age: Attempt(contact, "ab"[contact % 2], hour, weekday, answered, age),
        st.integers(1, 5),
        st.integers(0, 23),
        st.integers(0, 6),
        st.booleans(),
        st.sampled_from([0.0, 30.0, 400.0]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(attempts_of_few)
def test_a_fit_is_what_the_formulas_say(attempts):
    fitted, plain = best_time.fit(attempts), Plainly(attempts)
    assert fitted.workspace.chances == pytest.approx([plain.global_chance(hour) for hour in range(24)])
    for name, chances in plain.segment.items():
        assert fitted.segments[name].chances == pytest.approx(chances)
    likely = {k: plain.likelihood(1e6 if k is None else k) for k in best_time.PERSONAL}
    assert likely[fitted.personal] == pytest.approx(max(likely.values()))
    for contact, profile in fitted.contacts.items():
        chances = [plain.contact_chance(contact, "ab"[contact % 2], h, fitted.personal) for h in range(24)]
        assert profile.chances == pytest.approx([min(1, chance) for chance in chances])
        assert sum(profile.attempts) == sum(attempt.contact == contact for attempt in attempts)


def test_the_day_of_the_week_counts_for_the_workspace_alone():
    """Thursdays always answer, the other working days in a third of the cases."""
    attempts = [Attempt(n // 60, "", 9, n % 5, n % 5 == 3 or n % 3 == 0, 0) for n in range(6000)]
    days = best_time.fit(attempts).days
    assert days[3] == pytest.approx((1200 + 60) / (560 + 60), rel=0.01)  # of 1,200 attempts 7 in 15 are to be expected
    assert days[0] == pytest.approx((400 + 60) / (560 + 60), rel=0.01)
    assert days[5] == 1


def test_nothing_learned_is_a_flat_profile():
    fitted = best_time.fit([])
    assert set(fitted.workspace.chances) == {0.25}
    assert fitted.days == FLAT_WEEK
    assert fitted.of(1, "anything") is fitted.workspace


def test_contacts_who_answer_much_do_not_make_the_hour_they_are_tried_at_look_good():
    """Ready ones are called at 9, reluctant ones at 15; neither minds the hour."""
    ready = [Attempt(contact, "", 9, 0, number < 8, 0) for contact in range(100) for number in range(10)]
    reluctant = [Attempt(100 + contact, "", 15, 0, number < 2, 0) for contact in range(100) for number in range(10)]
    chances = best_time.fit(ready + reluctant).workspace.chances
    assert chances[9] / chances[15] < 2  # answers over attempts say 4


def test_old_habits_fade():
    """Half a year ago counts half, three years ago next to nothing."""
    early = [Attempt(n, "", hour, 0, hour == 9, 1095) for n in range(300) for hour in (9, 16)]
    late = [Attempt(n, "", hour, 0, hour == 16, 5) for n in range(100) for hour in (9, 16)]
    chances = best_time.fit(early + late).workspace.chances
    assert chances[16] > chances[9] + 0.3


# Worlds with a known truth.


class World:
    """Contacts of four segments, each with hours they like; `habit` is how much each one differs from their segment."""

    def __init__(self, seed: int, *, habit: float, contacts: int = 600) -> None:
        self.chance = np.random.default_rng(seed)
        self.segment = self.chance.integers(0, 4, contacts)
        likes = 0.25 * self.smooth(1) + 0.5 * self.smooth(4)[self.segment] + habit * self.smooth(contacts)
        self.truth = 1 / (1 + np.exp(0.9 - likes - self.chance.normal(0, 0.5, (contacts, 1))))

    def smooth(self, rows: int) -> np.ndarray:
        apart = np.abs(HOURS[:, None] - HOURS)
        width = np.exp(-((np.minimum(apart, 24 - apart) / 2) ** 2) / 2)
        return self.chance.normal(size=(rows, 24)) @ (width / np.sqrt((width**2).sum(axis=0)))

    def past(self, each: int) -> list[Attempt]:
        """So many attempts with each contact, half of them at nine."""
        contact = np.repeat(np.arange(len(self.segment)), each)
        hour = np.where(self.chance.random(len(contact)) < 0.5, 9, self.chance.integers(8, 18, len(contact)))
        answered = self.chance.random(len(contact)) < self.truth[contact, hour]
        return [
            Attempt(who, str(self.segment[who]), at, 0, said, 0.0)
            for who, at, said in zip(contact.tolist(), hour.tolist(), answered.tolist(), strict=True)
        ]

    def rate(self, fitted: best_time.Profiles, *, personal: bool = True) -> float:
        """Truly answered fast when each contact is tried at the hour of their best chance in office hours."""
        found = []
        for contact, segment in enumerate(self.segment.tolist()):
            profile = fitted.of(contact, str(segment)) if personal else fitted.segments[str(segment)]
            found.append(self.truth[contact, max(OFFICE, key=profile.chances.__getitem__)])
        return float(np.mean(found))

    @property
    def at_nine(self) -> float:
        return float(self.truth[:, 9].mean())


def test_strong_habits_are_found():
    """With 50 attempts each, 12 points more than at nine, and more than the segments alone could bring."""
    gained, beyond = [], []
    for seed in range(6):
        world = World(seed, habit=1.0)
        fitted = best_time.fit(world.past(50))
        gained.append(world.rate(fitted) - world.at_nine)
        beyond.append(world.rate(fitted) - world.rate(fitted, personal=False))
    assert np.mean(gained) > 0.12
    assert min(beyond) > 0.015


@pytest.mark.parametrize("habit", [0.3, 0.0])
@pytest.mark.parametrize("each", [3, 10, 50])
def test_where_habits_are_weak_it_is_never_worse_than_the_segment(habit, each):
    behind = []
    for seed in range(6):
        world = World(100 + seed, habit=habit)
        fitted = best_time.fit(world.past(each))
        behind.append(world.rate(fitted, personal=False) - world.rate(fitted))
    assert np.mean(behind) < 0.005


def test_newcomers_gain_from_what_their_segment_taught():
    gained = []
    for seed in range(6):
        world = World(200 + seed, habit=0.8)
        gained.append(world.rate(best_time.fit(world.past(10)), personal=False) - world.at_nine)
    assert np.mean(gained) > 0.05


def test_how_personal_is_chosen_with_the_attempt_left_out_of_the_height_too(monkeypatch):
    """The trap: a height that knows the answer to be foreseen makes "not personal at all" win, at a loss."""

    def knowing(pooled):
        return ((pooled.own_answered + 3) / (pooled.own_expected + 3))[pooled.seen.row]

    honest, leaking, lost = [], [], []
    for seed in range(12):
        world = World(300 + seed, habit=0.8)
        past = world.past(10)
        honest.append(best_time.fit(past))
        with monkeypatch.context() as patch:
            patch.setattr(best_time._Pooled, "height_without", knowing)
            leaking.append(best_time.fit(past))
        lost.append(world.rate(honest[-1]) - world.rate(leaking[-1]))
    assert [fitted.personal for fitted in honest].count(None) == 0
    assert [fitted.personal for fitted in leaking].count(None) >= 9
    assert np.mean(lost) > 0.005


# The hours there are.


def everyone(at: datetime) -> bool:
    return True


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, HOWE])
@settings(max_examples=60, deadline=None)
@given(
    change=st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 4, 4)]),
    minutes=st.integers(-1440, 1440),
    length=st.integers(0, 72 * 60),
)
def test_hours_are_the_full_ones_on_the_contacts_clock(zone, change, minutes, length):
    """Minute by minute, across days on which some of these zones change their clocks."""
    start = datetime.combine(change, time(), UTC) + timedelta(minutes=minutes)
    end = start + timedelta(minutes=length)

    def allowed(at: datetime) -> bool:
        return 8 <= at.hour < 18 and at.weekday() < 5

    found = best_time.hours(start, end, zone, allowed=allowed)
    every = [(start + timedelta(minutes=n)).astimezone(zone) for n in range(length + 1)]
    full = [at for at in every if (at.minute == 0 or at == every[0]) and allowed(at)]
    assert [at.isoformat() for at in found] == [at.isoformat() for at in full]


def test_an_hour_the_clock_skips_is_not_offered_and_one_it_shows_twice_is_offered_twice():
    spring = best_time.hours(*_night(2026, 3, 29), BERLIN, allowed=everyone)
    autumn = best_time.hours(*_night(2026, 10, 25), BERLIN, allowed=everyone)
    assert [at.hour for at in spring] == [0, 1, 3, 4]
    assert [at.hour for at in autumn] == [0, 1, 2, 2, 3, 4]


def _night(*day: int) -> tuple[datetime, datetime]:
    return datetime(*day, tzinfo=BERLIN), datetime(*day, 4, tzinfo=BERLIN)


# The choice.

NINE = datetime(2026, 6, 15, 9, tzinfo=BERLIN)
MONDAY = [NINE + timedelta(hours=n) for n in range(-1, 9)]
AFTERNOON = Profile("segment", tuple(0.3 if hour == 16 else 0.2 for hour in HOURS), (3,) * 24)
TAKEN = next(contact for contact in range(99) if not best_time.held_out(1, contact))
LEFT = next(contact for contact in range(99) if best_time.held_out(1, contact))


def chosen(slots=MONDAY, **changed):
    facts = {"usual": NINE, "days": FLAT_WEEK, "history": 200, "workspace": 1, "contact": TAKEN, "key": "firing:9"}
    return best_time.choose(AFTERNOON, slots, **{**facts, **changed})


def test_the_hour_of_the_best_chance_is_taken_and_says_why():
    choice = chosen(own_attempts=3)
    assert (choice.at.hour, choice.chosen_by, choice.reason) == (16, "best_time", "learned")
    assert (choice.chance, choice.usual_chance, choice.level) == (0.3, 0.2, "segment")
    assert (choice.attempts, choice.own_attempts) == (72, 3)
    assert choice.as_dict()["at"] == "2026-06-15T16:00:00+02:00"


def test_of_equal_chances_the_earliest_is_taken():
    assert chosen([at for at in MONDAY if at.hour != 16]).at == MONDAY[0]


def test_an_hour_the_clock_shows_twice_is_two_slots():
    """Both read 02:00 and compare as equal, yet only one is the best."""
    night = best_time.hours(*_night(2026, 10, 25), BERLIN, allowed=lambda at: at.hour == 2)
    choices = [chosen(night, key=f"firing:{number}") for number in range(2000)]
    propensity = {choice.at.fold: choice.propensity for choice in choices}
    assert propensity == {0: pytest.approx(0.975), 1: pytest.approx(0.025)}


def test_a_better_day_outweighs_a_better_hour():
    tuesday = NINE + timedelta(days=1)
    assert chosen([*MONDAY, tuesday], days=(0.6, 1.4, 1, 1, 1, 1, 1)).at == tuesday


@pytest.mark.parametrize(
    ("changed", "chosen_by", "reason"),
    [
        ({"history": 49}, "rule", "too_few"),
        ({"contact": LEFT}, "holdout", "held_out"),
        ({"slots": []}, "rule", "no_hour"),
    ],
)
def test_otherwise_the_rules_own_hour_stands(changed, chosen_by, reason):
    choice = chosen(**changed)
    assert (choice.at, choice.chosen_by, choice.reason, choice.propensity) == (NINE, chosen_by, reason, 1)


def test_too_few_attempts_are_counted_out_loud():
    choice = chosen(history=31)
    assert (choice.attempts, choice.needed) == (31, 50)
    assert chosen(history=50).chosen_by == "best_time"


def test_a_tenth_of_the_contacts_stays_on_the_rules_hour_for_ever():
    held = [contact for contact in range(20_000) if best_time.held_out(1, contact)]
    assert 0.094 < len(held) / 20_000 < 0.106
    assert held[:5] == [18, 19, 58, 64, 95]  # the same after every update
    assert held != [contact for contact in range(20_000) if best_time.held_out(2, contact)]


def test_each_hour_is_taken_as_often_as_its_propensity_says():
    choices = [chosen(key=f"firing:{number}") for number in range(20_000)]
    taken = Counter(choice.at for choice in choices)
    propensity = {choice.at: choice.propensity for choice in choices}
    assert set(taken) == set(MONDAY)
    assert sum(propensity.values()) == pytest.approx(1)
    for at, share in propensity.items():
        spread = math.sqrt(share * (1 - share) / 20_000)
        assert abs(taken[at] / 20_000 - share) < 4 * spread
    trying = [choice for choice in choices if choice.chosen_by == "explore"]
    assert 0.045 < len(trying) / 20_000 < 0.055
    assert {choice.reason for choice in trying} == {"trying"}


def test_the_same_question_gets_the_same_answer():
    assert [chosen(key=f"firing:{n}") for n in range(100)] == [chosen(key=f"firing:{n}") for n in range(100)]


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from(MONDAY), min_size=1, unique=True),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.integers(0, 100),
)
def test_nothing_outside_the_allowed_hours_is_ever_taken(slots, contact, number, history):
    choice = chosen(slots, contact=contact, key=f"firing:{number}", history=history)
    assert choice.at in slots or choice.chosen_by in ("rule", "holdout")
