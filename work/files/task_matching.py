"""Which task a row is about, by Nextmove's id or a key of its own; and the contacts that rows name."""

import hashlib
from collections.abc import Sequence
from typing import Any

from crm import addresses
from crm.files.outcomes import Job, Outcome
from crm.models import Contact, ContactIdentity
from work.files.task_cells import COLUMNS
from work.models import Exclusion, Task

State = dict[str, Any]
SAYING = ("title", "description", "contact", "due_date", "assignee_id", "priority", "estimated_hours")
"""What a row without a key is known by: two that say the same of these are one task."""


class Known:
    """The tasks and contacts that rows name, in at most six queries for any number of them, and those that earlier rows
    make.
    """

    def __init__(self, job: Job, planned: Sequence[Outcome], memory: dict[str, Any]) -> None:
        self.job = job
        self.memory: dict[str, State] = memory.setdefault("tasks", {})
        self.contacts = self._contacts({one.values["contact"].lower() for one in planned if "contact" in one.values})
        self.by_id, self.by_key = self._tasks(planned)
        self.visible = self._visible()
        self.excluded = self._excluded()

    def key(self, given: dict[str, Any]) -> str:
        """Its origin key. Members' rows are told apart, for none may know of another's."""
        whose = "" if self.job.by.leads else str(self.job.by.pk)
        said = ["key", given["key"]] if "key" in given else ["row", *(str(given.get(name, "")) for name in SAYING)]
        digest = hashlib.sha256("\n".join([whose, *said]).encode()).hexdigest()[:48]
        return f"import:{self.job.by.team_id}:{digest}"

    def find(self, given: dict[str, Any]) -> State | None:
        if "nextmove_id" in given:
            return self.by_id.get(given["nextmove_id"])
        key = self.key(given)
        return self.memory.get(key) or self.by_key.get(key)

    def may_name(self, state: State) -> bool:
        return state["id"] is None or state["id"] in self.visible

    def _tasks(self, planned: Sequence[Outcome]) -> tuple[dict[int, State], dict[str, State]]:
        ids = {one.values["nextmove_id"] for one in planned if "nextmove_id" in one.values}
        keys = {self.key(one.values) for one in planned if "nextmove_id" not in one.values} - set(self.memory)
        rows = Task.objects.filter(team_id=self.job.by.team_id)
        by_id = {row["id"]: row for row in rows.filter(pk__in=ids).values("id", *COLUMNS)} if ids else {}
        # By the keys alone, which name the team: asked for it too, SQLite reads all of the team's tasks.
        keyed = Task.objects.filter(origin_key__in=keys) if keys else Task.objects.none()
        found = keyed.values("id", "origin_key", *COLUMNS)
        return by_id, {row["origin_key"]: by_id.get(row["id"], row) for row in found}

    def _visible(self) -> set[int]:
        ids = {state["id"] for state in (*self.by_id.values(), *self.by_key.values())}
        if not ids or self.job.by.leads:
            return ids
        return set(Task.objects.visible_to(self.job.by).filter(pk__in=ids).values_list("pk", flat=True))

    def _contacts(self, emails: set[str]) -> dict[str, int]:
        """Those that the importer may see, by address; also by one that came with a merge."""
        if not emails:
            return {}
        visible = Contact.objects.visible_to(self.job.by)
        merged = ContactIdentity.objects.filter(
            team_id=self.job.by.team_id, source=addresses.EMAIL, external_id__in=emails, contact__in=visible
        )
        found = dict(merged.values_list("external_id", "contact_id"))
        return found | {email.lower(): pk for email, pk in visible.with_email(*emails).values_list("email", "pk")}

    def _excluded(self) -> set[tuple[int, int]]:
        """Who must not have work of which of the contacts."""
        rows = Exclusion.objects.filter(contact__in=set(self.contacts.values()))
        return set(rows.values_list("contact_id", "user_id")) if self.contacts else set()
