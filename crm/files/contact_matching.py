"""Which contact a row is about: by Nextmove's id, another system's, the e-mail address; else by what the row says."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from crm import addresses
from crm.files.contact_cells import COLUMNS
from crm.files.outcomes import Job, Outcome
from crm.models import Contact, ContactIdentity

SOURCE = "import"
"""The system whose ids a file holds, unless it is said."""
OWN = "id"
BY_CONTENT = "import-row"
NO_SYSTEMS = (OWN, BY_CONTENT, addresses.EMAIL, "phone")
"""Words that name no other system."""

Key = tuple[str, str]
"""A system and the id there; an address counts as one."""
State = dict[str, Any]
"""The columns of a contact that a file may say, with its `id`; None for one that is yet to be made."""


class Known:
    """The contacts that rows name, in at most six queries for any number of them, and those that earlier rows make."""

    def __init__(self, job: Job, planned: Sequence[Outcome], memory: dict[str, Any]) -> None:
        self.job, self.team_id = job, job.by.team_id
        self.source = str(job.of.options.get("source") or SOURCE)
        self.memory: dict[Key, State | None] = memory.setdefault("contacts", {})
        wanted = {key for one in planned for key in self.keys(one.values)} - set(self.memory)
        self.by_key = self._loaded(wanted) if wanted else {}
        self.visible: set[int] = memory.setdefault("visible", set())
        """Whom the importer may name; what earlier rows named, they might."""
        self.visible |= self._visible()

    def keys(self, given: dict[str, Any]) -> list[Key]:
        """By what a row may be known, the surest first."""
        found: list[Key] = []
        if "nextmove_id" in given:
            found.append((OWN, str(given["nextmove_id"])))
        if "external_id" in given:
            found.append((self.source, given["external_id"]))
        if given.get("email"):
            found.append((addresses.EMAIL, given["email"].lower()))
        return found or [(BY_CONTENT, self._content(given))]

    def teaches(self, key: Key) -> bool:
        """Whether a contact is to be known by this from now on, and is not yet."""
        return key[0] in (self.source, BY_CONTENT) and self.find(key) is None

    def find(self, key: Key) -> State | None:
        return self.memory[key] if key in self.memory else self.by_key.get(key)

    def put(self, keys: Iterable[Key], state: State) -> None:
        self.memory |= dict.fromkeys(keys, state)

    def drop(self, key: Key) -> None:
        """Nobody's any more, as an address that was changed."""
        self.memory[key] = None

    def may_name(self, state: State) -> bool:
        return state["id"] is None or state["id"] in self.visible

    def _content(self, given: dict[str, Any]) -> str:
        """What a row without any key says of itself. Members' rows are told apart, for none may know of another's."""
        whose = "" if self.job.by.leads else str(self.job.by.pk)
        said = [whose, *(str(given.get(name, "")).strip().casefold() for name in ("name", "phone", "company"))]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def _loaded(self, wanted: set[Key]) -> dict[Key, State]:
        by_key = self._identities(wanted)
        by_key |= {(OWN, word): int(word) for source, word in wanted if source == OWN}
        states = self._states(pk__in=set(by_key.values())) if by_key else {}
        if emails := {word for source, word in wanted if source == addresses.EMAIL}:
            having = Contact.objects.filter(team_id=self.team_id).with_email(*emails)
            states |= {row["id"]: row for row in having.values("id", "merged_into_id", "erased_at", *COLUMNS)}
            by_key |= {(addresses.EMAIL, row["email"].lower()): pk for pk, row in states.items() if row["email"]}
        while missing := {row["merged_into_id"] for row in states.values()} - {None, *states}:
            states |= self._states(pk__in=missing)
        found = {key: _survivor(states, pk) for key, pk in by_key.items() if key in wanted}
        return {key: row for key, row in found.items() if row is not None}

    def _states(self, **which: Any) -> dict[int, State]:
        rows = Contact.objects.filter(team_id=self.team_id, **which)
        return {row["id"]: row for row in rows.values("id", "merged_into_id", "erased_at", *COLUMNS)}

    def _identities(self, wanted: set[Key]) -> dict[Key, int]:
        words = {word for source, word in wanted if source != OWN}
        if not words:
            return {}
        rows = ContactIdentity.objects.filter(
            team_id=self.team_id, source__in={source for source, _ in wanted}, external_id__in=words
        )
        found = {(source, word): pk for source, word, pk in rows.values_list("source", "external_id", "contact_id")}
        return {key: pk for key, pk in found.items() if key in wanted}

    def _visible(self) -> set[int]:
        ids = {state["id"] for state in self.by_key.values()}
        if ids and not self.job.by.leads:
            ids = set(Contact.objects.visible_to(self.job.by).filter(pk__in=ids).values_list("pk", flat=True))
        return ids


def _survivor(states: dict[int, State], pk: int) -> State | None:
    """The standing contact that this one is, or became part of."""
    row, seen = states.get(pk), {pk}
    while row is not None and row["merged_into_id"] is not None and row["merged_into_id"] not in seen:
        seen.add(row["merged_into_id"])
        row = states.get(row["merged_into_id"])
    return row if row is not None and row["erased_at"] is None else None
