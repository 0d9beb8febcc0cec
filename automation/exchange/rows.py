"""The rows that entries of the file stand for: found again, compared, made and changed, with one person's rights."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from automation import programmes, rules
from automation.exchange import printing, saving, shapes, writing
from automation.exchange.names import Names, Unresolved
from automation.exchange.ordering import Item
from automation.exchange.readers import Fault
from automation.exchange.reports import Difference
from automation.exchange.saving import Fields
from automation.models import Campaign, Sequence, TaskAutomationRule
from automation.programmes import BadProgramme, campaigns, sequences
from automation.rules import BadRule
from people import rights
from people.models import Team, User

Row = TaskAutomationRule | Sequence | Campaign

_IN_THE_FILE = {
    "delay_hours": "delay",
    "delay_kind": "delay",
    "delay_days": "delay",
    "delay_at": "delay",
    "outside_hours": "delay",
    "owner_id": "owner",
}
"""Columns that the file calls otherwise."""


class Refused(Exception):
    """The entry cannot be imported; `faults` say where in it and why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = list(faults)


class Rows:
    """One import's look at the team of `by`. Everything that cannot be done raises Refused."""

    def __init__(self, by: User, now: datetime) -> None:
        self.by, self.now, self.team = by, now, by.team
        self.names = Names(by.team)
        self._by_name = _standing_by_name(by.team)

    def every(self) -> dict[tuple[str, int], Row]:
        """All rows that a file can hold, by kind and id."""
        return {(kind, row.pk): row for (kind, _), rows in self._by_name.items() for row in rows}

    def claim(self, items: Iterable[Item]) -> None:
        """Of several rules with one name, the file's references mean those that the file holds."""
        for item in items:
            if item.kind == shapes.RULE:
                self.names.ours.update(row.pk for row in self._meant(item)[0])

    def standing(self, item: Item) -> Row | None:
        """The row that the entry stands for, by name and owner (a team's rule without an owner: by name alone)."""
        found = next((rows for rows in self._meant(item) if rows), [])
        if len(found) < 2:
            return found[0] if found else None
        same = next((row for row in found if not self.differences(item, row)), None)
        if same is None:
            raise Refused(
                (("name",), f"{len(found)} {item.kind}s of {item.owner} have this name here: rename all but one.")
            )
        return same

    def _meant(self, item: Item) -> list[list[Row]]:
        """The rows that it may be, the likeliest first."""
        named = self._by_name.get((item.kind, item.name), [])
        owned = [row for row in named if row.owner.username == item.owner]
        if item.kind != shapes.RULE:
            return [owned]
        scoped = [row for row in owned if _scope(row) == item.scope]
        if "owner" in item.entry:
            return [scoped]
        anybodys = [row for row in named if _scope(row) == item.scope == TaskAutomationRule.TEAM]
        return [scoped, [] if "scope" in item.entry else owned, anybodys]

    def differences(self, item: Item, row: Row) -> list[str]:
        """The fields in which the row says something else than the file."""
        here = shapes.content(item.kind, self.entry(row))
        there = shapes.content(item.kind, item.entry)
        differing = [name for name in there if there[name] != here[name]]
        if isinstance(row, TaskAutomationRule) and set(differing) & {"trigger_config", "condition"}:
            # The same rule may go by a longer name here, where another has its name.
            differing = [name for name in differing if not self._means_the_same(name, item, row, here, there)]
        return differing

    def changes(self, item: Item, row: Row) -> list[Difference]:
        """The same with what either says."""
        differing = self.differences(item, row)
        here, there = (shapes.content(item.kind, one) for one in (self.entry(row), item.entry))
        return [
            Difference(name, printing.value(here[name], name), printing.value(there[name], name)) for name in differing
        ]

    def entry(self, row: Row) -> dict[str, Any]:
        if isinstance(row, TaskAutomationRule):
            return writing.of_rule(row, self.names)
        if isinstance(row, Sequence):
            return writing.of_sequence(row, self.names)
        return writing.of_campaign(row, self.names)

    def _means_the_same(
        self, name: str, item: Item, row: TaskAutomationRule, here: dict[str, Any], there: dict[str, Any]
    ) -> bool:
        resolved = Fields(self.names)
        fields = resolved.of(shapes.RULE, item.entry)
        if resolved.faults:
            return False
        if name == "condition":
            return bool(fields["condition"] == row.condition)
        if name != "trigger_config" or not isinstance(row.trigger_config, dict):
            return False
        beside = [{key: value for key, value in one[name].items() if key != "rules"} for one in (here, there)]
        return beside[0] == beside[1] and fields[name].get("rule_ids") == row.trigger_config.get("rule_ids")

    def begin(self, item: Item, *, lax: bool) -> tuple[Row, bool]:
        """The row to be changed, or a new one that is off; and whether it is new.

        With `lax` a new rule has only those references that can be resolved yet: `finish` gives it the rest.
        """
        row = self.standing(item)
        if row is not None:
            self.check_may_change(row)
            return row, False
        made = self._create(item, lax=lax)
        if isinstance(made, TaskAutomationRule):
            self.names.add(made)
        return made, True

    def finish(self, item: Item, row: Row, *, new: bool) -> None:
        """Makes the row as the file says."""
        resolved = Fields(self.names)
        fields = resolved.of(item.kind, item.entry)
        said = all(getattr(row, name) == fields[name] for name in ("trigger_config", "condition") if name in fields)
        if not (new and said and not resolved.faults):
            self.rewrite(row, item.kind, item.entry)

    def rewrite(self, row: Row, kind: str, entry: dict[str, Any]) -> None:
        """Makes the row as the entry says, in its normal form."""
        resolved = Fields(self.names)
        fields = resolved.of(kind, entry)
        faults = resolved.faults + _refusals(lambda: self._update(row, fields))
        if faults:
            raise Refused(*faults)

    def _update(self, row: Row, fields: dict[str, Any]) -> None:
        if isinstance(row, TaskAutomationRule):
            rules.update(row, by=self.by, now=self.now, **fields)
        elif isinstance(row, Sequence):
            sequences.update(row, by=self.by, now=self.now, **fields)
        else:
            kept = saving.keeping_ids(fields.pop("rows"), list(row.steps.all()))
            campaigns.update(row, by=self.by, now=self.now, rows=kept, **fields)

    def _create(self, item: Item, *, lax: bool) -> Row:
        """All that is wrong is told at once: where the owner cannot be had, the rest is checked as the importer's."""
        owner, faults = self._owner(item)
        resolved = Fields(self.names, lax=lax)
        fields = resolved.of(item.kind, item.entry) | {"name": item.name, "is_active": False}
        made: list[Row] = []
        faults += resolved.faults + _refusals(lambda: made.append(self._made(item, owner, fields)))
        if faults:
            raise Refused(*faults)
        return made[0]

    def _made(self, item: Item, owner: User, fields: dict[str, Any]) -> Row:
        if item.kind == shapes.RULE:
            return rules.create(owner, by=self.by, now=self.now, scope=item.scope, **fields)
        if item.kind == shapes.SEQUENCE:
            return sequences.create(owner, by=self.by, created_at=self.now, **fields)
        return campaigns.create(owner, by=self.by, created_at=self.now, **fields)

    def _owner(self, item: Item) -> tuple[User, list[Fault]]:
        """Whose it will be, and why it cannot be."""
        may = rights.may(self.by, "manage_team")
        owner = self.by
        faults: list[Fault] = []
        try:
            owner = self.names.person(item.owner)
        except Unresolved as unresolved:
            faults.append((("owner",), str(unresolved)))
        if owner.pk != self.by.pk and not may:
            message = "You need the right manage_team to import for others: take owner out to make it yours."
            faults.append((("owner",), message))
        if item.scope == TaskAutomationRule.TEAM and not may:
            message = "You need the right manage_team for a rule of the whole team: take scope out."
            faults.append((("scope",), message))
        return owner, faults

    def check_may_change(self, row: Row) -> None:
        is_rule = isinstance(row, TaskAutomationRule)
        allowed = rights.may_edit_rule(self.by, row) if is_rule else programmes.may_edit(self.by, row)  # type: ignore[arg-type]
        if not allowed:
            raise Refused((("owner",), "You need the right manage_team to change what is not yours: ask a manager."))


