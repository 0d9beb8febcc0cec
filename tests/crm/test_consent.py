"""Opt-outs: noted once, the earliest instant, of one person alone; and only a person lets somebody in again."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from crm import consent
from crm.models import Activity, Contact
from tests import builders
from tests.builders import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HOUR = timedelta(hours=1)


@pytest.fixture
def contact() -> Contact:
    return builders.make_contact(builders.make_user())


def heard(contact: Contact, kind: str, at: datetime = NOW, **data: Any) -> bool:
    """An event as a provider tells it, followed as the engine does."""
    activity = builders.make_activity(contact, activity_type=kind, occurred_at=at, data=data)
    return consent.follow(activity, now=NOW)


@pytest.mark.parametrize(
    ("kind", "data", "column"),
    [
        (Activity.EMAIL_UNSUBSCRIBED, {}, "unsubscribed_at"),
        (Activity.EMAIL_COMPLAINED, {}, "complained_at"),
        (Activity.EMAIL_BOUNCED, {"permanent": True}, "bounced_at"),
    ],
)
def test_what_a_provider_tells_stops_that_person_only(
    contact: Contact, kind: str, data: dict[str, Any], column: str
) -> None:
    other = builders.make_contact(contact.owner)
    assert heard(contact, kind, **data)
    for row in (contact, other):
        row.refresh_from_db()
    assert (getattr(contact, column), getattr(other, column)) == (NOW, None)
    assert (consent.may_mail(contact)[0], consent.may_mail(other)) == (False, (True, ""))


@pytest.mark.parametrize("data", [{}, {"permanent": False}, {"permanent": "yes"}, {"permanent": None}])
def test_a_bounce_that_may_pass_stops_nobody(contact: Contact, data: dict[str, Any]) -> None:
    assert not heard(contact, Activity.EMAIL_BOUNCED, **data)
    assert consent.may_mail(contact)[0]


def test_a_bounce_of_an_address_that_is_not_the_contacts_any_more_stops_nobody(contact: Contact) -> None:
    assert not heard(contact, Activity.EMAIL_BOUNCED, permanent=True, recipient="old@example.com")
    assert heard(contact, Activity.EMAIL_BOUNCED, permanent=True, recipient=contact.email.upper())


@pytest.mark.parametrize("kind", consent.KINDS)
def test_by_hand_it_is_told_once_so_that_what_follows_can_follow(contact: Contact, kind: str) -> None:
    assert consent.opt_out(contact, kind, now=NOW, by=contact.owner, source="page")
    assert not consent.opt_out(contact, kind, now=NOW + HOUR)
    (told,) = contact.activities.all()
    assert (told.activity_type, told.actor, told.processed_at) == (consent.ACTIVITY[kind], contact.owner, None)
    assert not consent.follow(told, now=NOW), "its own line changes nothing more"
    allowed, reason = consent.may_mail(contact)
    assert not allowed
    assert reason


def test_an_unknown_kind_lists_those_there_are(contact: Contact) -> None:
    with pytest.raises(consent.UnknownKind, match="unsubscribed, complained, bounced, do_not_contact"):
        consent.opt_out(contact, "asked nicely", now=NOW)


def test_only_with_a_word_on_why_is_somebody_let_in_again(contact: Contact) -> None:
    user = contact.owner
    assert user is not None
    consent.opt_out(contact, consent.COMPLAINED, now=NOW)
    consent.opt_out(contact, consent.DO_NOT_CONTACT, now=NOW)
    with pytest.raises(consent.NoteNeeded):
        consent.opt_in(contact, by=user, now=NOW + HOUR, note=" ")
    assert consent.opt_in(contact, by=user, now=NOW + HOUR, note="Asked for it on the phone")
    contact.refresh_from_db()
    assert consent.may_mail(contact) == (True, "")
    line = contact.activities.get(activity_type=Activity.OPTED_IN)
    assert (line.actor, line.data["note"]) == (user, "Asked for it on the phone")
    assert line.data["lifted"] == [consent.COMPLAINED, consent.DO_NOT_CONTACT]
    assert not consent.opt_in(contact, by=user, now=NOW + HOUR, note="again")


def test_what_happened_before_somebody_was_let_in_again_is_over(contact: Contact) -> None:
    assert contact.owner is not None
    consent.opt_out(contact, consent.UNSUBSCRIBED, now=NOW)
    consent.opt_in(contact, by=contact.owner, now=NOW + 2 * HOUR, note="Asked for it")
    assert not heard(contact, Activity.EMAIL_UNSUBSCRIBED, NOW + HOUR)
    assert heard(contact, Activity.EMAIL_UNSUBSCRIBED, NOW + 3 * HOUR)


class Orders(TestCase):
    @given(hours=st.lists(st.integers(-50, 50), min_size=1, max_size=6))
    def test_the_earliest_instant_wins_whatever_the_order(self, hours: list[int]) -> None:
        contact = builders.make_contact()
        for hour in hours:
            heard(contact, Activity.EMAIL_UNSUBSCRIBED, NOW + hour * HOUR)
        contact.refresh_from_db()
        assert contact.unsubscribed_at == NOW + min(hours) * HOUR
