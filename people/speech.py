"""What the rooms said in English, in the language of whoever reads it.

Reasons, notices and refusals are kept and answered as English sentences, the same for everybody; pages and letters say
them in the reader's language. The catalogue holds each with its fields (`{name} owns the contact.`), under a context of
its own: a sentence is found by its fixed words, and its fields are said in turn. What it does not hold stays as it is,
and so does what people wrote: whatever stands in quotation marks, and the fields called name or title.
"""

import re
from datetime import date, datetime
from functools import cache, lru_cache
from typing import NamedTuple

from django.conf import settings
from django.utils import dateformat, formats
from django.utils.dates import MONTHS_AP
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext, override, pgettext, pgettext_lazy
from django.utils.translation.trans_real import translation

from people.models import User

CONTEXT = "said"
COLUMN = "column"
"""The context of the heads of files."""
_KEY = f"{CONTEXT}\4"
_FIELD = re.compile(r"\{(\w*)(?::([^{}]*))?\}")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_FIGURE = re.compile(rf"({_NUMBER.pattern})( ?)(.+)", re.DOTALL)
_UNITS = ("h", "min", "s", "%", "h/h", "MB", "MiB")
_QUOTED = re.compile("“([^“”]*)”")
_BREAK = re.compile(r"(?<=[.!?]) (?=\S)")
_JOINTS = ("\n", "; ", ", ", " and ", " or ", " + ", ": ")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], start=1
    )
}
_WRITTEN = re.compile(r"(display_|user|file_)?name\d?|title\d?|email|phone|error|unseal|url|base_url")
_DAYS = {
    "j M": pgettext_lazy("date", "j M"),
    "j N": pgettext_lazy("date", "j N"),
    "j F": pgettext_lazy("date", "j F"),
    "D j M": pgettext_lazy("date", "D j M"),
    "D j N": pgettext_lazy("date", "D j N"),
    "l j M": pgettext_lazy("date", "l j M"),
    "l j F": pgettext_lazy("date", "l j F"),
    "j": pgettext_lazy("date", "j"),
}
_DAY = re.compile("|".join(sorted(_DAYS, key=len, reverse=True)))
_FORMS = {
    "%a": r"[A-Z][a-z]{2}",
    "%b": r"[A-Z][a-z]{2}",
    "%B": r"[A-Z][a-z]+",
    "%d": r"\d\d",
    "%m": r"\d\d",
    "%H": r"\d\d",
    "%M": r"\d\d",
    "%Y": r"\d{4}",
}
_DATED = re.compile("%[a-zA-Z]")
_FEWEST = 8
"""Fixed letters of a template that begins with a field: with fewer, such as ` is `, it would match too much."""
_FEWEST_AT_START = 4
_BARE = 20
_OPENING = ("“", "'", '"')


class Template(NamedTuple):
    """A sentence with fields, as it is found, and what it is in the other language."""

    pattern: re.Pattern[str]
    words: tuple[str, ...]
    fields: tuple[tuple[str, str, bool], ...]
    """Name, format, and whether people wrote it."""
    answer: str
    breaks: bool

    @property
    def is_bare(self) -> bool:
        """Whether it has so few words of its own, as `{field} is not {value}`, that other sentences hold them too."""
        return sum(map(len, self.words)) < _BARE


def to(reader: User) -> override:
    """Within it all is said in the language of whoever it is sent to, and after it again in the one from before."""
    return override(reader.own_language or settings.LANGUAGE_CODE)


def dated(at: date, form: str) -> str:
    """A date or an aware time by `form` (Django's letters, as English has it), in the order and with the points of the
    language: `D j M` is Mon 30 Nov, and Mo, 30. Nov.
    """
    return dateformat.format(at, _DAY.sub(lambda day: str(_DAYS[day[0]]), form))


def said(text: object) -> str:
    """The sentence in the language that is active; whatever the catalogue does not hold comes back as it is."""
    words, language = str(text), get_language()
    if not words or language is None or language.startswith("en"):
        return words
    return _said(words, language)


def word(text: object) -> str:
    """The same of a label alone: for lists in which names that people gave stand beside it."""
    words = str(text)
    return words if (get_language() or "en").startswith("en") else (_word(words) or words)


def head(column: str) -> str:
    """The head of a file's column, which the rooms name in English."""
    return pgettext(COLUMN, column)


@lru_cache(maxsize=8192)
def _said(text: str, language: str) -> str:
    with override(language):
        return _sentences(text, language)


def _sentences(text: str, language: str) -> str:
    found = _word(text)
    if found is None and _BREAK.search(text):
        found = _matched(text, language, breaks=True)
        if found is None:
            parts = [_part(part, language) for part in _BREAK.split(text)]
            whole = _matched(text, language) if None in parts else None
            found = whole or " ".join(
                part if part is not None else own for part, own in zip(parts, _BREAK.split(text), strict=True)
            )
    return found if found is not None else (_part(text, language) or text)


def _part(text: str, language: str) -> str | None:
    """A sentence or a piece of one; None when it is unknown."""
    if quoted := _QUOTED.fullmatch(text):
        return pgettext("said", "“{quoted}”").format(quoted=quoted[1])
    found = _word(text)
    if found is None:
        found = _matched(text, language)
    if found is None and text.endswith((".", ":")) and (bare := _part(text[:-1], language)) is not None:
        found = bare.removesuffix(".") + text[-1]
    if found is None and text.startswith("(") and text.endswith(")"):
        inner = _part(text[1:-1], language)
        found = None if inner is None else f"({inner})"
    return found or _listed(text, language) or _figure(text, language)


