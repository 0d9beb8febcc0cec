"""Which column is which field: told by its name, whatever its case, blanks and common other names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.files.sheets import Unreadable

MOST_SAID = 200


@dataclass(frozen=True)
class Field:
    """What a column may be: its name for programs, for people, and what else people call it."""

    name: str
    label: str
    also: tuple[str, ...] = ()
    help: str = ""

    @property
    def known_as(self) -> frozenset[str]:
        return frozenset(_bare(word) for word in (self.name, self.label, *self.also))


def recognised(columns: Iterable[str], fields: Sequence[Field]) -> dict[str, str]:
    """Each column with the name of its field, empty for those that are left out. A field has one column, its first."""
    by_word = {word: one.name for one in reversed(fields) for word in one.known_as}
    taken: set[str] = set()
    found = {}
    for column in columns:
        name = by_word.get(_bare(column), "")
        found[column] = "" if name in taken else name
        taken.add(name)
    return found


def chosen(columns: Sequence[str], fields: Sequence[Field], said: Mapping[str, str | None]) -> dict[str, str]:
    """The mapping that somebody said, for all columns. Raises Unreadable for what there is not, and for twins."""
    names = {one.name for one in fields}
    if unknown := [column for column in said if column not in columns]:
        raise Unreadable(f"There is no column {unknown[0]!r}: the file has {', '.join(columns)[:500]}.")
    if wrong := [name for name in said.values() if name and name not in names]:
        raise Unreadable(f"There is no field {wrong[0]!r}: use one of {', '.join(sorted(names))}, or none.")
    mapping = {column: said.get(column) or "" for column in columns}
    used = [name for name in mapping.values() if name]
    if twins := [name for name in used if used.count(name) > 1]:
        raise Unreadable(f"Two columns are to be {twins[0]}: leave one of them out.")
    return mapping


def _bare(word: str) -> str:
    return "".join(one for one in word.casefold() if one.isalnum())
