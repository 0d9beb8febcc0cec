"""Numbers as people write them into forms: 1,5 or 1.5, whichever language they read."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import formats
from django.utils.translation import gettext as _

_SPACES = re.compile(r"[\s'\N{RIGHT SINGLE QUOTATION MARK}]+")
_PLAIN = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)", re.ASCII)
_EITHER_WAY = re.compile(r"[-+]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(?:(?:,\d{3})+(?:\.\d*)?|(?:\.\d{3})+(?:,\d*)?)", re.ASCII)


class Unclear(ValueError):
    """It may be read in two ways, or in none; the message says how to write it."""


def read(text: str) -> Decimal:
    """The number that is meant. Raises Unclear.

    A comma and a point are the same before decimals, in every language: people type what their keyboard has. Both
    together, or one of them several times, part thousands (1.234,5 and 1,234.5, 1.234.567). One alone before exactly
    three digits, as in 1,500, is a thousand to some and one and a half to others: that is refused, not guessed.
    """
    bare = _SPACES.sub("", text).replace("\N{MINUS SIGN}", "-")
    if _EITHER_WAY.fullmatch(bare):
        digits = re.sub("[.,]", "", bare)
        whole, _point, rest = re.split("([.,])", bare)
        decimals = rest.rstrip("0")
        ways = {
            "number": text.strip(),
            "whole": digits,
            "part": formats.number_format(Decimal(f"{whole}.{decimals}" if decimals else whole)),
        }
        if decimals and len(decimals) == len(rest):  # three decimals that count stay clear with a fourth
            ways["part"] += "0"
        raise Unclear(_("%(number)s may be read in two ways: write %(whole)s or %(part)s.") % ways)
    if _PLAIN.fullmatch(bare):
        return Decimal(bare.replace(",", "."))
    if _GROUPED.fullmatch(bare):
        decimal = bare[max(bare.rfind("."), bare.rfind(","))]
        if bare.count(decimal) == 1:
            bare = bare.replace("," if decimal == "." else ".", "")
            return Decimal(bare.replace(",", "."))
        return Decimal(re.sub("[.,]", "", bare))
    raise Unclear(_("Write a number, such as %(number)s.") % {"number": formats.number_format(Decimal("1.5"))})


def written(value: Any) -> str:
    """A number as `read` takes it back, with the reader's decimal sign and nothing to part thousands."""
    plain = f"{Decimal(str(value)).normalize():f}"
    whole, _point, decimals = plain.partition(".")
    decimals += "0" if len(decimals) == 3 else ""
    return str(formats.number_format(f"{whole}.{decimals}" if decimals else whole, use_l10n=True))


class NumberField(forms.DecimalField):
    """A decimal number, read by `read` and shown by `written`.

    A text field, for a browser takes in a number field only what its own language has, and sends nothing of the rest.
    """

    widget = forms.TextInput

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """None of a number field's."""
        return forms.Field.widget_attrs(self, widget)

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            return read(str(value))
        except Unclear as unclear:
            raise ValidationError(str(unclear), code="invalid") from None

    def prepare_value(self, value: Any) -> Any:
        """What was typed stays as it was typed."""
        return written(value) if isinstance(value, Decimal | float | int) else value
