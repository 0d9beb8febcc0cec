"""Whom an event is about: by id, by another system's id, by e-mail address, by phone, in this order.

A contact that was merged leads to the one it became part of, by its old id and by its old addresses alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError

from crm import addresses, contacts, phones
from crm.models import Contact, ContactIdentity
from people.models import Team

if TYPE_CHECKING:
    from crm.intake import Incoming

OWN_SOURCES = (addresses.EMAIL, phones.PHONE)
"""Sources under which other addresses of a contact are kept; no other system teaches ids under them."""
READ = ("email", "phone_e164", "merged_into", "erased_at")
"""What finding a contact takes: whoever needs more of the one that was found reads it."""
Key = tuple[str, str]


class Finder:
    """Finds the contacts that a delivery names, in at most six queries for any number of events.

    `visible` limits whom the sender may name; `creates_contacts` makes a contact of an address nobody has.
    """

    def __init__(
        self, team: Team, items: Sequence["Incoming"], *, visible: Any = None, creates_contacts: bool = False
    ) -> None:
        self.team, self.creates_contacts = team, creates_contacts
        self.by_id = self._of_team(pk__among=_given(item.contact_id for item in items))
        self.by_email = self._emails({_email(item) for item in items} - {""})
        self.by_phone = self._phones({self._phone(item) for item in items} - {""})
        self.by_identity = self._identities(items)
        self._follow_merges()
        self._limit_to(visible)

    def find(self, item: "Incoming") -> Contact | None:
        """The contact, made where that was asked for; None when nobody is known, or several have the phone."""
        if item.contact_id is not None:
            contact = self.by_id.get(item.contact_id)
        else:
            contact = self.by_identity.get((item.source, item.contact_external_id)) or self._by_address(item)
        if contact is not None and item.contact_external_id:
            self._learn(contact, item.source, item.contact_external_id)
        return contact

    def shared(self, item: "Incoming") -> bool:
        """Whether several contacts have the phone, so that it names none of them."""
        return len(self.by_phone.get(self._phone(item), ())) > 1

    def _by_address(self, item: "Incoming") -> Contact | None:
        email, phone = _email(item), self._phone(item)
        known = self.by_email.get(email) or self.by_identity.get((addresses.EMAIL, email))
        if known is None and phone:
            having = self.by_phone.get(phone, [])
            known = having[0] if len(having) == 1 else None if having else self.by_identity.get((phones.PHONE, phone))
        if known is None and email and self.creates_contacts and item.may_create:
            return self._create(item, email)
        return known

    def _create(self, item: "Incoming", email: str) -> Contact | None:
        name = " ".join((item.contact_name or email).split())[:200]
        try:
            made = contacts.create(self.team, owner=None, name=name, email=email, phone=item.contact_phone.strip())
        except contacts.EmailTaken as taken:  # another delivery made it meanwhile
            made = taken.contact
        except ValidationError:
            return None
        self.by_email[email] = made
        return made

    def _learn(self, contact: Contact, source: str, external_id: str) -> None:
        """An event that names the contact twice teaches the other system's id; one that is taken stays whose it is."""
        if (source, external_id) in self.by_identity or source in OWN_SOURCES:
            return
        identity = ContactIdentity(team=self.team, contact=contact, source=source, external_id=external_id)
        ContactIdentity.objects.bulk_create([identity], ignore_conflicts=True)
        self.by_identity[source, external_id] = contact

    def _phone(self, item: "Incoming") -> str:
        return phones.normalised(item.contact_phone, self.team.country) if item.contact_phone else ""

    def _of_team(self, **named: Any) -> dict[int, Contact]:
        if not all(named.values()):
            return {}
        return {contact.pk: contact for contact in Contact.objects.filter(team=self.team, **named).only(*READ)}

    def _emails(self, wanted: set[str]) -> dict[str, Contact]:
        if not wanted:
            return {}
        rows = Contact.objects.filter(team=self.team).with_email(*wanted).only(*READ)
        return {contact.email.lower(): contact for contact in rows}

    def _phones(self, wanted: set[str]) -> dict[str, list[Contact]]:
        having = defaultdict(list)
        if not wanted:
            return {}
        for contact in Contact.objects.filter(team=self.team).with_phone(*wanted).only(*READ):
            having[contact.phone_e164].append(contact)
        return dict(having)

    def _identities(self, items: Sequence["Incoming"]) -> dict[Key, Contact]:
        """Of the sources that the events name, and of other addresses."""
        wanted = {(item.source, item.contact_external_id) for item in items if item.contact_external_id}
        wanted |= {(addresses.EMAIL, email) for email in {_email(item) for item in items} - {"", *self.by_email}}
        wanted |= {(phones.PHONE, phone) for phone in {self._phone(item) for item in items} - {"", *self.by_phone}}
        if not wanted:
            return {}
        rows = ContactIdentity.objects.filter(
            team=self.team,
            source__in={source for source, _ in wanted},
            external_id__among={external_id for _, external_id in wanted},
        ).select_related("contact")
        return {(row.source, row.external_id): row.contact for row in rows}

    def _follow_merges(self) -> None:
        """Puts the survivor in the place of each contact that was merged, over any number of merges."""
        survivors: dict[int, Contact] = {}
        wanted = {contact.merged_into_id for contact in self._all()} - {None}
        while wanted:
            found = Contact.objects.in_bulk(wanted)
            survivors |= found
            wanted = {contact.merged_into_id for contact in found.values()} - {None, *survivors}

        def last(contact: Contact) -> Contact:
            seen: set[int] = set()
            while contact.merged_into_id in survivors and contact.pk not in seen:
                seen.add(contact.pk)
                contact = survivors[contact.merged_into_id]
            return contact

        if survivors:
            self.by_id = {pk: last(contact) for pk, contact in self.by_id.items()}
            self.by_email = {email: last(contact) for email, contact in self.by_email.items()}
            self.by_identity = {key: last(contact) for key, contact in self.by_identity.items()}
            self.by_phone = {
                phone: list({last(contact).pk: last(contact) for contact in having}.values())
                for phone, having in self.by_phone.items()
            }

    def _limit_to(self, visible: Any) -> None:
        """Leaves those that may be named. An erased contact is nobody any more."""
        all_of_them = {contact.pk: contact for contact in self._all()}
        allowed = {pk for pk, contact in all_of_them.items() if contact.erased_at is None}
        if visible is not None and allowed:
            allowed = set(visible.filter(pk__among=allowed).values_list("pk", flat=True))
        if len(allowed) == len(all_of_them):
            return
        self.by_id = {pk: contact for pk, contact in self.by_id.items() if contact.pk in allowed}
        self.by_email = {email: contact for email, contact in self.by_email.items() if contact.pk in allowed}
        self.by_identity = {key: contact for key, contact in self.by_identity.items() if contact.pk in allowed}
        self.by_phone = {
            phone: [contact for contact in having if contact.pk in allowed] for phone, having in self.by_phone.items()
        }

    def _all(self) -> Iterable[Contact]:
        yield from self.by_id.values()
        yield from self.by_email.values()
        yield from self.by_identity.values()
        for having in self.by_phone.values():
            yield from having


def _given(ids: Iterable[int | None]) -> set[int]:
    return {one for one in ids if one is not None}


def _email(item: "Incoming") -> str:
    return item.contact_email.strip().lower()
