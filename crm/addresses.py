"""E-mail addresses of contacts that were merged: who is meant by one now, and one person's second address."""

from crm.models import Contact, ContactIdentity

EMAIL = "email"
"""The source under which an absorbed contact's address is an identity of the survivor."""


def survivor_of(contact: Contact) -> Contact:
    """The contact that this one became part of, over any number of merges; itself when it was never absorbed."""
    seen = {contact.pk}
    while contact.merged_into is not None and contact.merged_into_id not in seen:
        contact = contact.merged_into
        seen.add(contact.pk)
    return contact


def holder_of(team_id: int, email: str) -> Contact | None:
    """Whom the team knows under this address, in any case of letters: also one who got it by a merge."""
    email = email.strip().lower()
    if not email:
        return None
    found = Contact.objects.filter(team_id=team_id).with_email(email).first()
    if found is not None:
        return survivor_of(found)
    known = ContactIdentity.objects.filter(team_id=team_id, source=EMAIL, external_id=email)
    identity = known.select_related("contact").first()
    return survivor_of(identity.contact) if identity is not None else None


def trade(contact: Contact, email: str) -> None:
    """Makes an absorbed contact's address free for its survivor, and leaves it the survivor's old one in return.

    So both keep leading to the survivor. Changes nothing when the address is no such one.
    """
    other = Contact.objects.filter(team_id=contact.team_id).with_email(email).exclude(pk=contact.pk).first()
    if other is None or not email.strip() or survivor_of(other).pk != contact.pk:
        return
    old = Contact.objects.filter(pk=contact.pk).values_list("email", flat=True).get()
    Contact.objects.filter(pk=other.pk).update(email="")
    Contact.objects.filter(pk=contact.pk).update(email=email.strip())
    Contact.objects.filter(pk=other.pk).update(email=old)
