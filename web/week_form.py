"""A working week as one types it: a line of times for each weekday, such as 9:00-12:30, 13:30-17:00."""

import re
from collections.abc import Iterable
from datetime import time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from people import timetables

DASH = "\N{EN DASH}"
_STRETCH = re.compile(rf"\s*(\d{{1,2}})(?:[:.](\d{{2}}))?\s*(?:-|{DASH}|to)\s*(\d{{1,2}})(?:[:.](\d{{2}}))?\s*")


def told(spans: Iterable[Any], weekday: int) -> str:
    """The times of one weekday (0 is Monday) as they are typed; empty for none."""
    own = sorted((span for span in spans if span.weekday == weekday), key=lambda span: span.starts)
    return ", ".join(f"{span.starts:%H:%M}{DASH}{span.ends:%H:%M}" for span in own)


def stretches(text: str) -> list[tuple[time, time]]:
    """What somebody typed, as starts and ends. Raises ValidationError with how to write it."""
    return [_stretch(part) for part in text.split(",") if part.strip()]


def _stretch(text: str) -> tuple[time, time]:
    found = _STRETCH.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        hour, minute, until, last = (int(part or 0) for part in found.groups())
        return time(hour, minute), time(0) if (until, last) == (24, 0) else time(until, last)
    except ValueError:
        why = _("Write times such as 9:00-17:00, with a comma between several.")
        raise ValidationError(why, code="times") from None


class WeekForm(forms.Form):
    """`spans` are the rows of the whole week, as `people.timetables` takes them; none of them is a usual week."""

    def __init__(self, data: Any = None, *, spans: Iterable[Any] = ()) -> None:
        super().__init__(data, prefix="week")
        known = list(spans)
        for weekday, name in WEEKDAYS.items():
            self.fields[str(weekday)] = forms.CharField(
                label=name,
                required=False,
                max_length=100,
                initial=told(known, weekday),
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )

    def clean(self) -> dict[str, Any]:
        spans = []
        for weekday in WEEKDAYS:
            try:
                found = stretches(self.cleaned_data.get(str(weekday), ""))
            except ValidationError as wrong:
                self.add_error(str(weekday), wrong)
            else:
                spans += [{"weekday": weekday, "starts": starts, "ends": ends} for starts, ends in found]
        return {"spans": spans}

    def refuse(self, wrong: timetables.BadRow) -> None:
        """Says at its weekday what is wrong with one of the spans."""
        spans = self.cleaned_data["spans"]
        self.add_error(str(spans[wrong.number]["weekday"]), str(wrong))
