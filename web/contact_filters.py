"""What narrows and orders the list of contacts, as it stands in the address."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Q
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from crm import consent
from crm.models import Contact, ContactQuerySet
from people.models import User
from web import paging

ME, NOBODY = "me", "none"
NONE, OWN = "none", "days"
"""Of cadences: none at all, and every so many days."""
OK, OUT = "ok", "out"
CONSENTS = {
    OK: _("May be written to"),
    OUT: _("Opted out"),
    consent.UNSUBSCRIBED: _("Unsubscribed"),
    consent.COMPLAINED: _("Complained"),
    consent.BOUNCED: _("Mail bounces"),
    consent.DO_NOT_CONTACT: _("Do not contact"),
}
NEVER = "never"
QUIETS = {
    "7": _("Quiet for 7 days"),
    "14": _("Quiet for 14 days"),
    "30": _("Quiet for 30 days"),
    "90": _("Quiet for 90 days"),
    NEVER: _("Never heard of"),
}
CADENCES = {NONE: _("No cadence"), **dict(Contact.CADENCES), OWN: _("Every so many days")}
NAME, SCORE, HEARD, NEWEST = "", "score", "heard", "newest"
SORTS = {NAME: _("By name"), SCORE: _("Highest score"), HEARD: _("Last heard of"), NEWEST: _("Newest")}
SILENT = "silent"
"""Where the cursor stands once all of whom something was heard are shown."""
MOST_SCORE = 2**31 - 1

_OPTED_OUT = reduce(
    or_, (Q(**{f"{column}__isnull": False}) for column in consent.COLUMN.values()), Q(do_not_contact=True)
)


@dataclass(frozen=True)
class Filters:
    q: str = ""
    status: str = ""
    owner: str = ""
    cadence: str = ""
    score: str = ""
    consent: str = ""
    quiet: str = ""
    sort: str = NAME

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """What stands in the address; what is nonsense narrows nothing."""
        owner, score = query.get("owner", ""), query.get("score", "").strip()
        return cls(
            q=query.get("q", "").strip().replace("\0", "")[:100],
            status=_one_of(query.get("status"), dict(Contact.STATUSES)),
            owner=owner if owner in (ME, NOBODY) or _is_id(owner) else "",
            cadence=_one_of(query.get("cadence"), CADENCES),
            score=score if score.isdecimal() and int(score[:11]) <= MOST_SCORE else "",
            consent=_one_of(query.get("consent"), CONSENTS),
            quiet=_one_of(query.get("quiet"), QUIETS),
            sort=_one_of(query.get("sort"), SORTS),
        )

    def given(self) -> dict[str, str]:
        """Those that are not as they are without any."""
        return {name: value for name, value in vars(self).items() if value}

    @property
    def narrows(self) -> bool:
        return bool(set(self.given()) - {"sort"})

    def narrow(self, rows: ContactQuerySet, user: User, now: datetime) -> ContactQuerySet:
        if self.q:
            rows = rows.found_by(self.q)
        if self.status:
            rows = rows.filter(status=self.status)
        if self.owner:
            rows = rows.filter(owner_id=None if self.owner == NOBODY else self.owner_id(user))
        if self.cadence:
            rows = rows.filter(_of_cadence(self.cadence))
        if self.score:
            rows = rows.filter(lead_score__gte=int(self.score))
        if self.consent:
            rows = rows.filter(_of_consent(self.consent))
        return rows.filter(_quiet(self.quiet, now)) if self.quiet else rows

    def owner_id(self, user: User) -> int | None:
        """Whose contacts they are to be; None for anybody's, and for nobody's."""
        if self.owner == ME:
            return user.pk
        return int(self.owner) if _is_id(self.owner) else None

    def page(self, rows: ContactQuerySet, cursor: str) -> paging.Page:
        """One page in the order asked for, each by an index."""
        if self.sort == SCORE:
            return paging.of(rows, "-lead_score", "-id", cursor=cursor)
        if self.sort == NEWEST:
            return paging.of(rows, "-id", cursor=cursor)
        return _by_last_activity(rows, cursor) if self.sort == HEARD else paging.of(rows, "name", "id", cursor=cursor)


def _by_last_activity(rows: ContactQuerySet, cursor: str) -> paging.Page:
    """Of whom something was heard, the last one first; then the others, the newest first."""
    stage, _colon, rest = cursor.partition(":")
    silent = rows.filter(last_activity_at__isnull=True)
    if stage != SILENT:
        heard = rows.filter(last_activity_at__isnull=False)
        found = paging.of(heard, "-last_activity_at", "-id", cursor=cursor)
        if found.next:
            return found
        if found.rows:
            return paging.Page(found.rows, f"{SILENT}:" if silent.exists() else "", found.first)
    found = paging.of(silent, "-id", cursor=rest)
    return paging.Page(found.rows, f"{SILENT}:{found.next}" if found.next else "", stage != SILENT)


def _of_cadence(word: str) -> Q:
    if word == NONE:
        return Q(contact_cadence="")
    return Q(contact_cadence__startswith="days:") if word == OWN else Q(contact_cadence=word)


def _of_consent(word: str) -> Q:
    if word in (OK, OUT):
        return _OPTED_OUT if word == OUT else ~_OPTED_OUT
    column = consent.COLUMN.get(word)
    return Q(**{f"{column}__isnull": False}) if column else Q(do_not_contact=True)


def _quiet(word: str, now: datetime) -> Q:
    """Those made since then have not been quiet for so long."""
    if word == NEVER:
        return Q(last_activity_at__isnull=True)
    since = now - timedelta(days=int(word))
    return Q(last_activity_at__lt=since) | Q(last_activity_at__isnull=True, created_at__lt=since)


def _is_id(word: str) -> bool:
    return word.isdecimal() and len(word) < 19


def _one_of(word: str | None, words: Container[str]) -> str:
    return word if word and word in words else ""
