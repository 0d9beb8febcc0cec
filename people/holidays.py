"""Public holidays by country and region, worked out a year at a time, and the days off that follow for a person."""

import warnings
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType

import holidays as library
from django.core.exceptions import ValidationError

VERSION: str = library.__version__
"""Of the tables: another one may know other holidays."""


@lru_cache(maxsize=1)
def _countries() -> Mapping[str, tuple[str, ...]]:
    supported = library.list_supported_countries(include_aliases=True)
    return {code: tuple(regions) for code, regions in sorted(supported.items()) if len(code) == 2}


def countries() -> tuple[str, ...]:
    """The two-letter codes of all countries whose holidays are known."""
    return tuple(_countries())


def regions(country: str) -> tuple[str, ...]:
    """The codes of a country's regions that have holidays of their own; none for a country that is not known."""
    return _countries().get(country, ())


def validate_country(code: str) -> None:
    """Accepts an empty code (no public holidays, or the team's) or a country's. Raises ValidationError."""
    if code and code not in _countries():
        raise ValidationError(
            f"{code!r} is no country whose holidays are known; write its two-letter code, such as DE.", code="country"
        )


def validate_region(code: str, country: str | None = None) -> None:
    """Accepts an empty code or a region of `country`, of any country when that is left out. Raises ValidationError.

    A region of an empty country is refused: it would mean nothing.
    """
    if not code:
        return
    if country == "":
        raise ValidationError(f"The region {code!r} needs its country: write that too, such as DE.", code="region")
    known = regions(country) if country is not None else {code for all_of in _countries().values() for code in all_of}
    if code not in known:
        where = f"of {country}" if country else "of any country"
        hint = f"use one of {', '.join(known)}" if country and known else "leave it empty"
        raise ValidationError(f"{code!r} is no region {where} with holidays of its own; {hint}.", code="region")


def validate(country: str, region: str, *, team_country: str = "") -> None:
    """Both codes together, as they stand on a team or a person; a person's region may be of the team's country.

    Raises ValidationError that names the field.
    """
    for name, check in (
        ("country", lambda: validate_country(country)),
        ("region", lambda: validate_region(region, country or team_country)),
    ):
        try:
            check()
        except ValidationError as failure:
            raise ValidationError({name: failure}) from failure


@lru_cache(maxsize=4096)
def names(country: str, region: str, year: int) -> Mapping[date, str]:
    """The public holidays of one year with their names; none for a country that is not known.

    A region that is not known has its country's, so a code written by hand past the checks stops nothing.
    """
    if country not in _countries():
        return MappingProxyType({})
    subdivision = region if region in regions(country) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some tables end in 2035, which nobody here can mend
        found = library.country_holidays(country, subdiv=subdivision, years=year, expand=False)
    return MappingProxyType(dict(sorted(found.items())))


def effective(*, country: str, region: str, team_country: str, team_region: str) -> tuple[str, str]:
    """Whose holidays count for a person: their own country with their own region, else the team's of both.

    A region alone is one of the team's country.
    """
    if country:
        return country, region
    return team_country, region or team_region


@dataclass(frozen=True)
class DaysOff:
    """Days on which somebody does not work: stretches away, and the public holidays of a place.

    Holds a date or not (`day in days_off`), so only the years asked about are worked out. Make it with `days_off`.
    """

    starts: tuple[date, ...] = ()
    ends: tuple[date, ...] = ()
    country: str = ""
    region: str = ""

    def __contains__(self, day: object) -> bool:
        if not isinstance(day, date):
            return False
        before = bisect_right(self.starts, day)
        if before and day <= self.ends[before - 1]:
            return True
        return bool(self.country) and day in names(self.country, self.region, day.year)


def days_off(away: Iterable[tuple[date, date]], *, country: str = "", region: str = "") -> DaysOff:
    """Stretches (first and last day, both included, in any order, overlapping or not) and a place as days off."""
    joined: list[tuple[date, date]] = []
    for starts, ends in sorted(away):
        if joined and (starts - joined[-1][1]) <= timedelta(days=1):
            joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
        else:
            joined.append((starts, ends))
    return DaysOff(tuple(one for one, _ in joined), tuple(one for _, one in joined), country, region)
