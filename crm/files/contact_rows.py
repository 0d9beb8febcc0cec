"""Rows as contacts: new ones are made, those that are there are changed where somebody asked for that.

Empty cells leave a contact as it is. What somebody asked for not to be contacted, no file takes back.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError

from crm import addresses, arrivals, contacts
from crm.files.contact_cells import COLUMNS, Reader
from crm.files.contact_matching import OWN, Key, Known, State
from crm.files.models import Import
from crm.files.outcomes import Job, Outcome, parted
from crm.files.team import People
from crm.models import Contact, ContactIdentity
from domain.files.headers import Field
from domain.files.sheets import Row
from jobs.rows import insert_new
from people import rights

TAKEN = "taken in your team: ask a lead whose contact it is."
MEANWHILE = "Another contact got this address meanwhile: import the file again."
GONE = "The contact was deleted meanwhile: import the file again."
NAMING = {"nextmove_id", "external_id", "name", "first_name", "last_name", "email"}
BLANK: State = {
    **dict.fromkeys(("name", "email", "phone", "company", "contact_cadence", "timezone"), ""),
    "status": Contact.LEAD,
    "next_follow_up_at": None,
    "lead_score": 0,
    "tags": [],
    "do_not_contact": False,
}


class Contacts:
    """The importer of contacts."""

    fields = (
        Field("nextmove_id", "Nextmove id", help="Of a file that was exported here"),
        Field("external_id", "External id", ("ID", "Contact id", "Customer id", "Record id", "UID", "Key")),
        Field("name", "Name", ("Full name", "Contact", "Contact name", "Display name", "Customer", "FN")),
        Field("first_name", "First name", ("Given name", "Forename", "Vorname")),
        Field("last_name", "Last name", ("Surname", "Family name", "Nachname")),
        Field("email", "E-mail", ("Mail", "E-mail address", "Mail address", "E-mail 1 - Value", "Primary email")),
        Field(
            "phone",
            "Phone",
            ("Telephone", "Phone number", "Mobile", "Mobile phone", "Tel", "Telefon", "Phone 1 - Value"),
        ),
        Field(
            "company",
            "Company",
            ("Organisation", "Organization", "Account", "Company name", "Employer", "Firm", "Firma"),
        ),
        Field("status", "Status", ("Lead status", "Stage"), help="Lead, active, inactive or lost"),
        Field("contact_cadence", "Cadence", ("Stay in touch", "Frequency"), help="weekly, monthly, days:10"),
        Field("next_follow_up_at", "Next follow-up", ("Next follow up at", "Follow up", "Follow-up date")),
        Field("timezone", "Time zone", ("TZ", "Zone"), help="As Europe/Berlin"),
        Field("lead_score", "Score", ("Lead score",)),
        Field("tags", "Tags", ("Categories", "Labels", "Groups")),
        Field("owner", "Owner", ("Owner e-mail", "Account owner", "Contact owner", "Responsible"), help="By e-mail"),
        Field("do_not_contact", "Do not contact", ("Opted out", "DNC", "E-mail opt out"), help="yes or no"),
    )

    def check_mapping(self, names: set[str]) -> str:
        if names & NAMING:
            return ""
        return "No column is a contact's name or e-mail address: say in the mapping which column is which field."

    def plan(self, job: Job, rows: Sequence[Row], memory: dict[str, Any]) -> list[Outcome]:
        reader = Reader(job)
        planned = [reader.read(row) for row in rows]
        plan = Plan(job, Known(job, [one for one in planned if not one.faults], memory), reader.people)
        for one in planned:
            if one.faults:
                one.verdict = Import.REFUSED
            else:
                plan.decide(one)
        return planned

    def carry_out(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        _update([one for one in outcomes if one.verdict == Import.UPDATED and one.row["id"] is not None], job)
        _create([one for one in outcomes if one.verdict == Import.CREATED], job)
        _learn(outcomes, job)


class Plan:
    """What rows would do, one after the other: a later row finds what an earlier one makes."""

    def __init__(self, job: Job, known: Known, people: People) -> None:
        self.job, self.known, self.people = job, known, people
        self.gives = rights.may(job.by, "manage_team")

    def decide(self, one: Outcome) -> None:
        keys = self.known.keys(one.values)
        found = [(key, state) for key in keys if (state := self.known.find(key)) is not None]
        hidden = next((key for key, state in found if not self.known.may_name(state)), None)
        if "nextmove_id" in one.values and (not found or found[0][0][0] != OWN or hidden == keys[0]):
            why = f"There is no contact {one.values['nextmove_id']} that you may see: leave the cell empty."
            one.refuse(self.job.column_of("nextmove_id"), why)
        elif hidden is not None:
            self._refuse_hidden(one, hidden)
        elif not found:
            self._plan_new(one, keys)
        elif other := next((state for _, state in found if state is not found[0][1]), None):
            whose = f"contact {other['id']} ({other['name']})" if other["id"] else "an earlier row"
            one.refuse(self.job.column_of("email"), f"It belongs to {whose}: change that one, or merge the two.")
        else:
            self._plan_update(one, found[0][1], keys)

    def _refuse_hidden(self, one: Outcome, key: Key) -> None:
        if key[0] == addresses.EMAIL:
            one.refuse(self.job.column_of("email"), f"This address is {TAKEN}")
        else:
            one.refuse(self.job.column_of("external_id"), f"This id is {TAKEN}")

    def _plan_new(self, one: Outcome, keys: list[Key]) -> None:
        given = {name: value for name, value in one.values.items() if name in COLUMNS}
        given.setdefault("name", given.get("email", ""))
        if not given["name"]:
            one.refuse("", "It has neither a name nor an e-mail address: fill in one of them.")
            return
        default = self.job.of.options.get("owner_id") or self.job.by.pk
        if not self.gives and given.get("owner_id", self.job.by.pk) != self.job.by.pk:
            one.refuse(self.job.column_of("owner"), "Only managers give contacts to others: leave the cell empty.")
            return
        one.verdict, one.row = Import.CREATED, BLANK | {"id": None, "owner_id": default} | given
        one.changes = self.people.told({name: (None, value) for name, value in given.items()})
        self._know(one, keys)

    def _plan_update(self, one: Outcome, state: State, keys: list[Key]) -> None:
        one.row, one.id, one.name = state, state["id"], state["name"]
        changes = {
            name: (state[name], value)
            for name, value in one.values.items()
            if name in COLUMNS and not _same(name, state[name], value)
        }
        if "owner_id" in changes and not self.gives:
            one.refuse(self.job.column_of("owner"), "Only managers give contacts to others: leave the cell empty.")
            return
        one.changes = self.people.told(changes)
        if changes and not self.job.update:
            one.verdict = Import.DIFFERING
        elif changes:
            one.verdict = Import.UPDATED
            one.values = {name: value for name, (_, value) in changes.items()}
            if "email" in changes:
                self.known.drop((addresses.EMAIL, state["email"].lower()))
            state |= one.values
        self._know(one, keys)

    def _know(self, one: Outcome, keys: list[Key]) -> None:
        """For the rows after it. What stays as it is, they find where this one did: it takes no memory."""
        one.keys = [key for key in keys if self.known.teaches(key)]
        stays = one.verdict == Import.UNCHANGED
        self.known.put([key for key in keys if not (stays and self.known.find(key) is one.row)], one.row)


def _same(name: str, before: Any, value: Any) -> bool:
    if name == "email":
        return str(before).lower() == value.lower()
    if name == "do_not_contact":
        return bool(before) or not value
    return bool(before == value)


def _update(changed: Sequence[Outcome], job: Job) -> None:
    """At one go, but for new addresses, and for contacts that a file changes twice: those go in their order."""
    together, alone = parted(changed, alone=frozenset({"email"}))
    there = contacts.update_all({pk: one.values for pk, one in together.items()}, by=job.by, now=job.now)
    for pk in set(together) - there:
        together[pk].refuse("", GONE)
    for one in alone:
        _update_alone(one, job)


def _update_alone(one: Outcome, job: Job) -> None:
    try:
        contacts.update(Contact(pk=one.row["id"]), by=job.by, now=job.now, **one.values)
    except contacts.EmailTaken:
        one.refuse(job.column_of("email"), MEANWHILE)
    except Contact.DoesNotExist:
        one.refuse("", GONE)
    except ValidationError as wrong:
        one.refuse("", " ".join(wrong.messages))


def _create(planned: Sequence[Outcome], job: Job) -> None:
    team = job.by.team
    rows = [Contact(team=team, created_at=job.now, **{name: one.row[name] for name in COLUMNS}) for one in planned]
    arrivals.create_all(rows, by=job.by, now=job.now)
    for one, row in zip(planned, rows, strict=True):
        one.id = one.row["id"] = row.pk
        if row.pk is None:
            one.refuse(job.column_of("email"), MEANWHILE)


def _learn(outcomes: Sequence[Outcome], job: Job) -> None:
    """Keeps by which ids the rows are known from now on; one that is taken meanwhile stays whose it is."""
    found = {key: one.row["id"] for one in outcomes if one.verdict != Import.REFUSED for key in one.keys}
    rows = [
        ContactIdentity(team_id=job.by.team_id, contact_id=pk, source=source, external_id=word)
        for (source, word), pk in found.items()
        if pk is not None
    ]
    insert_new(rows)
