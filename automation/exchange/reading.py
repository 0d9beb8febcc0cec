"""The file brought into a team: each entry made, left alone, updated when asked for, or refused with where and why."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction

from automation.exchange import ordering, parsing, shapes
from automation.exchange.ordering import Item
from automation.exchange.parsing import BadDocument, Parsed, Place
from automation.exchange.readers import Fault
from automation.exchange.reports import Difference, Entry, Refusal, Report
from automation.exchange.rows import Refused, Row, Rows
from automation.exchange.writing import VERSION
from automation.models import TaskAutomationRule
from domain import sequencing
from people.models import Team, User

MOST_ENTRIES = 1000


def bring_in(
    document: str | bytes | Mapping[str, Any], *, by: User, now: datetime, update: bool = False, dry_run: bool = False
) -> Report:
    """Imports YAML, or the same as a plain map, into the team of `by`, with the rights of `by`.

    What exists with the same content stays as it is, its version and whether it is on included; what differs is
    changed only with `update`; what is new arrives switched off. Each entry is a savepoint: one that is refused holds
    up no other, only those that wait for it. `dry_run` writes nothing and answers the same report, without ids.
    Raises BadDocument for what cannot be read at all.
    """
    is_text = isinstance(document, str | bytes)
    parsed = parsing.parse(document) if is_text else Parsed(parsing.settled(document))  # type: ignore[arg-type]
    run = _Import(parsed, by, update=update, dry_run=dry_run)
    items = run.sound()
    with transaction.atomic():
        # One import of a team at a time: two of the same file make each entry once.
        Team.objects.select_for_update(no_key=True).get(pk=by.team_id)
        run.settle(items, Rows(by, now))
        if dry_run:
            transaction.set_rollback(True)
    return run.report()


class _Import:
    """One run. What became of each entry is noted by its place, so that the report has the order of the file."""

    def __init__(self, parsed: Parsed, by: User, *, update: bool, dry_run: bool) -> None:
        self.parsed, self.by, self.update, self.dry_run = parsed, by, update, dry_run
        self.noted: list[tuple[Place, str, Entry | Refusal]] = []

    def sound(self) -> list[Item]:
        """The entries that can be read; what is wrong with the others is noted."""
        document = self.parsed.value
        if not isinstance(document, Mapping) or document.get("nextmove") != VERSION:
            raise BadDocument(f"This is no file of this version: begin it with the line nextmove: {VERSION}.")
        for name in set(document) - {"nextmove", *shapes.SECTIONS}:
            self._refuse((name,), [((), f"There is no section {name!r}: use {', '.join(shapes.SECTIONS)}.")])
        raw = [one for section in shapes.SECTIONS for one in self._raw(section)]
        if len(raw) > MOST_ENTRIES:
            raise BadDocument(f"The document has {len(raw):,} entries and may have {MOST_ENTRIES:,}: send it in parts.")
        items = [item for place, entry in raw if (item := self._item(place, entry)) is not None]
        count = Counter((item.kind, item.known) for item in items)
        return [item for item in items if not self._is_twin(item, count[item.kind, item.known])]

    def settle(self, items: list[Item], rows: Rows) -> None:
        """Rules first, since others name them, each after those it names; then the rest."""
        rows.claim(items)
        items = [item for item in items if not self._is_left_alone(item, rows)]
        waiting = [item for item in items if item.kind == shapes.RULE]
        while waiting:
            group = ordering.next_group(waiting, rows.names)
            refused = self._write(group, rows)
            done = group if refused is None else [refused]
            waiting = [item for item in waiting if item not in done]
        for item in items:
            if item.kind != shapes.RULE:
                self._write([item], rows)

    def report(self) -> Report:
        report = Report(self.dry_run)
        sections = list(shapes.SECTIONS)

        def in_order(note: tuple[Place, str, Entry | Refusal]) -> tuple[int, Place]:
            section, *number = note[0][:2]
            return (sections.index(str(section)), tuple(number)) if section in sections else (-1, ())

        for _, bucket, one in sorted(self.noted, key=in_order):
            getattr(report, bucket).append(one)
        return report

    def _raw(self, section: str) -> Iterator[tuple[Place, Any]]:
        entries = self.parsed.value.get(section)
        if entries is not None and not isinstance(entries, list):
            self._refuse((section,), [((), "Give a list: begin each entry with a dash.")])
        elif entries:
            yield from (((section, number), entry) for number, entry in enumerate(entries))

    def _item(self, place: Place, raw: Any) -> Item | None:
        kind = shapes.SECTIONS[str(place[0])]
        if not isinstance(raw, Mapping):
            self._refuse(place, [((), f"A {kind} is a map with {', '.join(shapes.NEEDED[kind])} and more.")])
            return None
        if kind == shapes.SEQUENCE and _names_a_preset(raw):
            self._note("unchanged", place, Entry(kind, raw["name"], "", _pointer(place)))
            return None
        entry, faults = shapes.normal(kind, raw)
        if faults:
            self._refuse(place, faults)
            return None
        return Item(kind, place, entry, entry.get("owner", self.by.username), self._scope(kind, entry))

    def _scope(self, kind: str, entry: Mapping[str, Any]) -> str:
        """Left out: a rule that names its owner is `own`, so that no file widens one; else as for any new rule."""
        if kind != shapes.RULE:
            return ""
        is_team = self.by.manages and "owner" not in entry
        return str(entry.get("scope") or (TaskAutomationRule.TEAM if is_team else TaskAutomationRule.OWN))

    def _is_twin(self, item: Item, count: int) -> bool:
        if count > 1:
            message = f"{count} {item.kind}s of the file have this name and owner: rename all but one."
            self._refuse(item.place, [(("name",), message)])
        return count > 1

    def _is_left_alone(self, item: Item, rows: Rows) -> bool:
        """Whether nothing is to be written: it is there and the same, or differs and may not be updated."""
        try:
            row = rows.standing(item)
        except Refused as refused:
            self._refuse(item.place, refused.faults)
            return True
        if row is None:
            return False
        changes = rows.changes(item, row)
        if not changes or not self.update:
            self._note("differing" if changes else "unchanged", item.place, _told(item, row, row.pk, changes))
        return not changes or not self.update

    def _write(self, group: list[Item], rows: Rows) -> Item | None:
        """Saves the entries together, or none of them; then the one that was refused, for the others to go on."""
        at, before = group[0], rows.names.snapshot()
        done: list[tuple[str, Item, Row, list[Difference]]] = []
        try:
            with transaction.atomic():
                for at in group:
                    row, new = rows.begin(at, lax=ordering.refers_into(at, group))
                    done.append(("created" if new else "updated", at, row, [] if new else rows.changes(at, row)))
                for bucket, at, row, _ in done:
                    rows.finish(at, row, new=bucket == "created")
        except Refused as refused:
            self._refuse(at.place, refused.faults)
        except DatabaseError as failure:
            self._refuse(at.place, [((), f"The database refuses it ({failure}): look at its texts and numbers.")])
        else:
            for bucket, item, row, changes in done:
                known = None if self.dry_run and bucket == "created" else row.pk
                self._note(bucket, item.place, _told(item, row, known, changes))
            return None
        rows.names.restore(before)
        return at

    def _note(self, bucket: str, place: Place, one: Entry | Refusal) -> None:
        self.noted.append((place, bucket, one))

    def _refuse(self, place: Place, faults: Iterable[Fault]) -> None:
        for within, message in faults:
            where = (*place, *within)
            self._note("refused", place, Refusal(_pointer(where), message, self.parsed.line_of(where)))


def _told(item: Item, row: Row, known: int | None, changes: list[Difference]) -> Entry:
    return Entry(item.kind, item.name, row.owner.username, _pointer(item.place), known, changes)


def _names_a_preset(raw: Mapping[str, Any]) -> bool:
    """Ready-made sequences are always there: a file may name one, and hold nothing else of it."""
    return set(raw) == {"name"} and raw["name"] in {f"{preset.capitalize()} follow-up" for preset in sequencing.PRESETS}


def _pointer(place: Place) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)
