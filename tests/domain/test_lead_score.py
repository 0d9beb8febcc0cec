"""Lead scores: points, what outcomes teach, reasons that add up, and nothing that was not known at the time."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.learning import lead_bands, lead_points, lead_score
from domain.learning.lead_points import ENGAGEMENT, PointRule
from domain.learning.lead_score import Lead

RULES = [
    PointRule("source", 20, equals="referral"),
    PointRule("source", -5, equals="list"),
    PointRule("employees", 10, at_least=50),
    PointRule("phone", 5),
]


# What the admin's points make of a lead.


@pytest.mark.parametrize(
    ("features", "points"),
    [
        ({}, 0),
        ({"source": "referral"}, 20),
        ({"source": "list", "employees": 49}, -5),
        ({"source": "list", "employees": 50.0, "phone": "+49"}, 10),
        ({"employees": "many", "phone": None}, 0),
        ({ENGAGEMENT: 7.5, "phone": "+49"}, 12.5),
    ],
)
def test_all_rules_that_hold_count(features, points):
    by_field = lead_points.points([features], RULES)
    assert sum(part[0] for part in by_field.values()) == points


def test_engagement_halves_every_two_weeks_and_knows_no_future():
    assert lead_points.engagement([(8, 0), (8, 14), (8, 28)]) == 14
    assert lead_points.engagement([(8, 14), (100, -0.001)]) == 4


@pytest.mark.parametrize(
    "field",
    [
        *("age", "contact.age", "First name", "date_of_birth", "Gender", "Nachname", "age:30-40", "Age 30+"),
        *("female", "male", "tag:female", "gender:female", "gender=f", "Geschlecht:w", "gender_m", "persona/woman"),
        *("muslim", "Muslim-Family", "katholisch", "ethnic origin", "pregnant", "schwanger", "Verheiratet", "disabled"),
        *("Staatsangeho\u0308rigkeit", "männlich", "single", "Mr."),
    ],
)
def test_traits_of_the_person_are_refused(field):
    assert lead_points.is_personal(field)
    with pytest.raises(ValueError, match="Personal traits are never scored"):
        lead_score.fit([Lead({field: "x"}, n % 2 == 0) for n in range(60)], [])
    with pytest.raises(ValueError, match="Personal traits are never scored"):
        lead_score.fit([], [PointRule(field, 5)])


@pytest.mark.parametrize(
    "field",
    [
        *("source", "company_age", "campaign_name", "language", "stage", "tag:vip", "black friday", "alter Kunde"),
        *("single-sign-on", "webinar:2026", "Manchester", "essex/retail", "middlesex", "cancer research"),
    ],
)
def test_other_fields_are_not(field):
    assert not lead_points.is_personal(field)


# By rules alone.


def leads(*, wins, losses):
    return [Lead({"source": "web"}, n < wins) for n in range(wins + losses)]


@pytest.mark.parametrize(("wins", "losses", "kind"), [(29, 500, "rules"), (500, 29, "rules"), (30, 30, "learned")])
def test_nothing_is_learned_from_fewer_than_30_wins_and_30_losses(wins, losses, kind):
    model = lead_score.fit(leads(wins=wins, losses=losses), RULES)
    assert (model.kind, model.n, model.wins) == (kind, wins + losses, wins)


def test_by_rules_the_score_is_the_points_and_promises_nothing():
    model = lead_score.fit([], RULES)
    good, bad, best = lead_score.score(
        model, [{"source": "referral", "phone": "+49"}, {"source": "list"}, {ENGAGEMENT: 400.0}]
    )
    assert (good.score, good.chance, good.band) == (25, None, 4)
    assert (bad.score, best.score, best.band) == (0, 100, 1)
    assert good.telling() == (("source", "referral", 20.0), ("phone", "+49", 5.0))
    assert bad.telling() == (("source", "list", -5.0),)
    assert model.base_rate is None


# What outcomes teach.


def world(n, *, seed, base=-1.5):
    """Leads whose true chance is known; the admin's points know the source, not the sector nor the mails opened."""
    chance = np.random.default_rng(seed)
    sources, sectors = np.array(["referral", "web", "list"]), np.array(["a", "b", "c", "d"])
    source, sector = chance.choice(sources, n), chance.choice(sectors, n)
    opened, noise = chance.poisson(2, n), chance.normal(size=n)
    odds = (
        base
        + np.select([source == "referral", source == "list"], [1.0, -0.7])
        + np.select([sector == "a", sector == "b"], [0.9, -0.9])
        + 0.35 * (opened - 2)
    )
    won = chance.random(n) < 1 / (1 + np.exp(-odds))
    rows = zip(source.tolist(), sector.tolist(), opened.tolist(), noise.tolist(), won.tolist(), strict=True)
    found = [
        Lead({"source": one, "sector": two, "opened": three, "noise": four}, five)
        for one, two, three, four, five in rows
    ]
    return found, odds


