"""What somebody muted is in their inbox as read, and nowhere else; others hear of it."""

from datetime import timedelta

import pytest

from crm import merge
from notifications import bundles, mutes, outbox
from notifications.models import Delivery, Mute, Notification
from people.models import User
from tests import builders
from tests.builders import NOW
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def person(settings) -> User:
    settings.MAILS = True
    return builders.make_user()


@pytest.mark.parametrize("subject", ["rule:7", "contact"])
def test_what_is_muted_is_read_already_and_not_sent(person: User, subject: str) -> None:
    contact = builders.make_contact(person)
    subject = f"contact:{contact.pk}" if subject == "contact" else subject
    colleague = builders.make_user(team=person.team)
    task = builders.make_task(person, contact=contact, kind="rule:7")
    for _ in range(2):
        mutes.mute(person, subject, now=NOW)
    outbox.tell([person, colleague], kind=Notification.OVERDUE, key="a", title="Overdue", task=task, now=NOW)
    assert Notification.objects.get(user=person).read_at == NOW
    assert Notification.objects.get(user=colleague).read_at is None
    assert Delivery.objects.get().user == colleague
    assert mutes.unmute(person, subject)
    assert not mutes.unmute(person, subject)
    outbox.tell(person, kind=Notification.OVERDUE, key="b", title="Overdue", task=task, now=NOW)
    assert Delivery.objects.filter(user=person).count() == 1


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("rule:7", "rule:7"),
        ("sequence:3:first", "sequence:3"),
        ("campaign:12:a:b", "campaign:12"),
        ("rule:x", ""),
        ("rule:", ""),
        ("recurring", ""),
        ("call", ""),
        ("", ""),
    ],
)
def test_what_made_a_task(kind: str, cause: str) -> None:
    assert bundles.cause_of(Task(kind=kind)) == cause


def test_what_is_about_nothing_that_can_be_muted_comes_as_ever(person: User) -> None:
    mutes.mute(person, "contact:1", now=NOW)
    outbox.tell(person, kind=Notification.RULE, key="a", title="x", now=NOW)
    outbox.tell(person, kind=Notification.OVERDUE, key="b", title="x", task=builders.make_task(person), now=NOW)
    assert Delivery.objects.count() == 2


def muted(user: User) -> set[str]:
    return set(Mute.objects.filter(user=user).values_list("subject", flat=True))


def test_a_mute_follows_a_merge_and_comes_back_when_the_two_part(person: User) -> None:
    survivor, absorbed = builders.make_contact(person), builders.make_contact(person)
    one, other = f"contact:{survivor.pk}", f"contact:{absorbed.pk}"
    of_one, of_both, hears_again = (builders.make_user(team=person.team) for _ in range(3))
    before = {person: {other}, of_one: {one}, of_both: {one, other}, hears_again: {other, "rule:7"}}
    for user, subjects in before.items():
        for subject in subjects:
            mutes.mute(user, subject, now=NOW)
    row = merge.merge(survivor, absorbed, by=person, now=NOW)
    assert [muted(user) for user in before] == [{one}, {one}, {one}, {one, "rule:7"}]
    task = builders.make_task(person, contact=survivor)
    outbox.tell(person, kind=Notification.OVERDUE, key="a", title="Overdue", task=task, now=NOW)
    assert Notification.objects.get().read_at == NOW
    assert not Delivery.objects.exists()
    assert mutes.unmute(hears_again, one)
    merge.unmerge(row, by=person, now=NOW + timedelta(days=1))
    assert [muted(user) for user in before] == [{other}, {one}, {one, other}, {"rule:7"}]
