"""The If of a rule's form: rows of field, operator and value, or the expression that they stand for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as made
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from domain import conditions
from domain.conditions.fields import Ref
from domain.conditions.operators import OPERATORS, Operator
from domain.conditions.rows import MAX_ROWS, Row, Rows, from_rows, row_field
from web import numbers

ROWS, EXPRESSION = "rows", "expression"
FIRST = "contact.lead_score"
"""What a new row asks about."""
GROUPS: dict[str, str | Promise] = {
    "contact": gettext_lazy("Contact"),
    "activity": gettext_lazy("Activity"),
    "task": gettext_lazy("Task"),
    "team": gettext_lazy("Team"),
}


def fields(*also: str) -> list[tuple[str | Promise, list[tuple[str, str]]]]:
    """What a row may ask about, by the heading of its root; with those of `also` that the catalogue does not list."""
    found = [
        (GROUPS[root], [(f"{root}.{one.name}", one.label) for one in known.values() if OPERATORS.get(one.kind)])
        for root, known in conditions.CATALOGUE.items()
    ]
    below = sorted({name for name in also if name.count(".") > 1})
    return [*found, (_("Data of the activity"), [(name, name.split(".", 2)[2]) for name in below])] if below else found


@dataclass
class ShownRow:
    """One row as it stands in the form: what was typed, sound or not, and what is wrong with it."""

    field: str
    operator: str = ""
    typed: list[str] = made(default_factory=list)
    is_new: bool = False

    def __post_init__(self) -> None:
        """An operator that the field does not have gives way to its first, and the value with it."""
        if self.operator not in self.operators:
            self.operator, self.typed = next(iter(self.operators), ""), []

    @cached_property
    def ref(self) -> Ref | None:
        try:
            return row_field(self.field)
        except conditions.ConditionError:
            return None

    @property
    def operators(self) -> Mapping[str, Operator]:
        return OPERATORS.get(self.ref.kind, {}) if self.ref is not None else {}

    @property
    def takes(self) -> str:
        return self.operators[self.operator].takes if self.operator else "text"

    @property
    def choices(self) -> tuple[str, ...]:
        """All the values there are, for a field that has no others."""
        exact = self.operator in ("is", "is_not")
        return self.ref.field.choices if self.ref is not None and exact and not self.ref.path else ()

    @property
    def first(self) -> str:
        return self.typed[0] if self.typed else ""

    @property
    def second(self) -> str:
        return self.typed[1] if len(self.typed) > 1 else ""

    @property
    def row(self) -> Row:
        return Row(self.field, self.operator, _value(self.takes, self.first, self.second))

    @property
    def error(self) -> str:
        """What the domain says of the row; nothing of one that nobody has filled in yet."""
        if self.is_new:
            return ""
        try:
            from_rows(Rows("all", (self.row,)))
        except conditions.ConditionError as refusal:
            return str(refusal).partition("): ")[2] or str(refusal)
        return ""


@dataclass
class Conditions:
    """The part of the form, as it was kept or as it was sent."""

    mode: str = ROWS
    match: str = "all"
    rows: list[ShownRow] = made(default_factory=list)
    text: str = ""
    note: str = ""

    @classmethod
    def kept(cls, source: str) -> "Conditions":
        """Of a rule: as rows where they can say it."""
        try:
            rows = conditions.to_rows(source)
        except conditions.ConditionError:
            rows = None
        if rows is None:
            return cls(EXPRESSION, text=source)
        return cls(ROWS, rows.match, [_shown(row) for row in rows.rows], source)

    @classmethod
    def sent(cls, data: Mapping[str, Any]) -> "Conditions":
        """From a form; one that does not say how it writes its condition sends the expression."""
        text = str(data.get("condition", ""))
        if data.get("condition_mode") != ROWS:
            return cls(EXPRESSION, text=text)
        count = str(data.get("rows", ""))
        many = min(int(count), MAX_ROWS) if count.isdecimal() and len(count) < 4 else 0
        rows = [_sent(data, number) for number in range(many)]
        return cls(ROWS, "any" if data.get("match") == "any" else "all", rows, text)

    @property
    def is_expression(self) -> bool:
        return self.mode == EXPRESSION

    @property
    def fields(self) -> list[tuple[str | Promise, list[tuple[str, str]]]]:
        return fields(*(row.field for row in self.rows))

    def source(self) -> str:
        """As the rule keeps it. Raises ConditionError for rows that say nothing sound."""
        if self.is_expression:
            return self.text
        return from_rows(Rows("any" if self.match == "any" else "all", tuple(row.row for row in self.rows)))

    @property
    def cel(self) -> str:
        """What the rows stand for; empty while they stand for nothing."""
        try:
            return self.source()
        except conditions.ConditionError:
            return ""

    def act(self, verb: str) -> None:
        """Does what a button of the part says, in place: add-row, remove-row-N, to-rows, to-expression."""
        self.note = ""
        if verb == "add-row" and len(self.rows) < MAX_ROWS:
            self.rows.append(ShownRow(FIRST, "at_least", is_new=True))
        elif verb.startswith("remove-row-"):
            number = verb.removeprefix("remove-row-")
            if number.isdecimal() and int(number) < len(self.rows):
                del self.rows[int(number)]
        elif verb == "to-expression":
            self._to_expression()
        elif verb == "to-rows":
            self._to_rows()

    def _to_expression(self) -> None:
        try:
            self.text, self.mode = self.source(), EXPRESSION
        except conditions.ConditionError:
            self.note = _("Mend the rows first: what they say is not sound yet.")

    def _to_rows(self) -> None:
        try:
            rows = conditions.to_rows(self.text)
        except conditions.ConditionError as refusal:
            self.note = str(refusal)
            return
        if rows is None:
            self.note = _("Rows cannot say this: it stays an expression.")
            return
        self.mode, self.match, self.rows = ROWS, rows.match, [_shown(row) for row in rows.rows]


@dataclass(frozen=True)
class Checked:
    """An expression as one types it: what it says in words, or what is wrong with it."""

    sentence: str = ""
    fault: str = ""

    @classmethod
    def of(cls, source: str) -> "Checked":
        try:
            conditions.check(source)
        except conditions.ConditionError as refusal:
            return cls(fault=str(refusal))
        return cls(sentence=conditions.sentence(source) if source.strip() else "")


def _sent(data: Mapping[str, Any], number: int) -> ShownRow:
    named = f"row-{number}-"
    name = f"{named}value"
    typed = data.getlist(name) if isinstance(data, QueryDict) else data.get(name, [])
    values = [typed] if isinstance(typed, str) else [str(one) for one in typed]
    return ShownRow(str(data.get(f"{named}field", "")), str(data.get(f"{named}operator", "")), values)


def _shown(row: Row) -> ShownRow:
    shown = ShownRow(row.field, row.operator)
    shown.typed = _typed(shown.takes, row.value)
    return shown


def _typed(takes: str, value: object) -> list[str]:
    if value is None:
        return []
    if takes == "time":
        return [timezone.localtime(datetime.fromisoformat(str(value))).strftime("%Y-%m-%dT%H:%M")]
    items: Iterable[object] = value if isinstance(value, tuple) else (value,)
    texts = [numbers.written(one) if isinstance(one, float) else str(one) for one in items]
    return [", ".join(texts)] if takes == "texts" else texts


def _value(takes: str, first: str, second: str) -> object:
    """What was typed as the operator takes it; left as text when it is none, for the domain to say so."""
    if takes == "nothing":
        return None
    if takes == "texts":
        return tuple(word.strip() for word in first.split(",") if word.strip())
    if takes == "numbers":
        return _number(first), _number(second)
    if takes in ("number", "hours"):
        return _number(first)
    return _instant(first) if takes == "time" else first


def _number(text: str) -> object:
    try:
        value = float(numbers.read(text))
    except numbers.Unclear:
        return text
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _instant(text: str) -> str:
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (given if given.tzinfo else timezone.make_aware(given)).isoformat()
