"""Who opened or clicked: the signs of machines one by one, and what never makes a machine of a person."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm import intake, signals
from crm.models import Activity
from crm.signals import Evidence, judge
from tests import builders
from tests.crm.senders import BROWSER

OPEN, CLICK = Activity.EMAIL_OPENED, Activity.EMAIL_CLICKED
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
APPLE = "Mozilla/5.0"
NOW = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("evidence", "signal"),
    [
        (Evidence(OPEN, flagged=True, user_agent=BROWSER, seconds_since_delivery=600), "machine"),
        (Evidence(OPEN, user_agent=APPLE, seconds_since_delivery=600), "machine"),
        (Evidence(CLICK, user_agent=APPLE, seconds_since_delivery=600), "unknown"),
        (Evidence(OPEN, user_agent=GMAIL, seconds_since_delivery=600), "unknown"),
        (Evidence(OPEN, user_agent=BROWSER, seconds_since_delivery=600), "human"),
        (Evidence(CLICK, user_agent=BROWSER, seconds_since_delivery=600), "human"),
        (Evidence(CLICK, user_agent=BROWSER), "unknown"),
        (Evidence(CLICK, user_agent=BROWSER, seconds_since_delivery=10), "unknown"),
        (Evidence(CLICK, user_agent=BROWSER, seconds_since_delivery=1), "machine"),
        (Evidence(CLICK, user_agent=BROWSER, seconds_since_delivery=-4), "machine"),
        (Evidence(CLICK, user_agent="Barracuda Sentinel (EE)", seconds_since_delivery=600), "machine"),
        (Evidence(CLICK, user_agent="python-requests/2.31", seconds_since_delivery=600), "machine"),
        (Evidence(CLICK, user_agent="", seconds_since_delivery=600), "unknown"),
        (Evidence(CLICK, user_agent=BROWSER, url="a", seconds_since_delivery=60, nearby_clicks=[(0, "b")]), "machine"),
        (Evidence(CLICK, user_agent=BROWSER, url="a", seconds_since_delivery=60, nearby_clicks=[(0, "a")]), "human"),
        (
            Evidence(
                CLICK, user_agent=BROWSER, url="a", seconds_since_delivery=60, nearby_clicks=[(-4, "b"), (5, "c")]
            ),
            "machine",
        ),
        (
            Evidence(
                CLICK, user_agent=BROWSER, url="a", seconds_since_delivery=60, nearby_clicks=[(-8, "b"), (8, "c")]
            ),
            "human",
        ),
    ],
)
def test_signs(evidence: Evidence, signal: str) -> None:
    assert judge(evidence).signal == signal
    assert judge(evidence).reason


evidences = st.builds(
    Evidence,
    kind=st.sampled_from([OPEN, CLICK]),
    flagged=st.booleans(),
    user_agent=st.sampled_from([BROWSER, GMAIL, APPLE, "", "curl/8", "Thunderbird/115"]) | st.text(max_size=40),
    url=st.sampled_from(["a", "b", "c"]),
    seconds_since_delivery=st.none() | st.floats(-100, 100_000),
    nearby_clicks=st.lists(st.tuples(st.floats(-10, 10), st.sampled_from(["a", "b", "c", "d"])), max_size=6),
)


@given(evidences)
def test_it_always_answers_and_a_flag_always_counts(evidence: Evidence) -> None:
    verdict = judge(evidence)
    assert verdict.signal in (Activity.HUMAN, Activity.MACHINE, Activity.UNKNOWN)
    assert judge(evidence) == verdict
    if evidence.flagged:
        assert verdict.signal == Activity.MACHINE


@given(evidences)
def test_a_person_is_only_who_shows_it(evidence: Evidence) -> None:
    if judge(evidence).signal == Activity.HUMAN:
        assert not evidence.flagged
        assert evidence.seconds_since_delivery is not None
        assert evidence.seconds_since_delivery >= signals.CALM_SECONDS


@given(
    agent=st.sampled_from([BROWSER, APPLE, GMAIL, "", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)"]),
    seconds=st.none() | st.floats(signals.SOON_SECONDS, 1e6),
)
def test_privacy_never_discards_a_real_click(agent: str, seconds: float | None) -> None:
    verdict = judge(Evidence(CLICK, user_agent=agent, url="a", seconds_since_delivery=seconds))
    assert verdict.signal != Activity.MACHINE


def click(contact: Any, key: str, at: datetime, url: str, kind: str = "email_clicked") -> intake.Incoming:
    data = {"message_id": "m1", "url": url, "user_agent": BROWSER}
    return intake.Incoming(kind, contact_id=contact.pk, occurred_at=at, source="esp", source_key=key, data=data)


@pytest.mark.django_db
@pytest.mark.database
def test_the_ledger_and_the_delivery_are_both_looked_at() -> None:
    contact = builders.make_contact()
    team = contact.team

    def record(*items: intake.Incoming) -> list[str]:
        made = intake.record(team, items, now=NOW).accepted
        return [Activity.objects.get(pk=pk).signal for pk in sorted(made)]

    assert record(click(contact, "1", NOW - timedelta(hours=2), "", "email_delivered")) == ["unknown"]
    assert record(click(contact, "2", NOW - timedelta(hours=1), "a")) == ["human"], "the delivery is in the ledger"
    at = NOW - timedelta(minutes=30)
    assert record(click(contact, "3", at, "a"), click(contact, "4", at + timedelta(seconds=2), "b")) == ["human"] * 2
    assert record(click(contact, "5", at + timedelta(seconds=4), "c")) == ["machine"], "the third within seconds"
    burst = [click(contact, f"b{n}", NOW + timedelta(seconds=n), f"u{n}") for n in range(3)]
    assert record(*burst) == ["machine"] * 3, "all of one delivery"
    assert Activity.objects.get(source_key="5").data["signal_reason"] == "links followed faster than anybody could"
    other = builders.make_contact(team=team)
    assert record(click(other, "6", at + timedelta(seconds=4), "d")) == ["unknown"], "another person's mail"


@pytest.mark.django_db
def test_looking_costs_one_query_and_none_without_opens_or_clicks(django_assert_num_queries: Any) -> None:
    contact = builders.make_contact()
    rows = [
        Activity(team=contact.team, contact=contact, activity_type=CLICK, occurred_at=NOW, data={"message_id": "m"})
        for _ in range(50)
    ]
    with django_assert_num_queries(1):
        signals.mark(rows)
    with django_assert_num_queries(0):
        signals.mark([Activity(team=contact.team, contact=contact, activity_type="call", occurred_at=NOW)])
