"""Rows as tasks: new ones are made, open ones that are there are changed where somebody asked for that.

Empty cells leave a task as it is. A finished task no file touches, and no file finishes one.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError

from crm.files.models import Import
from crm.files.outcomes import Job, Outcome, parted
from crm.files.team import People
from crm.models import Contact
from domain.files.headers import Field
from domain.files.sheets import Row
from people import rights
from people.models import User
from work import arrivals, lifecycle, revisions
from work.files.task_cells import COLUMNS, Reader
from work.files.task_matching import Known, State
from work.models import Task

TAKEN = "This key is taken in your team: ask a lead whose task it is."
MEANWHILE = "Somebody else made or changed this task meanwhile: import the file again."
BLANK: State = {
    **dict.fromkeys(("title", "description", "notes"), ""),
    **dict.fromkeys(("due_date", "reminder_offset_hours", "contact_id", "assignee_id", "estimated_hours")),
    "priority": Task.MEDIUM,
    "status": Task.TODO,
}


def group_of(row: Import) -> str:
    """The group key of the tasks that an import made."""
    return f"import:{row.pk.hex}"


class Tasks:
    """The importer of tasks."""

    fields = (
        Field("nextmove_id", "Nextmove id", help="Of a file that was exported here"),
        Field("key", "Key", ("ID", "External id", "External key", "Task id", "Issue key", "Reference"), help="Unique"),
        Field("title", "Title", ("Task", "Name", "Subject", "Summary", "What", "To do", "Task name")),
        Field("description", "Description", ("Details", "Body", "Text")),
        Field("priority", "Priority", ("Importance",), help="Low, medium, high or urgent"),
        Field("status", "Status", ("State",), help="To do, in progress or blocked"),
        Field("due_date", "Due", ("Due date", "Due at", "Deadline", "Date", "End date")),
        Field("reminder_offset_hours", "Reminder, hours before", ("Reminder", "Reminder hours")),
        Field("contact", "Contact", ("Contact e-mail", "E-mail", "Customer e-mail", "Mail"), help="By e-mail"),
        Field("assignee", "Assignee", ("Assigned to", "Assignee e-mail"), help="By e-mail; empty: the queue"),
        Field("owner", "Owner", ("Owner e-mail", "Reporter", "Created by"), help="By e-mail"),
        Field("estimated_hours", "Estimated hours", ("Estimate", "Hours", "Effort", "Estimated effort")),
        Field("notes", "Notes", ("Comment", "Comments", "Remarks")),
    )

    def check_mapping(self, names: set[str]) -> str:
        if names & {"title", "nextmove_id"}:
            return ""
        return "No column is a task's title: say in the mapping which column is which field."

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
        _create([one for one in outcomes if one.verdict == Import.CREATED], job)
        changed = [one for one in outcomes if one.verdict == Import.UPDATED and one.id is not None]
        if changed:
            contacts = Contact.objects.in_bulk(
                [one.values["contact_id"] for one in changed if "contact_id" in one.values]
            )
            people = User.objects.in_bulk(
                {one.values[name] for one in changed for name in ("owner_id", "assignee_id") if name in one.values}
            )
            for one in _update_together(changed, job, people):
                _update(one, job, contacts, people)


class Plan:
    """What rows would do, one after the other: a later row finds what an earlier one makes."""

    def __init__(self, job: Job, known: Known, people: People) -> None:
        self.job, self.known, self.people = job, known, people
        self.gives = rights.may(job.by, "manage_team")

    def decide(self, one: Outcome) -> None:
        given = one.values
        state = self.known.find(given)
        if "nextmove_id" in given and (state is None or not self.known.may_name(state)):
            why = f"There is no task {given['nextmove_id']} that you may see: leave the cell empty."
            one.refuse(self.job.column_of("nextmove_id"), why)
        elif state is not None and not self.known.may_name(state):
            one.refuse(self.job.column_of("key"), TAKEN)
        elif self._contact_found(one) and self._may_give(one, state):
            if state is None:
                self._plan_new(one)
            else:
                self._plan_update(one, state)

    def _contact_found(self, one: Outcome) -> bool:
        email = one.values.get("contact")
        if email is None:
            return True
        found = self.known.contacts.get(email.lower())
        if found is None:
            why = f"There is no contact with the address {email[:100]} that you may see: import the contacts first."
            one.refuse(self.job.column_of("contact"), why)
            return False
        one.values["contact_id"] = found
        return True

    def _may_give(self, one: Outcome, state: State | None) -> bool:
        before = state or {"owner_id": self.job.by.pk, "assignee_id": self.job.by.pk}
        for name in ("owner_id", "assignee_id"):
            if not self.gives and one.values.get(name, before[name]) != before[name]:
                column = name.removesuffix("_id")
                one.refuse(self.job.column_of(column), "Only managers give tasks to others: leave the cell empty.")
                return False
        pair = (one.values.get("contact_id", before.get("contact_id")), one.values.get("assignee_id"))
        if pair in self.known.excluded:
            one.refuse(self.job.column_of("assignee"), "They must not have work of this contact: name somebody else.")
            return False
        return True

    def _plan_new(self, one: Outcome) -> None:
        given = {name: value for name, value in one.values.items() if name in COLUMNS}
        if not given.get("title"):
            one.refuse(self.job.column_of("title"), "A task needs a title: fill it in.")
            return
        if given.get("status", Task.TODO) not in Task.OPEN:
            one.refuse(self.job.column_of("status"), "Only open tasks are imported: to do, in progress or blocked.")
            return
        owner = self.job.of.options.get("owner_id") or self.job.by.pk
        one.verdict, one.row = Import.CREATED, BLANK | {"id": None, "owner_id": owner} | given
        one.changes = self.people.told({name: (None, value) for name, value in given.items()})
        key = self.known.key(one.values)
        one.row["origin_key"] = key
        self.known.memory[key] = one.row

    def _plan_update(self, one: Outcome, state: State) -> None:
        one.row, one.id, one.name = state, state["id"], state["title"]
        given = {name: value for name, value in one.values.items() if name in COLUMNS}
        changes = {name: (state[name], value) for name, value in given.items() if state[name] != value}
        if not changes or state["status"] not in Task.OPEN:
            return
        if given.get("status", Task.TODO) not in Task.OPEN:
            one.refuse(self.job.column_of("status"), "No file finishes a task: complete or cancel it here.")
            return
        mine = self.job.by.pk in (state["owner_id"], state["assignee_id"])
        if not mine and not self.gives:
            one.refuse("", "Only its assignee, its owner or a manager may change this task: leave the row out.")
            return
        one.changes = self.people.told(changes)
        if not self.job.update:
            one.verdict = Import.DIFFERING
            return
        one.verdict = Import.UPDATED
        one.values = {name: value for name, (_, value) in changes.items()}
        state |= one.values


def _create(planned: Sequence[Outcome], job: Job) -> None:
    """Nobody can be excluded from the work of a contact meanwhile: who does that locks it too."""
    given = {one.row["contact_id"] for one in planned if one.row["assignee_id"] and one.row["contact_id"]}
    if given:
        list(Contact.objects.select_for_update(no_key=True).filter(pk__in=given).order_by("pk").values_list("pk"))
    tasks = [
        Task(
            team=job.by.team,
            origin_key=one.row["origin_key"],
            group_key=group_of(job.of),
            **{name: one.row[name] for name in COLUMNS},
        )
        for one in planned
    ]
    holding = arrivals.Holding(arrivals.METHOD, {"sentence": f"{job.by.display_name} imported it from a file."})
    arrivals.create_new(
        tasks, by=job.by, now=job.now, holdings=dict.fromkeys((task.origin_key for task in tasks), holding)
    )
    for one, task in zip(planned, tasks, strict=True):
        one.id = one.row["id"] = task.pk
        if task.pk is None:
            one.refuse("", MEANWHILE)


def _update_together(changed: Sequence[Outcome], job: Job, people: dict[int, User]) -> list[Outcome]:
    """What may go at one go, goes. Returns the others, in their order, with what comes after them for the same task."""
    together, alone = parted(changed, alone=frozenset({"contact_id", "assignee_id", "status"}))
    wanted = {
        pk: {
            name.removesuffix("_id"): people[value] if name == "owner_id" else value
            for name, value in one.values.items()
        }
        for pk, one in together.items()
    }
    there = revisions.edit_all(wanted, by=job.by, now=job.now)
    for pk in set(together) - there:
        together[pk].refuse("", MEANWHILE)
    return alone


def _update(one: Outcome, job: Job, contacts: dict[int, Contact], people: dict[int, User]) -> None:
    fields = dict(one.values)
    status, assignee_id = fields.pop("status", None), fields.pop("assignee_id", None)
    if "contact_id" in fields:
        fields["contact"] = contacts[fields.pop("contact_id")]
    if "owner_id" in fields:
        fields["owner"] = people[fields.pop("owner_id")]
    task = Task.objects.get(pk=one.row["id"])
    try:
        if fields:
            task = lifecycle.edit(task, by=job.by, now=job.now, **fields)
        if assignee_id is not None:
            given = lifecycle.assign(
                task, people[assignee_id], by=job.by, now=job.now, method=arrivals.METHOD, expected=task.assignee_id
            )
            if given is None:
                raise lifecycle.Changed(MEANWHILE)
        if status is not None:
            lifecycle.set_status(task, status, by=job.by, now=job.now)
    except (lifecycle.NotAllowed, lifecycle.NotOpen, lifecycle.Changed) as refusal:
        one.refuse("", str(refusal))
    except ValidationError as wrong:
        one.refuse("", " ".join(wrong.messages))
