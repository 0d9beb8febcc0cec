"""What an admin's points make of a lead, and what may be asked of one at all."""

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Value = str | float | bool | None
Features = Mapping[str, Value]

ENGAGEMENT = "engagement"
"""The feature that holds what `engagement` says; it counts as so many points, without a rule."""
DID = "did:"
"""Before a kind of event, in the field of a rule: so many points each time, which fade. They are in ENGAGEMENT."""
HALF_LIFE_DAYS = 14

_PERSONAL = frozenset(
    {
        *("age", "agegroup", "birthdate", "birthday", "dateofbirth", "yearofbirth"),
        *("alter", "altersgruppe", "geburtsdatum", "geburtstag"),
        *("salutation", "anrede", "mr", "mrs", "ms", "herr", "frau", "man", "men", "mann", "männer", "divers"),
        *("race", "black", "white", "name", "firstname", "givenname", "middlename", "lastname", "familyname"),
        *("surname", "fullname", "vorname", "nachname", "maritalstatus", "single", "widow", "mother", "father"),
        *("mutter", "vater", "parent", "eltern", "children", "kinder", "cancer", "krebs", "diabetes", "depression"),
    }
)
"""Personal where they are all that is said; in "company age" or "black friday" they are not."""
_ALWAYS = frozenset(
    {
        *("gender", "sex", "geschlecht", "female", "male", "woman", "women", "weiblich", "männlich", "maennlich"),
        *("frauen", "nonbinary", "nichtbinär", "transgender", "sexual", "sexuality", "sexualität", "gay", "lesbian"),
        *("homosexual", "heterosexual", "bisexual", "schwul", "lesbisch", "homosexuell", "heterosexuell", "bisexuell"),
        *("nationality", "citizenship", "ethnic", "ethnicity", "racial", "hispanic", "latino", "latina", "caucasian"),
        *("nationalität", "nationalitaet", "staatsangehörigkeit", "staatsangehoerigkeit", "ethnie", "ethnisch"),
        *("ethnische", "herkunftsland", "migrationshintergrund"),
        *("religion", "religious", "religiös", "konfession", "konfessionslos", "muslim", "muslima", "moslem", "islam"),
        *("muslimisch", "christian", "christlich", "catholic", "protestant", "katholisch", "evangelisch", "jewish"),
        *("jew", "jüdisch", "juedisch", "hindu", "buddhist", "atheist"),
        *("pregnant", "pregnancy", "schwanger", "schwangerschaft", "disability", "disabled", "handicapped", "hiv"),
        *("behindert", "behinderung", "schwerbehindert", "illness", "krank", "krankheit", "diabetic"),
        *("marital", "married", "unmarried", "divorced", "widowed", "familienstand", "verheiratet", "unverheiratet"),
        *("ledig", "geschieden", "verwitwet"),
    }
)
"""Personal wherever they stand as a word."""
_PART, _WORD = re.compile(r"[.:=/]"), re.compile(r"[\W\d_]+")


@dataclass(frozen=True)
class PointRule:
    """So many points for a field that is `equals`, or a number of `at_least`; for one that is known, if neither is.

    Of a field that begins with DID they are for each event of that kind, and fade.
    """

    field: str
    points: float
    equals: str | None = None
    at_least: float | None = None

    def holds(self, value: Value) -> bool:
        if value is None:
            return False
        if self.equals is not None:
            return str(value) == self.equals
        if self.at_least is None:
            return True
        number = number_of(value)
        return number is not None and number >= self.at_least


def is_personal(field: str) -> bool:
    """Whether a field or tag tells a trait of the person, which is never scored.

    Age, gender, origin, belief, health, family and name are known by their usual English and German words, as a field
    ("contact.age"), its value ("gender:female") or the value alone.
    """
    for part in _PART.split(unicodedata.normalize("NFC", field).lower()):
        words = [word for word in _WORD.split(part) if word]
        if "".join(words) in _PERSONAL | _ALWAYS or not _ALWAYS.isdisjoint(words):
            return True
    return False


def engagement(events: Iterable[tuple[float, float]]) -> float:
    """The sum of what a contact did, each (weight, age in days), halved every 14 days; the future does not count."""
    return math.fsum(weight * 0.5 ** (age / HALF_LIFE_DAYS) for weight, age in events if age >= 0)


def weights(rules: Iterable[PointRule]) -> dict[str, float]:
    """By kind of event what `engagement` is to weigh it with."""
    return {rule.field.removeprefix(DID): rule.points for rule in rules if rule.field.startswith(DID)}


def points(leads: Sequence[Features], rules: Sequence[PointRule]) -> dict[str, Floats]:
    """For each field that can have points those of every lead, in their order; all rules that hold count.

    What leads did is in their engagement already, by what `weights` says.
    """
    found = {ENGAGEMENT: np.array([number_of(lead.get(ENGAGEMENT)) or 0.0 for lead in leads])}
    for rule in rules:
        if rule.field.startswith(DID):
            continue
        held = np.array([rule.holds(lead.get(rule.field)) for lead in leads])
        found[rule.field] = found.get(rule.field, 0.0) + rule.points * held
    return found


def number_of(value: Value) -> float | None:
    """None for words, yes and no, and what is no number."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
