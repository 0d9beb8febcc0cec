"""Titles and descriptions of tasks written as Liquid templates: checked when saved, bounded when rendered.

What comes out of a contact is a plain value and is never read as a template; no Python object can be reached.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, wraps
from typing import Any

from liquid import BoundTemplate, Environment, StrictDefaultUndefined
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterArgumentError, LiquidError, ResourceLimitError
from liquid.filter import liquid_filter

FIXED_VARIABLES: tuple[str, ...] = ("contact_name", "contact_email", "activity_type", "old_status", "new_status")
CONTACT_FIELDS: tuple[str, ...] = (
    "name",
    "email",
    "phone",
    "company",
    "status",
    "lead_score",
    "timezone",
    "contact_cadence",
)
TITLE_LIMIT = 1_000
DESCRIPTION_LIMIT = 10_000
TITLE_LENGTH = 255

_OUTPUT_LIMIT = 20_000  # characters of one intermediate value; the whole output may hold four times that in bytes
_LOOP_LIMIT = 200
_TAGS = {
    *("content", "output", "illegal", "if", "unless", "case", "for", "break", "continue"),
    *("assign", "capture", "echo", "comment", "#", "raw"),
}
_FILTERS = {
    *("default", "upcase", "downcase", "capitalize", "strip", "lstrip", "rstrip", "squish", "strip_newlines"),
    *("append", "prepend", "replace", "replace_first", "replace_last", "remove", "remove_first", "remove_last"),
    *("truncate", "truncatewords", "slice", "size", "split", "join", "first", "last", "escape", "url_encode"),
    *("plus", "minus", "times", "divided_by", "modulo", "round", "floor", "ceil", "abs", "at_least", "at_most"),
}
_KNOWN = ", ".join((*FIXED_VARIABLES, *(f"contact.{field}" for field in CONTACT_FIELDS)))
_SAMPLE: Mapping[str, object] = {
    **dict.fromkeys(FIXED_VARIABLES, "sample"),
    "contact": {**dict.fromkeys(CONTACT_FIELDS, "sample"), "lead_score": 50},
}


class TemplateError(ValueError):
    """A template that can't be used; the message says what to change."""


def check(source: str, *, limit: int = TITLE_LIMIT) -> None:
    """Refuse a template that would fail: too long, bad syntax, unknown variable or filter, a failing trial run.

    `limit` is in characters (TITLE_LIMIT or DESCRIPTION_LIMIT). Raises TemplateError.
    """
    if len(source) > limit:
        raise TemplateError(f"The template has {len(source)} characters: shorten it to {limit} at most.")
    render(source, _SAMPLE)
    render(source, {})


def render(source: str, values: Mapping[str, object]) -> str:
    """The text of a template for these values, of which one that is missing, None or blank renders empty.

    `values` holds the fixed variables and `contact`, a mapping of CONTACT_FIELDS to plain values (text, numbers,
    dates); anything else in it is ignored. Raises TemplateError, TypeError for a value that is not plain.
    """
    parts = _parts(source)
    if parts is not None and (text := _joined(parts, values)) is not None:
        return text
    template = _compiled(source)
    contact = values.get("contact") or {}
    if not isinstance(contact, Mapping):
        raise TypeError(f"contact is a {type(contact).__name__}: pass a mapping of its fields.")
    scope: dict[str, object] = {name: _plain(values.get(name)) for name in FIXED_VARIABLES}
    scope["contact"] = {field: _plain(contact.get(field)) for field in CONTACT_FIELDS}
    try:
        return template.render(**scope)
    except _FAILURES as failure:
        raise TemplateError(_explain(failure)) from failure


@lru_cache(maxsize=1024)
def _parts(source: str) -> tuple[tuple[str, str], ...] | None:
    """Words and the names of values between them, of a template that says no more than that; None for any other.

    Most titles are such: they need no Liquid, and take a tenth of its time.
    """
    _compiled(source)
    pieces = _PLACES.split(source)
    if any("{{" in words or "{%" in words for words in pieces[::2]):
        return None
    return tuple(zip(pieces[::2], [*pieces[1::2], ""], strict=True))


def _joined(parts: tuple[tuple[str, str], ...], values: Mapping[str, object]) -> str | None:
    """The text, when each value is a text or absent and the whole is not long: of anything else Liquid knows more."""
    contact = values.get("contact") or {}
    if not isinstance(contact, Mapping):
        return None
    said = []
    for words, name in parts:
        said.append(words)
        if not name:
            continue
        of, _, field = name.rpartition(".")
        value = contact.get(field) if of else values.get(field)
        if isinstance(value, str):
            said.append(str(value) if value.strip() else "")
        elif value is not None:
            return None
    text = "".join(said)
    return text if len(text) <= _OUTPUT_LIMIT else None


_PLACES = re.compile(r"\{\{\s*((?:contact\.)?[a-z_]+)\s*\}\}")


def render_title(source: str, values: Mapping[str, object], *, fallback: str) -> str:
    """A task title: one line, never empty (the fallback, else "Task"), at most 255 characters, none cut in two.

    Raises as `render` does.
    """
    for text in (render(source, values), fallback):
        title = _one_line(text)
        if any(unicodedata.category(character)[0] not in "CZ" for character in title):
            return _cut(title, TITLE_LENGTH)
    return "Task"


def outline(source: str) -> str:
    """The words of a template with … where values come; one that is values alone stays as it is. Not checked."""
    words = _one_line(_OUTPUTS.sub("…", _BLOCKS.sub("", source)))
    return words if any(character.isalnum() for character in words) else _one_line(source)


