"""The key of an event without an id: told again it is the same, and no two different events share one."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from anymail.signals import AnymailTrackingEvent
from hypothesis import given
from hypothesis import strategies as st

from crm.providers import tracking
from crm.providers.tracking import Amendment

words = st.none() | st.text(max_size=20)
START = datetime(2026, 6, 17, tzinfo=UTC)


@dataclass(frozen=True)
class Told:
    message_id: str | None
    recipient: str
    event_type: str
    click_url: str | None
    user_agent: str | None
    second: int | None

    def event(self, **more: Any) -> AnymailTrackingEvent:
        said = asdict(self)
        second = said.pop("second")
        timestamp = None if second is None else START + timedelta(seconds=second)
        return AnymailTrackingEvent(**{"timestamp": timestamp, **said, **more})


told = st.builds(
    Told,
    message_id=words,
    recipient=st.sampled_from(["ann@example.com", "bob@example.com"]),
    event_type=st.sampled_from(["opened", "clicked", "bounced"]),
    click_url=words,
    user_agent=words,
    second=st.none() | st.integers(0, 100_000),
)


@given(told, told)
def test_the_same_exactly_when_all_seven_are(first: Told, second: Told) -> None:
    keys = [tracking.fingerprint("brevo", one.event()) for one in (first, second)]
    assert (keys[0] == keys[1]) is (first == second)
    assert all(len(key) <= tracking.LONGEST_KEY for key in keys)
    assert keys[0] != tracking.fingerprint("mailjet", first.event())


@given(told, st.sampled_from(["message_id", "click_url", "user_agent"]), st.text(min_size=21, max_size=30))
def test_each_of_them_tells_two_apart(one: Told, name: str, other: str) -> None:
    changed = replace(one, **{name: other})
    assert tracking.fingerprint("brevo", one.event()) != tracking.fingerprint("brevo", changed.event())


@given(told.filter(lambda one: one.second is not None), st.integers(0, 999_999))
def test_parts_of_a_second_and_the_case_of_an_address_do_not_count(one: Told, micros: int) -> None:
    assert one.second is not None
    at = START + timedelta(seconds=one.second, microseconds=micros)
    again = one.event(timestamp=at, recipient=one.recipient.upper())
    assert tracking.fingerprint("brevo", one.event()) == tracking.fingerprint("brevo", again)


@given(st.text(min_size=1, max_size=400), st.text(min_size=1, max_size=400))
def test_ids_of_any_length_stay_apart(first: str, second: str) -> None:
    keys = [tracking.bounded(first), tracking.bounded(second)]
    assert all(len(key) <= tracking.LONGEST_KEY for key in keys)
    assert (keys[0] == keys[1]) is (first == second)


def test_a_program_that_only_the_amendment_names_tells_two_apart() -> None:
    event = AnymailTrackingEvent(event_type="opened", message_id="m", recipient="ann@example.com", timestamp=START)
    keys = {tracking.read("brevo", event, Amendment(user_agent=agent)).source_key for agent in ("Outlook", "Mail", "")}
    assert len(keys) == 3


def test_one_notice_about_two_people_has_two_keys() -> None:
    event = AnymailTrackingEvent(event_type="opened", event_id="e-1", recipient="ann@example.com")
    keys = {tracking.read("amazon_ses", event, Amendment(about=who)).source_key for who in ("ann", "bob", "")}
    assert keys == {"e-1:ann", "e-1:bob", "e-1"}