def judged(model, later):
    heights = np.array([score.chance or score.score / 100 for score in lead_score.score(model, features_of(later))])
    return lead_bands.auc(heights, np.array([lead.won for lead in later]))


def features_of(some):
    return [lead.features for lead in some]


@pytest.mark.parametrize(("labels", "short"), [(300, 0.06), (1000, 0.03), (5000, 0.015)])
def test_it_ranks_nearly_as_well_as_the_truth_and_better_than_points(labels, short):
    later, odds = world(6000, seed=0)
    truth = lead_bands.auc(odds, np.array([lead.won for lead in later]))
    by_rules = judged(lead_score.fit([], RULES), later)
    learned = [judged(lead_score.fit(world(labels, seed=seed)[0], RULES), later) for seed in range(1, 5)]
    assert by_rules < truth - 0.08
    assert np.mean(learned) > truth - short


def test_few_outcomes_lean_on_the_points():
    """With 150 outcomes the points alone are hardly beaten, and learning must not throw them away."""
    later, _ = world(6000, seed=0)
    by_rules = judged(lead_score.fit([], RULES), later)
    learned = [judged(lead_score.fit(world(150, seed=seed)[0], RULES), later) for seed in range(1, 9)]
    assert np.mean(learned) > by_rules


def test_chances_are_as_often_right_as_they_say():
    later, _ = world(6000, seed=0)
    model = lead_score.fit(world(3000, seed=1)[0], RULES)
    scores = lead_score.score(model, features_of(later))
    for band in range(1, 6):
        inside = [(score.chance, lead.won) for score, lead in zip(scores, later, strict=True) if score.band == band]
        said, happened = np.mean(inside, axis=0)
        assert abs(said - happened) < 0.06
        assert 0.15 < len(inside) / 6000 < 0.25


def test_only_the_latest_5000_outcomes_teach():
    old = [Lead({"source": "list"}, True)] * 3000
    new = world(5000, seed=3)[0]
    assert lead_score.fit(old + new, RULES) == lead_score.fit(new, RULES)


def test_a_field_that_is_different_for_everybody_teaches_nothing():
    """Each level would only repeat its own outcome: learned by heart, it would drown what is true of others."""
    outcomes = world(1000, seed=4)[0]
    labelled = [Lead({**lead.features, "ticket": f"T{n}"}, lead.won) for n, lead in enumerate(outcomes)]
    plain, with_ticket = (lead_score.fit(some, RULES) for some in (outcomes, labelled))
    heights = [[s.chance for s in lead_score.score(m, features_of(labelled))] for m in (plain, with_ticket)]
    assert heights[0] == pytest.approx(heights[1])


def test_what_a_level_is_worth_is_its_odds_over_the_usual_ones():
    outcomes = world(800, seed=5)[0]
    model = lead_score.fit(outcomes, RULES)
    rate = model.wins / model.n
    sector = next(card for card in model.cards if card.field == "sector")
    for level, worth in sector.weights.items():
        wins = sum(lead.won for lead in outcomes if lead.features["sector"] == level)
        losses = sum(not lead.won for lead in outcomes if lead.features["sector"] == level)
        expected = math.log((wins + 10 * rate) / (losses + 10 * (1 - rate))) - math.log(rate / (1 - rate))
        assert worth == pytest.approx(expected)


