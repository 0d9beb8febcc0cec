"""Whom an event is about: the order of what names a contact, and where merged and erased ones lead."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crm import erase, intake, merge
from crm.models import Activity, Contact, ContactIdentity
from people.models import User
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)


@pytest.fixture
def manager() -> User:
    return builders.make_manager(team=builders.make_team(country="DE"))


def record(manager: User, **named: Any) -> intake.Recorded:
    visible = named.pop("visible", None)
    item = intake.Incoming("call", **{"source": "erp"} | named)
    return intake.record(manager.team, [item], now=NOW, visible=visible)


def whose(recorded: intake.Recorded) -> Contact | None:
    [pk] = recorded.accepted
    return Activity.objects.get(pk=pk).contact


def test_external_id_then_address_then_phone(manager: User) -> None:
    by_id, by_mail, by_phone = (
        builders.make_contact(manager),
        builders.make_contact(manager, email="mail@example.com"),
        builders.make_contact(manager, phone="0170 1234567"),
    )
    ContactIdentity.objects.create(team=manager.team, contact=by_id, source="erp", external_id="C-1")
    named = {"contact_external_id": "C-1", "contact_email": "Mail@Example.com", "contact_phone": "+49 170 1234567"}
    assert whose(record(manager, **named)) == by_id
    assert whose(record(manager, **named | {"contact_external_id": ""})) == by_mail
    assert whose(record(manager, contact_phone="0049 170 1234567")) == by_phone
    assert whose(record(manager, contact_phone="0170/1234567")) == by_phone
    assert whose(record(manager, contact_id=by_mail.pk, contact_email=by_id.email)) == by_mail


def test_a_phone_of_several_names_nobody(manager: User) -> None:
    for _ in range(2):
        builders.make_contact(manager, phone="+49 170 1234567")
    [refused] = record(manager, contact_phone="0170 1234567").rejected
    assert refused.errors[0].code == "shared"
    assert record(manager, contact_phone="12").rejected[0].errors[0].pointer == "/contact_phone"


def test_a_phone_is_normalised_however_it_is_saved(manager: User) -> None:
    contact = builders.make_contact(manager, phone="0170 1234567")
    assert contact.phone_e164 == "+491701234567"
    contact.phone = "0171 7654321"
    contact.save(update_fields=["phone"])
    contact.refresh_from_db()
    assert contact.phone_e164 == "+491717654321"
    Contact.objects.bulk_create([Contact(owner=manager, name="B", phone="+43 1 234567")])
    assert Contact.objects.get(name="B").phone_e164 == "+431234567"


def test_a_merged_contacts_old_names_lead_to_the_survivor(manager: User) -> None:
    first = builders.make_contact(manager, email="first@example.com", phone="+49 170 1111111")
    second = builders.make_contact(manager, email="second@example.com", phone="+49 170 2222222")
    third = builders.make_contact(manager, email="third@example.com")
    ContactIdentity.objects.create(team=manager.team, contact=first, source="erp", external_id="C-1")
    merge.merge(second, first, by=manager, now=NOW)
    merge.merge(third, second, by=manager, now=NOW)
    old_names: list[dict[str, Any]] = [
        {"contact_id": first.pk},
        {"contact_id": second.pk},
        {"contact_email": "FIRST@example.com"},
        {"contact_email": "second@example.com"},
        {"contact_external_id": "C-1"},
        {"contact_phone": "+49 170 1111111"},
        {"contact_phone": "+49 170 2222222"},
    ]
    for named in old_names:
        assert whose(record(manager, **named)) == third, named
        assert whose(record(manager, visible=Contact.objects.visible_to(manager), **named)) == third, named


def test_members_name_only_their_own_and_nobody_an_erased_one(manager: User) -> None:
    member = builders.make_user(team=manager.team)
    contact = builders.make_contact(manager, email="ann@example.com")
    visible = Contact.objects.visible_to(member)
    assert record(manager, contact_email="ann@example.com", visible=visible).rejected
    assert record(manager, contact_id=contact.pk, visible=visible).rejected
    erase.erase(contact, by=manager, now=NOW)
    assert record(manager, contact_id=contact.pk).rejected


def test_finding_takes_few_queries_however_many_are_named(manager: User, django_assert_max_num_queries: Any) -> None:
    contacts = [builders.make_contact(manager, phone=f"+49 170 55500{n:02d}") for n in range(20)]
    items = [
        intake.Incoming("call", contact_email=one.email, contact_phone=one.phone, source="erp", source_key=str(one.pk))
        for one in contacts
    ]
    with django_assert_max_num_queries(8):
        assert len(intake.record(manager.team, items, now=NOW).accepted) == 20