def _standing_by_name(team: Team) -> dict[tuple[str, str], list[Row]]:
    """All that the team has, read at once: a query for each entry would be most of an import."""
    standing = Q(team=team, archived_at__isnull=True)
    read: dict[str, Iterable[Row]] = {
        shapes.RULE: TaskAutomationRule.objects.filter(standing),
        shapes.SEQUENCE: Sequence.objects.filter(standing, preset=""),
        shapes.CAMPAIGN: Campaign.objects.filter(standing).prefetch_related("steps"),
    }
    found: dict[tuple[str, str], list[Row]] = {}
    for kind, rows in read.items():
        for row in rows.select_related("owner", "team").order_by("pk"):  # type: ignore[attr-defined]
            found.setdefault((kind, row.name), []).append(row)
    return found


def _scope(row: Row) -> str:
    return row.scope if isinstance(row, TaskAutomationRule) else ""


def _refusals(save: Callable[[], Any]) -> list[Fault]:
    try:
        save()
    except (BadRule, BadProgramme) as bad:
        return _faults(bad.errors)
    return []


def _faults(errors: dict[str, list[str]]) -> list[Fault]:
    """By place in the file, from what the domain sorted by field or pointer."""
    found: list[Fault] = []
    for pointer, texts in errors.items():
        first, *more = pointer.split("/")
        place = (_IN_THE_FILE.get(first, first), *(int(part) if part.isdigit() else part for part in more))
        found += [(place, text) for text in texts]
    return found
