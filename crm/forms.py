"""Forms on other sites: what somebody filled in becomes one FORM_SUBMITTED, and a contact where there was none."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F

from crm import contacts, intake, keys
from crm.finding import Finder
from crm.models import Activity, Contact, InboundForm

CONTACT_FIELDS = {"name": 200, "email": 254, "phone": 40, "company": 200}
"""What a field may be mapped to, with the characters it may have; besides `data.` and a name."""
OWN_NAMES = ("form", "form_id", "values")
SUBMISSION_ID = "submission_id"
"""The field by which a sender says that it is the same submission again."""
MOST_FIELDS = 100
LONGEST_NAME = 100
LONGEST_VALUE = 5_000


class BadSubmission(ValueError):
    """What was sent cannot be taken. `field` is the form's own name of what is wrong, or ""."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class BadForm(ValueError):
    """A form cannot be saved like this. `field` is the column that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Submitted:
    """What became of a submission: `trapped` for one that filled the honeypot, of which nothing else is kept."""

    activity_id: int | None = None
    duplicate: bool = False
    trapped: bool = False


def check(form: InboundForm) -> None:
    """Raises BadForm for a mapping, a site or an address that cannot work."""
    if not isinstance(form.mapping, dict) or len(form.mapping) > MOST_FIELDS:
        raise BadForm("mapping", f"The mapping is a list of at most {MOST_FIELDS} field names and what each goes into.")
    for name, target in form.mapping.items():
        own = str(target).removeprefix("data.")
        if target not in CONTACT_FIELDS and not (str(target).startswith("data.") and own and own not in OWN_NAMES):
            words = f"{name!r} goes into {target!r}: use one of {', '.join(CONTACT_FIELDS)}, or data. and a name."
            raise BadForm("mapping", words)
    for origin in form.allowed_origins:
        parts = urlsplit(str(origin))
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            raise BadForm(
                "allowed_origins", f"{origin!r} is no site: write it as https://www.example.org, without a path."
            )
    if form.redirect_url and urlsplit(form.redirect_url).scheme not in ("http", "https"):
        raise BadForm("redirect_url", "The address to go to afterwards starts with https:// or http://.")


def submit(form: InboundForm, values: Mapping[str, Any], *, now: datetime, submission_id: str = "") -> Submitted:
    """Records one submission, once for one `submission_id`. Raises BadSubmission.

    A contact is found by e-mail, then by phone; of one that was there only empty fields are filled. Without either,
    or where the form makes no contacts, the event waits in the list of what is unmatched.
    """
    if form.honeypot and _filled(values.get(form.honeypot)):
        InboundForm.objects.filter(pk=form.pk).update(trapped=F("trapped") + 1)
        return Submitted(trapped=True)
    values = {name: value for name, value in values.items() if name not in (form.honeypot, SUBMISSION_ID)}
    _check_values(values)
    fields, extra = _mapped(form, values)
    incoming = intake.Incoming(
        Activity.FORM_SUBMITTED,
        contact_email=fields.get("email", ""),
        contact_phone=fields.get("phone", ""),
        source=f"form:{form.pk}",
        source_key=_key(submission_id),
        data={**extra, **_address(fields), "form": form.name, "form_id": form.pk, "values": values},
        sameness=json.dumps(values, sort_keys=True),
    )
    with transaction.atomic():
        InboundForm.objects.select_for_update(no_key=True).get(pk=form.pk)  # one at a time, so none is made twice
        if not _is_known(form, incoming.source_key):
            contact = _settle_contact(form, incoming, fields, now)
            incoming = replace(incoming, contact_id=contact.pk if contact else None)
        recorded = intake.record(form.team, [incoming], now=now, unmatched=True)
        if recorded.rejected:
            raise BadSubmission("", recorded.rejected[0].errors[0].message)
    return Submitted(recorded.accepted[0] if recorded.accepted else None, duplicate=bool(recorded.duplicates))


def _filled(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def _check_values(values: Mapping[str, Any]) -> None:
    if not values:
        raise BadSubmission("", "The form is empty: send its fields as JSON or as a form.")
    if not intake.can_be_kept(dict(values)):
        raise BadSubmission("", "It holds a NUL or half a character, which cannot be kept: leave that out.")
    if len(values) > MOST_FIELDS:
        raise BadSubmission("", f"A form has at most {MOST_FIELDS} fields.")
    for name, value in values.items():
        if len(name) > LONGEST_NAME:
            raise BadSubmission("", f"A field's name has at most {LONGEST_NAME} characters.")
        several = value if isinstance(value, list) else [value]
        if len(several) > MOST_FIELDS or not all(one is None or isinstance(one, str | int | float) for one in several):
            raise BadSubmission(name, f"{name} is neither a text nor a number nor a list of them.")
        if any(isinstance(one, str) and len(one) > LONGEST_VALUE for one in several):
            raise BadSubmission(name, f"{name} has over {LONGEST_VALUE} characters.")


def _mapped(form: InboundForm, values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The contact's fields and what goes into `data` under a name of its own. Several fields for one are joined in
    the order in which they were sent.

    A form without a mapping has the contact's own names, in any case of letters.
    """
    mapping = form.mapping or {name: name.lower() for name in values if name.lower() in CONTACT_FIELDS}
    parts: dict[str, list[str]] = {}
    extra: dict[str, Any] = {}
    filled = [name for name in values if name in mapping and _filled(values[name])]
    # In the order of the submission: that of the mapping is not kept by every database.
    for name in filled:
        target = mapping[name]
        if target.startswith("data."):
            extra[target.removeprefix("data.")] = values[name]
        else:
            parts.setdefault(target, []).append(_text(values[name]))
    fields = {target: " ".join(found) for target, found in parts.items()}
    named = {mapping[name]: name for name in reversed(filled)}
    for target, text in fields.items():
        if len(text) > CONTACT_FIELDS[target]:
            raise BadSubmission(named[target], f"This has over {CONTACT_FIELDS[target]} characters.")
    if "email" in fields:
        try:
            validate_email(fields["email"])
        except ValidationError:
            words = f"{fields['email']!r} is no e-mail address: correct it and send the form again."
            raise BadSubmission(named["email"], words) from None
    return fields, extra


