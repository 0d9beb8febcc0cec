"""How a team's leads are scored: versions, learned from how earlier ones ended, or by points alone while these are few.

A lead is learned from as it stood at the end of its first day, and only if it ended later: whatever was written down
after that may give away how it ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import transaction

from domain.learning import lead_bands, lead_points, lead_score
from domain.learning.lead_points import PointRule
from domain.learning.lead_score import LABELS, Lead, Model
from learning import lead_features, settings, statuses
from learning.audited import LEARNING
from learning.lead_features import FIRST_DAY
from learning.models import LeadOutcome, LeadSnapshot, ScoreModel, TeamLearning
from people import audit
from people.models import Team, User

EVERY = timedelta(days=7)
"""A version serves this long: scores that move every day for nothing are not believed."""
KEPT = 20
"""Versions that can be gone back to."""
SLIP = timedelta(days=7)
"""A status that said won was a mistake when it is set back within that time."""


class NoSuchVersion(ValueError):
    """The team has no such version; the message says which it has."""


@dataclass(frozen=True)
class Ended:
    """How a lead ended, and as of when it is looked at. `facts` are empty where they were written down too late."""

    contact_id: int
    won: bool
    at: datetime
    as_of: datetime
    facts: dict[str, Any]


def rules_of(row: TeamLearning) -> tuple[PointRule, ...]:
    """The team's points. Of facts, and of what a lead did, the usual ones where it has none of its own; a line for a
    personal trait counts nothing.
    """
    rules = tuple(PointRule(**settings.whole(rule)) for rule in row.points)
    if len(lead_points.weights(rules)) == len(rules):
        rules = (*lead_features.USUAL, *rules)
    return tuple(rule for rule in lead_features.with_deeds(rules) if not lead_points.is_personal(rule.field))


def active(team_id: int) -> ScoreModel | None:
    return ScoreModel.objects.filter(team=team_id, active=True).first()


def train(team: Team, *, now: datetime, anyway: bool = False) -> ScoreModel | None:
    """A new version, if the active one has served its time, or points or the number of outcomes ask for one.

    It is used at once, unless a person holds on to another. None when there is nothing to renew.
    """
    mine = settings.of(team.pk)
    rules, newest = rules_of(mine), ScoreModel.objects.filter(team=team).order_by("-version").first()
    leads = _leads(ended(team, mine), rules)
    if not (anyway or newest is None or _is_due(newest, rules, leads, now)):
        return None
    model, check = lead_score.fit(leads, rules), lead_bands.check(leads, rules)
    with transaction.atomic():
        settings.enter(team.pk)
        newest = ScoreModel.objects.filter(team=team).order_by("-version").first()
        held = ScoreModel.objects.filter(team=team, active=True, held=True).exists()
        if not held:
            ScoreModel.objects.filter(team=team, active=True).update(active=False)
        made = ScoreModel.objects.create(
            team=team,
            version=newest.version + 1 if newest is not None else 1,
            made_at=now,
            kind=model.kind,
            n=model.n,
            wins=model.wins,
            data=model.as_dict(),
            check_data=asdict(check) if check is not None else None,
            active=not held,
        )
        ScoreModel.objects.filter(team=team, active=False, version__lte=made.version - KEPT).delete()
    return made


def activate(team: Team, version: int, *, by: User, now: datetime) -> ScoreModel:
    """Goes back to a version, and stays there until `release`. Raises NoSuchVersion."""
    with transaction.atomic():
        settings.enter(team.pk)
        before = active(team.pk)
        row = ScoreModel.objects.filter(team=team, version=version).first()
        if row is None:
            known = ScoreModel.objects.filter(team=team).order_by("version").values_list("version", flat=True)
            raise NoSuchVersion(
                f"There is no version {version}: use one of {', '.join(map(str, known)) or 'none yet'}."
            )
        ScoreModel.objects.filter(team=team).exclude(pk=row.pk).update(active=False, held=False)
        row.active = row.held = True
        row.save(update_fields=["active", "held"])
        _tell(team, before, row, by, now)
    return row


def release(team: Team, *, by: User, now: datetime) -> ScoreModel | None:
    """Lets the newest version, and each newer one, be used again; None where there is none yet."""
    with transaction.atomic():
        settings.enter(team.pk)
        before = active(team.pk)
        row = ScoreModel.objects.filter(team=team).order_by("-version").first()
        ScoreModel.objects.filter(team=team).update(active=False, held=False)
        if row is not None:
            row.active, row.held = True, False
            row.save(update_fields=["active", "held"])
            _tell(team, before, row, by, now)
    return row


def _tell(team: Team, before: ScoreModel | None, after: ScoreModel, by: User, now: datetime) -> None:
    """A line of the audit log: which version, and whether a person holds on to it."""
    old = {"score_version": before.version, "held": before.held} if before is not None else {}
    new = {"score_version": after.version, "held": after.held}
    LEARNING.record(TeamLearning(team=team), audit.CHANGED, by=by, now=now, before=old, after=new)


def ended(team: Team, mine: TeamLearning) -> list[Ended]:
    """The latest leads that are won or lost by the team's words, the oldest first; each by how it ended in the end.

    Who was won is won, also if given up before, and if they leave as a customer later; who was lost and not won since
    is lost. A status that is set back to an open one undoes an end, and so does a loss that of a win, except of a win
    that stood for longer than a slip lasts. Left out are those who ended within a day, since nothing was known before,
    and those who were no leads any more, as a customer from the first day.
    """
    words = dict.fromkeys(mine.won_statuses, True) | dict.fromkeys(mine.lost_statuses, False)
    rows = LeadOutcome.objects.filter(team=team, contact__merged_into__isnull=True).order_by("contact", "at", "pk")
    columns = ("contact", "is_status", "was", "word", "at", "contact__status", "contact__created_at")
    last: list[tuple[int, bool, datetime, datetime]] = []
    for pk, own in groupby(rows.values_list(*columns).iterator(), key=itemgetter(0)):
        told = list(own)
        end = _end_of([_Said(*one[1:5]) for one in told], told[0][5], words)
        if end is not None:
            last.append((pk, *end, told[0][6]))
    last.sort(key=itemgetter(2, 0))
    known = {
        row.contact_id: row
        for row in LeadSnapshot.objects.filter(contact__team=team, contact__lead_outcomes__isnull=False)
    }
    found = [_ended(*one, known.get(one[0])) for one in last]
    return [one for one in found if one.as_of < one.at][-LABELS:]


class _Said(NamedTuple):
    """A LeadOutcome, as far as it tells of an end."""

    is_status: bool
    was: str
    word: str
    at: datetime


def _end_of(told: Sequence[_Said], status: str, words: Mapping[str, bool]) -> tuple[bool, datetime] | None:
    """Whether one contact was won and when, by all that was said of it in order and the status that it has now."""
    left: list[tuple[datetime, str]] = [(one.at, one.was) for one in told if one.is_status and one.was]
    end: tuple[bool, datetime] | None = None
    for one in told:
        was = one.was if one.is_status else statuses.at(one.at, left, status)
        won = words.get(one.word) if one.is_status else one.word == LeadOutcome.WON
        stood = end is not None and end[0] and one.at - end[1] > SLIP
        if won is None:
            if was in words and not stood:
                end = None
        elif end is None:
            if was not in words:
                end = won, one.at
        elif won != end[0] and not stood:
            end = won, one.at
    return end


def _ended(pk: int, won: bool, at: datetime, created_at: datetime, known: LeadSnapshot | None) -> Ended:
    if known is not None and known.as_of < at:
        return Ended(pk, won, at, known.as_of, known.features)
    # Looked at too late: edits may have told the end by then. Where it came from is in the ledger, as it was.
    facts = {"came_by": known.features["came_by"]} if known is not None else {}
    return Ended(pk, won, at, created_at + FIRST_DAY, facts)


def _leads(rows: Sequence[Ended], rules: Sequence[PointRule]) -> list[Lead]:
    engaged = lead_features.engagements({one.contact_id: one.as_of for one in rows}, rules)
    tags = lead_features.common_tags((one.facts for one in rows), rules)
    return [Lead(lead_features.features(one.facts, tags, engaged.get(one.contact_id, 0.0)), one.won) for one in rows]


def _is_due(newest: ScoreModel, rules: Sequence[PointRule], leads: Sequence[Lead], now: datetime) -> bool:
    model, wins = Model.from_dict(newest.data), sum(lead.won for lead in leads)
    enough = min(wins, len(leads) - wins) >= lead_score.NEEDED
    others = lead_features.with_deeds(model.rules) != tuple(rules)
    return now - newest.made_at >= EVERY or others or (enough and model.kind == lead_score.RULES)