_OUTPUTS, _BLOCKS = re.compile(r"\{\{.*?\}\}", re.DOTALL), re.compile(r"\{%.*?%\}", re.DOTALL)


class _Environment(Environment):
    """Liquid with bounded work, without its clock and without tags that load other templates."""

    loop_iteration_limit = _LOOP_LIMIT
    output_stream_limit = 4 * _OUTPUT_LIMIT
    local_namespace_limit = 8 * _OUTPUT_LIMIT
    block_nesting_limit = 10

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS}
        self.filters = {name: _bounded(name, self.filters[name]) for name in _FILTERS}
        self.filters["date"] = _date


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, stopped before it can build a huge value (replace and join multiply lengths)."""

    @wraps(function)
    def bounded(left: Any, *args: Any, **kwargs: Any) -> Any:
        if name in ("replace", "join") and len(str(left)) * max((len(str(a)) for a in args), default=0) > 1_000_000:
            raise ResourceLimitError(f"{name} makes the text too long", token=None)
        result = function(left, *args, **kwargs)
        if isinstance(result, str) and len(result) > _OUTPUT_LIMIT:
            raise ResourceLimitError(f"{name} makes the text longer than {_OUTPUT_LIMIT} characters", token=None)
        if isinstance(result, int) and abs(result) > 10**30:
            raise ResourceLimitError(f"{name} makes the number too large", token=None)
        return result

    return bounded


_any_range = RangeLiteral._make_range


def _short_range(self: RangeLiteral, start: Any, stop: Any) -> range:
    """A range, stopped before anything goes through all of it: `contains` and `reversed` do, and count as no loop."""
    made = _any_range(self, start, stop)
    if made.stop - made.start > _LOOP_LIMIT:
        raise ResourceLimitError(f"a range of more than {_LOOP_LIMIT} numbers", token=self.token)
    return made


RangeLiteral._make_range = _short_range  # type: ignore[method-assign]  # the library has no setting for it


@liquid_filter
def _date(value: object, form: str = "%Y-%m-%d") -> str:
    """A date, datetime or ISO text in strftime form; other text passes unchanged, as in Liquid."""
    if value in ("now", "today"):
        raise FilterArgumentError(
            f'"{value}" is not available: use a date of the contact or write the words', token=None
        )
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(moment, date):  # a datetime is one too
        return moment.strftime(str(form))
    return "" if value is None else str(value)


_ENVIRONMENT = _Environment(undefined=StrictDefaultUndefined)
# Beside its own errors Liquid lets some Python ones through: numbers it can't convert, nesting deeper than the stack.
_FAILURES = (LiquidError, ArithmeticError, TypeError, ValueError, LookupError, RecursionError)


@lru_cache(maxsize=1024)
def _compiled(source: str) -> BoundTemplate:
    """A parsed template that names only known variables and filters."""
    try:
        template = _ENVIRONMENT.from_string(source)
        analysis = template.analyze()
    except _FAILURES as failure:
        raise TemplateError(_explain(failure)) from failure
    for uses in analysis.globals.values():
        for use in uses:
            if not _known(list(use.segments)):
                raise TemplateError(f"Unknown variable {use}: use one of {_KNOWN}.")
    for name in analysis.filters:
        if name not in _ENVIRONMENT.filters:
            raise TemplateError(f"Unknown filter {name!r}: use one of {', '.join(sorted(_ENVIRONMENT.filters))}.")
    return template


def _known(segments: list[object]) -> bool:
    if len(segments) == 1:
        return segments[0] in FIXED_VARIABLES
    return len(segments) == 2 and segments[0] == "contact" and segments[1] in CONTACT_FIELDS


def _explain(failure: Exception) -> str:
    if isinstance(failure, RecursionError):
        return "The template is nested too deeply: make it simpler."
    if not isinstance(failure, LiquidError):
        return f"The template can't be rendered ({failure}): change the filter or value that it concerns."
    context = failure.context()
    place = f"Line {context[0]}, column {context[1] + 1}: " if context else ""
    if isinstance(failure, ResourceLimitError):
        return f"{place}the template does too much ({failure.message}): make it shorter or loop less."
    return f"{place}{failure.message}. Mend the template there."


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float, Decimal, date)):
        return value
    if isinstance(value, str):
        return str(value) if value.strip() else ""
    raise TypeError(f"A template value is a {type(value).__name__}: pass text, a number or a date.")


def _one_line(text: str) -> str:
    """Without control characters (a database refuses NUL), each run of white space one space."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())


def _cut(text: str, length: int) -> str:
    """At most `length` code points, not parting what a reader sees as one character (accents, joined emoji)."""
    if len(text) <= length:
        return text
    end = next((place for place in _breaks(text, length)), length)
    return text[:end].rstrip()


def _breaks(text: str, end: int) -> Iterator[int]:
    """Places at or before `end`, nearest first, between two visible characters: Unicode Annex 29 in short."""
    for place in range(end, 0, -1):
        after, before = text[place], text[place - 1]
        extends = unicodedata.category(after)[0] == "M" or after == "\u200d" or "\U0001f3fb" <= after <= "\U0001f3ff"
        flags = place - len(text[:place].rstrip(_FLAG_LETTERS))
        if not extends and before != "\u200d" and not (after in _FLAG_LETTERS and flags % 2):
            yield place


_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))  # two of these make one flag