def test_numbers_are_parted_into_fifths_and_their_gaps_are_a_level():
    outcomes = [Lead({"visits": None if n % 10 == 0 else n % 100}, n % 3 == 0) for n in range(1000)]
    card = lead_score.fit(outcomes, []).cards[0]
    assert len(card.edges) == 4
    assert set(card.weights) == {"", "0", "1", "2", "3", "4"}
    counted = [lead.features for lead in outcomes if lead.features["visits"] is not None]
    levels = np.array(card.levels(counted))
    assert all(0.15 < (levels == level).mean() < 0.25 for level in "01234")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([150, 400]))
def test_the_coefficients_are_the_best_under_their_ridge(seed, n):
    """The slope of the penalised likelihood is nothing at its top: wins equal chances, up to the ridge's pull."""
    outcomes = world(n, seed=seed, base=-0.3)[0]
    model = lead_score.fit(outcomes, RULES)
    assert model.kind == "learned"
    scores = lead_score.score(model, features_of(outcomes))
    chance, won = np.array([score.chance for score in scores]), np.array([lead.won for lead in outcomes])
    evidence = sum(card.evidence(features_of(outcomes)) for card in model.cards)
    points = sum(lead_points.points(features_of(outcomes), RULES).values())
    assert chance.sum() == pytest.approx(won.sum())
    assert (evidence / 2) @ (won - chance) == pytest.approx(2 * model.card_factor / 0.3)
    standard = (points - points.mean()) / points.std()
    assert standard @ (won - chance) == pytest.approx(model.point_factor * points.std() / 0.3, abs=1e-6)


def test_outcomes_that_one_field_tells_for_sure_are_no_trouble():
    outcomes = [Lead({"stage": "x" if n % 2 else "y", ENGAGEMENT: 1e6 * (n % 2)}, bool(n % 2)) for n in range(2000)]
    model = lead_score.fit(outcomes, RULES)
    sure, never, strange = lead_score.score(
        model, [{"stage": "x", ENGAGEMENT: 1e6}, {"stage": "y"}, {ENGAGEMENT: 1e12, "stage": math.nan}]
    )
    assert sure.chance > 0.97
    assert never.chance < 0.03
    assert 0 < strange.chance <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1.5, 2.5, 20]))
def test_the_best_coefficients_are_found_among_wild_numbers_too(seed, heavy):
    """Points with outliers of any size: the slope is nothing at the end, so the steps have not run away."""
    chance = np.random.default_rng(seed)
    engaged = chance.standard_t(heavy, 200) ** 2
    won = chance.random(200) < np.where(engaged > np.median(engaged), 0.8, 0.2)
    outcomes = [Lead({ENGAGEMENT: e}, w) for e, w in zip(engaged.tolist(), won.tolist(), strict=True)]
    model = lead_score.fit(outcomes, [])
    found = np.array([score.chance for score in lead_score.score(model, features_of(outcomes))])
    assert found.sum() == pytest.approx(won.sum())


def test_outcomes_of_leads_of_whom_nothing_is_known_teach_the_usual_rate():
    model = lead_score.fit([Lead({}, n % 4 == 0) for n in range(200)], RULES)
    assert lead_score.score(model, [{"source": "web"}])[0].chance == pytest.approx(0.25)


def test_what_nobody_had_left_open_is_worth_nothing_when_it_is():
    """An unknown value is not one of the rare ones, even if it was never met."""
    outcomes = [Lead({"job": f"rare {n}" if n < 90 else "usual"}, n < 45 or n % 4 == 0) for n in range(400)]
    card = lead_score.fit(outcomes, []).cards[0]
    assert card.evidence([{"job": None}, {}, {"job": "new"}]).tolist() == [0, 0, card.weights["*"]]
    assert card.weights["*"] > 0.3


# Reasons.

anything = st.fixed_dictionaries(
    {},
    optional={
        "source": st.none() | st.sampled_from(["referral", "web", "list", "never seen"]),
        "sector": st.none() | st.sampled_from(["a", "b", "z"]) | st.integers(0, 3),
        "opened": st.none() | st.integers(-5, 100) | st.floats() | st.text(max_size=3),
        "employees": st.integers(0, 100),
        ENGAGEMENT: st.floats(0, 1e5),
        "unheard of": st.booleans(),
    },
)
LEARNED = lead_score.fit(world(1000, seed=6)[0], RULES)