def _text(value: Any) -> str:
    return " ".join(", ".join(str(one) for one in (value if isinstance(value, list) else [value])).split())


def _address(fields: Mapping[str, str]) -> dict[str, str]:
    return {"email": fields["email"]} if "email" in fields else {}


def _key(submission_id: str) -> str:
    if not submission_id:
        return ""
    short = len(submission_id) <= 180
    return f"id:{submission_id}" if short else "hash:" + hashlib.sha256(submission_id.encode()).hexdigest()


def _is_known(form: InboundForm, key: str) -> bool:
    source = f"form:{form.pk}"
    if not key:
        return False
    stored = Activity.objects.filter(team=form.team, source=source, source_key=key).exists()
    return stored or bool(keys.erased(form.team_id, [(source, key)]))


def _settle_contact(
    form: InboundForm, incoming: intake.Incoming, fields: dict[str, str], now: datetime
) -> Contact | None:
    """The contact that the submission names, with what was empty of it filled, or a new one; None where nobody is to
    be made, or where several have the phone and no address says which of them it was.
    """
    finder = Finder(form.team, [incoming])
    contact = finder.find(incoming)
    if contact is not None:
        return _fill(Contact.objects.get(pk=contact.pk), fields, now)
    reached = fields.get("email") or (not finder.shared(incoming) and fields.get("phone"))
    if not form.creates_contacts or not reached:
        return None
    columns: dict[str, Any] = {**fields, "name": fields.get("name") or reached}
    try:
        return contacts.create(form.team, owner=form.owner, **columns)
    except contacts.EmailTaken as taken:  # something else made it meanwhile
        return _fill(taken.contact, fields, now)
    except ValidationError as fault:
        raise BadSubmission("", " ".join(fault.messages)) from None


def _fill(contact: Contact, fields: dict[str, str], now: datetime) -> Contact:
    """A name that is only the address counts as empty: mail had brought nothing better."""
    empty = {name for name in CONTACT_FIELDS if not getattr(contact, name)}
    if contact.email and contact.name.lower() == contact.email.lower():
        empty.add("name")
    news = {name: value for name, value in fields.items() if name in empty}
    if not news:
        return contact
    try:
        return contacts.update(contact, by=None, now=now, **news)
    except contacts.EmailTaken:
        news.pop("email")
        return contacts.update(contact, by=None, now=now, **news)
