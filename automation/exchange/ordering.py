"""In which order rules are imported: each after those it names; those that name each other together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automation.exchange.names import Known, Names, Reference, Unresolved, rules_in, wanted_by
from automation.exchange.parsing import Place


@dataclass(frozen=True, eq=False)
class Item:
    """One entry of the file in its normal form. `place` leads to it; a rule without an owner is the importer's."""

    kind: str
    place: Place
    entry: dict[str, Any]
    owner: str
    scope: str = ""

    @property
    def name(self) -> str:
        return str(self.entry["name"])

    @property
    def known(self) -> Known:
        """As references of the file name it before it has an id."""
        return Known(0, self.name, self.owner, self.scope)


def next_group(waiting: Sequence[Item], names: Names) -> list[Item]:
    """Of the rules that wait: one that needs none of the others, else one that needs what is nowhere, else all.

    All that are left then name each other, and are saved together or not at all.
    """
    for item in waiting:
        if not any(_waits(wanted, waiting) for wanted in _wanted(item)):
            return [item]
    for item in waiting:
        if any(not _waits(wanted, waiting) and not _is_there(wanted, names) for wanted in _wanted(item)):
            return [item]
    return list(waiting)


def refers_into(item: Item, group: Sequence[Item]) -> bool:
    """Whether the rule names one that is saved together with it, such as itself."""
    return any(_waits(wanted, group) for wanted in _wanted(item))


def _wanted(item: Item) -> Iterator[Mapping[str, Any]]:
    """What the rule's references ask for; one that cannot be read holds nothing up, it is refused when saved."""
    config = item.entry.get("trigger_config", {})
    references: list[Reference] = [*rules_in(item.entry.get("condition", ""))]
    if isinstance(config.get("rules"), list):
        references += config["rules"]
    for reference in references:
        try:
            yield wanted_by(reference)
        except Unresolved:
            continue


def _waits(wanted: Mapping[str, Any], waiting: Sequence[Item]) -> bool:
    return any(item.known.fits(wanted) for item in waiting)


def _is_there(wanted: Mapping[str, Any], names: Names) -> bool:
    return any(rule.fits(wanted) for rule in names.rules)