@settings(max_examples=200)
@given(anything)
def test_reasons_add_up_to_the_chance(features):
    [score] = lead_score.score(LEARNED, [features])
    odds = LEARNED.intercept + sum(reason.points for reason in score.reasons)
    assert score.chance == pytest.approx(1 / (1 + math.exp(-max(min(odds, 30), -30))))
    assert score.score == round(100 * score.chance)
    told = score.telling()
    assert len(told) <= 5
    assert set(told) <= set(score.reasons)


def test_the_three_that_raised_it_most_and_the_two_that_lowered_it_most_are_told():
    features = {"source": "list", "sector": "a", "opened": 9, "noise": -3.0}
    [score] = lead_score.score(LEARNED, [features])
    told = score.telling()
    assert next(reason.field for reason in told if reason.points > 0) in ("sector", "opened")
    assert next(reason[:2] for reason in told if reason.points < 0) == ("source", "list")
    assert score.telling(up=1, down=0) == (max(score.reasons, key=lambda reason: reason.points),)


@given(st.lists(anything, max_size=5))
def test_a_model_that_was_stored_scores_the_same(some):
    stored = lead_score.Model.from_dict(json.loads(json.dumps(LEARNED.as_dict())))
    assert stored == LEARNED
    one, other = lead_score.score(stored, some), lead_score.score(LEARNED, some)
    assert [(s.score, s.chance, s.band) for s in one] == [(s.score, s.chance, s.band) for s in other]


def test_nobody_to_score_is_nobody_scored():
    assert lead_score.score(LEARNED, []) == lead_score.score(lead_score.fit([], []), []) == []


# Bands, and the judgement of a model.


def test_bands_tell_the_observed_rate_and_how_sure_it_is():
    best, *_, worst = lead_bands.observe([(1, n < 41) for n in range(100)])
    assert (best.n, best.wins, best.rate) == (100, 41, 0.41)
    assert (best.low, best.high) == pytest.approx((0.332, 0.492), abs=0.002)  # Jeffreys' interval, from a table
    assert (worst.n, worst.rate, worst.low) == (0, None, None)


def test_nine_in_ten_intervals_hold_the_truth():
    chance = np.random.default_rng(7)
    inside = 0
    for wins, times in Counter(chance.binomial(60, 0.2, 4000).tolist()).items():
        band = lead_bands.observe([(1, n < wins) for n in range(60)])[0]
        inside += times * (band.low <= 0.2 <= band.high)
    assert 0.86 < inside / 4000 < 0.94


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2).filter(lambda a: len({b for _, b in a}) == 2))
def test_auc_is_the_share_of_pairs_in_the_right_order(pairs):
    wins, losses = ([height for height, won in pairs if won is kind] for kind in (True, False))
    right = sum((one > other) + (one == other) / 2 for one in wins for other in losses)
    found = lead_bands.auc(np.array([h for h, _ in pairs], float), np.array([won for _, won in pairs]))
    assert found == pytest.approx(right / len(wins) / len(losses))


def test_a_model_is_judged_by_outcomes_that_came_later():
    """The future differs from the past: a judgement on the past alone would be far too good."""
    early = [Lead({"source": "web" if n % 2 else "list"}, n % 2 == 0) for n in range(800)]
    late = [Lead({"source": "web" if n % 2 else "list"}, n % 2 == 1) for n in range(200)]
    check = lead_bands.check(early + late, RULES)
    assert (check.n, check.wins) == (200, 100)
    assert check.auc == 0
    assert check.brier > 0.5


def test_the_outcomes_that_judge_a_model_have_not_taught_it():
    outcomes = world(500, seed=9)[0]
    check, model = lead_bands.check(outcomes, RULES), lead_score.fit(outcomes[:400], RULES)
    assert check.auc == judged(model, outcomes[400:])
    assert check.auc != judged(lead_score.fit(outcomes, RULES), outcomes[400:])
    assert sum(band.n for band in check.bands) == 100


def test_a_judgement_of_rules_and_of_too_few():
    check = lead_bands.check(leads(wins=20, losses=10) + leads(wins=3, losses=7), RULES)
    assert (check.brier, check.auc) == (None, 0.5)
    assert lead_bands.check(leads(wins=0, losses=50), RULES) is None
    assert lead_bands.check([], RULES) is None
