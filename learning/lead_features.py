"""What is known of leads, by which they are scored: a few plain facts and what they did. No traits of the person."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery

from crm.models import Activity, Contact
from domain.learning import lead_points
from domain.learning.lead_points import DID, ENGAGEMENT, PointRule, Value
from jobs.rows import insert_new
from learning import settings
from learning.models import LeadSnapshot
from learning.settings import TAG
from people.models import Team

FADED = timedelta(days=120)
"""What is older weighs less than a four hundredth."""
FIRST_DAY = timedelta(days=1)
USUAL = (
    PointRule("mail", 10, equals="company"),
    PointRule("phone", 10, equals="known"),
    PointRule("company", 10, equals="known"),
)
"""What facts are worth as long as nobody says otherwise."""
USUAL_DEEDS = (
    PointRule(f"{DID}{Activity.EMAIL_OPENED}", 1),
    PointRule(f"{DID}{Activity.EMAIL_CLICKED}", 3),
    PointRule(f"{DID}{Activity.EMAIL_REPLIED}", 8),
    PointRule(f"{DID}{Activity.FORM_SUBMITTED}", 8),
    PointRule(f"{DID}{Activity.MEETING_BOOKED}", 10),
)
"""What a lead did is worth, which fades. What a machine did counts nothing."""
BY_HAND, KNOWN, MISSING = "by_hand", "known", "missing"
MOST_TAGS, FEWEST_TAGGED = 20, 5
"""A tag of fewer leads teaches nothing, and may name one of them, which a model would keep for ever."""
CHUNK = 1_000
FREE_MAIL = frozenset(
    {
        *("aol.com", "fastmail.com", "gmail.com", "gmx.at", "gmx.ch", "gmx.de", "gmx.net", "googlemail.com"),
        *("hotmail.com", "hotmail.de", "icloud.com", "live.com", "mail.com", "mail.ru", "me.com", "msn.com"),
        *("outlook.com", "outlook.de", "posteo.de", "proton.me", "protonmail.com", "qq.com", "t-online.de"),
        *("web.de", "yahoo.com", "yahoo.de", "yandex.com", "yandex.ru"),
    }
)


def with_deeds(rules: Sequence[PointRule]) -> tuple[PointRule, ...]:
    """The rules, with the usual ones for what a lead did where there is none of these."""
    return tuple(rules) if lead_points.weights(rules) else (*rules, *USUAL_DEEDS)


def facts_of(contact: Contact, came_by: str) -> dict[str, Any]:
    """What is known of a contact as it stands, with its tags as a list."""
    domain = contact.email.rpartition("@")[2].lower()
    return {
        "came_by": came_by,
        "mail": MISSING if not domain else "free" if domain in FREE_MAIL else "company",
        "phone": KNOWN if contact.phone else MISSING,
        "company": KNOWN if contact.company else MISSING,
        "tags": sorted({str(tag) for tag in contact.tags}) if isinstance(contact.tags, list) else [],
    }


def features(facts: Mapping[str, Any], tags: Iterable[str], engagement: float) -> dict[str, Value]:
    """The features of facts, with a yes or no for each of these tags; of unknown facts there is none."""
    own = facts.get("tags")
    told: dict[str, Value] = {name: facts.get(name) for name in ("came_by", "mail", "phone", "company")}
    told |= {f"{TAG}{tag}": None if own is None else "yes" if tag in own else "no" for tag in tags}
    return {**told, ENGAGEMENT: engagement}


def common_tags(facts: Iterable[Mapping[str, Any]], rules: Sequence[PointRule]) -> list[str]:
    """The tags worth looking at: those most leads have, and those that rules name; none that is a personal trait."""
    counts: dict[str, int] = {}
    for each in facts:
        for tag in each.get("tags") or ():
            counts[tag] = counts.get(tag, 0) + 1
    often = sorted(counts, key=lambda tag: (-counts[tag], tag))
    worth = [tag for tag in often[:MOST_TAGS] if counts[tag] >= FEWEST_TAGGED]
    chosen = {tag for tag in worth if not lead_points.is_personal(tag)}
    return sorted(chosen | {rule.field.removeprefix(TAG) for rule in rules if rule.field.startswith(TAG)})


def take_snapshots(team: Team, *, now: datetime) -> int:
    """Writes down what is known of contacts that were never looked at; how many. A part is one transaction."""
    made = 0
    while part := _snapshot_some(team, now):
        made += part
    return made


@transaction.atomic
def _snapshot_some(team: Team, now: datetime) -> int:
    settings.enter(team.pk)
    seen = LeadSnapshot.objects.filter(contact=OuterRef("pk"))
    new = list(Contact.objects.standing().filter(~Exists(seen), team=team).order_by("pk")[:CHUNK])
    origins = _came_by(new)
    rows = [LeadSnapshot(contact=one, as_of=now, features=facts_of(one, origins[one.pk])) for one in new]
    return len(insert_new(rows, returning=("contact_id",)))


def _came_by(contacts: Sequence[Contact]) -> dict[int, str]:
    """Where the first thing that happened to each came from, if that was by the end of its first day, and told by then:
    what is entered later may be what somebody learned from how it ended.
    """
    told = Activity.objects.filter(received_at__lte=OuterRef("created_at") + FIRST_DAY)
    first = told.filter(contact=OuterRef("pk")).exclude(origin=Activity.SYSTEM).order_by("occurred_at", "pk")
    rows = Contact.objects.filter(pk__in=[one.pk for one in contacts]).annotate(
        source=Subquery(first.values("source")[:1]), at=Subquery(first.values("occurred_at")[:1])
    )
    return {
        pk: source if at is not None and at <= created_at + FIRST_DAY else BY_HAND
        for pk, source, at, created_at in rows.values_list("pk", "source", "at", "created_at")
    }


def engagements(as_of: Mapping[int, datetime], rules: Sequence[PointRule]) -> dict[int, float]:
    """What contacts did, in the points of the rules, each as it was known at its own instant; those who did nothing
    are left out.

    What happened before and was told only after it is not known yet: whoever wins a lead writes down how it went.
    """
    events: dict[int, list[tuple[float, float]]] = {}
    weights = lead_points.weights(with_deeds(rules))
    ids = sorted(as_of)
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        rows = Activity.objects.filter(
            contact__in=part,
            activity_type__in=weights,
            occurred_at__gt=min(as_of[pk] for pk in part) - FADED,
            occurred_at__lte=max(as_of[pk] for pk in part),
        ).exclude(signal=Activity.MACHINE)
        for pk, kind, at, told_at in rows.values_list("contact", "activity_type", "occurred_at", "received_at"):
            if told_at > as_of[pk]:
                continue
            events.setdefault(pk, []).append((weights[kind], (as_of[pk] - at) / timedelta(days=1)))
    return {pk: lead_points.engagement(own) for pk, own in events.items()}
