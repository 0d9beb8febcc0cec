"""What compiling knows of a part of a condition: its engine text, its kind, and when it has a value."""

from dataclasses import dataclass

from domain.conditions.catalogue import Field
from domain.conditions.tree import Literal


@dataclass(frozen=True)
class Code:
    """Engine text and what is known of it. `kind` is a Kind or "null", the literal; `element` that of a list's items.

    `present` is the engine's test for whether it has a value (empty: always). Where that fails, `text` is null if
    `nullable`, and must not be run otherwise.
    """

    text: str
    kind: str
    present: str = ""
    nullable: bool = False
    element: str = "any"
    literal: Literal | None = None
    field: Field | None = None

    @property
    def value(self) -> str:
        """Text that gives the value, or null."""
        return self.text if self.nullable or not self.present else f"({self.present} ? {self.text} : null)"

    @property
    def truth(self) -> str:
        """Text that gives true or false; an absent value is false."""
        return all_of(self.present, self.text)


def maybe(text: str, kind: str) -> Code:
    """Code whose text is its value or null."""
    return Code(text, kind, f"{text} != null", nullable=True)


def all_of(*tests: str) -> str:
    """The tests joined by &&, without the empty and the repeated ones."""
    needed = list(dict.fromkeys(filter(None, tests)))
    return f"({' && '.join(needed)})" if len(needed) > 1 else "".join(needed)