def _word(text: str) -> str | None:
    """One that the catalogue holds as it is; a label also where it begins small."""
    for own in dict.fromkeys((text, capfirst(text))):
        if (found := pgettext(CONTEXT, own)) != own or (found := gettext(own)) != own:
            return found
    if text in _MONTHS:
        return capfirst(str(MONTHS_AP[_MONTHS[text]]))
    return text if text in _alike(get_language() or "") else None


def _figure(text: str, language: str) -> str | None:
    """A number, alone or with what is counted."""
    if _NUMBER.fullmatch(text):
        return _number(text)
    match = _FIGURE.fullmatch(text)
    if match is None:
        return None
    number, gap, rest = match.groups()
    if rest in _UNITS:
        return f"{_number(number)}\N{NO-BREAK SPACE}{rest}"
    told = _part(rest, language)
    return None if told is None else f"{_number(number)}{gap}{told}"


def _listed(text: str, language: str) -> str | None:
    """Several of them in a row."""
    for between in _JOINTS:
        pieces = text.split(between)
        if len(pieces) > 1:
            told = [_part(piece, language) for piece in pieces]
            if any(one is not None for one in told) and all(
                one is not None or _may_be_a_name(piece) for one, piece in zip(told, pieces, strict=True)
            ):
                joint = f" {_word(between.strip())} " if between.strip().isalpha() else between
                return joint.join(piece if one is None else one for piece, one in zip(pieces, told, strict=True))
    return None


def _matched(text: str, language: str, *, breaks: bool = False) -> str | None:
    for longest, one in _templates(language):
        if longest in text and one.breaks >= breaks and (match := one.pattern.fullmatch(text)):
            if one.is_bare and not all(
                written or _part(value.strip(), language) is not None or _may_be_a_name(value)
                for value, (_, _, written) in zip(match.groups(), one.fields, strict=True)
            ):
                continue
            return _filled(one, match.groups(), language)
    return None


def _may_be_a_name(text: str) -> bool:
    """What may stand in a sentence untranslated: a value, a name, what is quoted; not a piece of another sentence."""
    words = text.split()
    return len(words) < 2 or text.startswith(_OPENING) or not any(word[0].islower() for word in words)


def _filled(template: Template, values: tuple[str, ...], language: str) -> str:
    given = {name: (value, spec, written) for (name, spec, written), value in zip(template.fields, values, strict=True)}

    def fill(field: re.Match[str]) -> str:
        value, spec, written = given[field[1]]
        if written or not value:
            return value
        if _DATED.search(spec):
            return _date(value, spec, field[2] or "")
        lead, tail = len(value) - len(value.lstrip()), len(value.rstrip())
        return value[:lead] + _sentences(value.strip(), language) + value[tail:] if value.strip() else value

    def point_once(field: re.Match[str]) -> str:
        """A month's own point is the sentence's too."""
        told = fill(field)
        ends = told.endswith(".") and not given[field[1]][0].endswith(".")
        return told[:-1] if ends and template.answer.startswith(".", field.end()) else told

    return _FIELD.sub(point_once, template.answer)


def _date(value: str, spec: str, told: str) -> str:
    """A date or time by the form that the translation names, in Django's letters."""
    if spec in ("%a", "%b"):
        return _word(value) or value
    return dateformat.format(datetime.strptime(value, spec), told) if told else value  # noqa: DTZ007


def _number(text: str) -> str:
    sign = text[0] if text[:1] in "+-" else ""
    whole, point, rest = text.removeprefix(sign).replace(",", "").partition(".")
    grouped = "," in text
    return sign + formats.number_format(
        f"{whole}{point}{rest}", decimal_pos=len(rest), use_l10n=True, force_grouping=grouped
    )


@cache
def _templates(language: str) -> tuple[tuple[str, Template], ...]:
    """Those of the catalogue that have fields, each with the longest of its fixed words; the fullest ones first."""
    found = []
    for key, answer in translation(language)._catalog.items():  # type: ignore[attr-defined]
        if isinstance(key, str) and key.startswith(_KEY) and _FIELD.search(key):
            one = _template(key.removeprefix(_KEY), answer)
            fixed = sum(map(len, one.words))
            begins = key[len(_KEY)].isalpha() and fixed >= _FEWEST_AT_START
            if begins or fixed >= _FEWEST or any(spec for _, spec, _ in one.fields):
                found.append(one)
    found.sort(key=lambda one: (-sum(map(len, one.words)), len(one.fields), one.pattern.pattern))
    return tuple((max(one.words, key=len), one) for one in found)


@cache
def _alike(language: str) -> frozenset[str]:
    """The words that are the same in both languages."""
    items = translation(language)._catalog.items()  # type: ignore[attr-defined]
    return frozenset(
        key.removeprefix(_KEY) for key, answer in items if isinstance(key, str) and key.removeprefix(_KEY) == answer
    )


def _template(text: str, answer: str) -> Template:
    pattern, fields, words, last = "", [], [], 0
    for field in _FIELD.finditer(text):
        name, spec, fixed = field[1], field[2] or "", text[last : field.start()]
        pattern += f"{re.escape(fixed)}({_form(spec)})"
        fields.append((name, spec, fixed.endswith(_OPENING) or bool(_WRITTEN.fullmatch(name))))
        words.append(fixed)
        last = field.end()
    words.append(text[last:])
    whole = re.compile(pattern + re.escape(text[last:]), re.DOTALL)
    return Template(whole, tuple(words), tuple(fields), answer, bool(re.search(r"[.!?] [^a-z]", text)))


def _form(spec: str) -> str:
    """What a field of this format looks like."""
    if _DATED.search(spec):
        return _DATED.sub(lambda one: _FORMS[one[0]], spec)
    return (r"[+-]?[\d.,]+" if spec else ".*?") + ("%" if spec.endswith("%") else "")
