"""When a contact answers soonest, on its page: the hour on its own clock, how sure that is, and a bar for each hour.

The bars of a whole team too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import Contact
from domain.learning import best_time
from learning import best_times, sentences, settings
from learning.models import BestTimeFit
from people.models import Team

AHEAD = timedelta(days=7)
"""Within so long the best hour is looked for: one of them is a working day."""
WIDTH, HEIGHT, GAP = 240, 48, 2
"""In units of the drawing."""
ZONES: dict[str, str | Promise] = {
    "owner": _("zone guessed: the owner's"),
    "team": _("zone guessed: the team's"),
    "phone": _("zone guessed from the phone number"),
}


@dataclass(frozen=True)
class Bar:
    """One hour of the contact's clock; `few` where nobody was tried then, so that its neighbours tell of it."""

    hour: str
    chance: float
    attempts: int
    best: bool
    few: bool
    x: str
    y: str
    width: str
    height: str


def of_contact(contact: Contact, *, now: datetime) -> dict[str, Any]:
    """What the page says of it; nothing where the team lets none be learned."""
    team = contact.team
    if not settings.of(team.pk).times:
        return {}
    found = best_times.advice(contact, team=team, start=now, within=AHEAD)
    if found is None:
        return {"best_time": {"history": 0, "needed": best_time.NEEDED, "enough": False}}
    at = found.best.astimezone(ZoneInfo(found.zone)) if found.best is not None else None
    enough = found.history >= found.needed
    return {
        "best_time": {
            "history": found.history,
            "needed": found.needed,
            "enough": enough,
            "hour": f"{at:%H}:00" if at is not None else "",
            "at": at,
            "zone": found.zone,
            "guessed": ZONES.get(found.zone_source, ""),
            "sentence": sentences.evidence_of(found, contact.name),
            "kept_out": best_time.held_out(team.pk, contact.pk),
            "bars": _bars(found.chances, found.attempts, at.hour if at is not None else None) if enough else [],
        }
    }


def of_team(team: Team) -> list[tuple[BestTimeFit, list[Bar]]]:
    """Each newest fit, with the team's hours where there is enough to choose any by."""
    return [
        (
            one.fit,
            _bars(one.chances, one.attempts, max(range(24), key=one.chances.__getitem__))
            if one.fit.attempts >= best_time.NEEDED
            else [],
        )
        for one in best_times.of_team(team)
    ]


def _bars(chances: Sequence[float], tried: Sequence[int], best: int | None) -> list[Bar]:
    step, most = WIDTH / len(chances), max(chances)
    bars = []
    for hour, (chance, attempts) in enumerate(zip(chances, tried, strict=True)):
        height = max(1.0, HEIGHT * chance / most) if most else 1.0
        bars.append(
            Bar(
                hour=f"{hour:02d}:00",
                chance=chance,
                attempts=attempts,
                best=hour == best,
                few=not attempts,
                x=f"{hour * step + GAP / 2:.1f}",
                y=f"{HEIGHT - height:.1f}",
                width=f"{step - GAP:.1f}",
                height=f"{height:.1f}",
            )
        )
    return bars
