"""Erasing a person from what was learned: nothing of it is about them any more, and reading on finds nothing again."""

from collections.abc import Iterable
from typing import Any

from crm import erase
from crm.models import Contact
from domain.learning.lead_score import Model
from domain.redaction import Redaction
from learning import settings
from learning.models import (
    BestTimeProfile,
    ContactAttempt,
    ContactScore,
    ExperimentContact,
    LeadOutcome,
    LeadSnapshot,
    ScoreModel,
    TeamLearning,
)
from learning.settings import TAG
from people.models import Change


def enter(team_id: int) -> None:
    """Keeps a reading from writing of somebody who is being erased."""
    settings.enter(team_id)


def wipe(subject: erase.Subject) -> None:
    _forget_tags(subject)
    _forget_in_snapshots(subject)
    for model in (ContactAttempt, LeadOutcome, LeadSnapshot, BestTimeProfile, ContactScore, ExperimentContact):
        model._default_manager.filter(contact__in=subject.ids).delete()


def _forget_tags(subject: erase.Subject) -> None:
    """Takes tags that tell of the person out of versions, points and other leads' reasons.

    Those are the tags that quote a name or address of theirs, and those, or their company, that nobody else has.
    """
    models = list(ScoreModel.objects.filter(team=subject.team_id))
    mine = TeamLearning.objects.filter(team=subject.team_id).first()
    points = mine.points if mine is not None else []
    learned = {rule["field"] for rule in points}
    for row in models:
        learned |= {part["field"] for part in (*row.data["cards"], *row.data["rules"])}
    fields = _telling(subject, {field for field in learned if field.startswith(TAG)})
    if not fields:
        return
    for row in models:
        row.data = Model.from_dict(row.data).without(fields).as_dict()
    ScoreModel.objects.bulk_update(models, ["data"], batch_size=erase.CHUNK)
    if mine is not None:
        mine.points = [rule for rule in points if rule["field"] not in fields]
        mine.save(update_fields=["points"])
    scores = ContactScore.objects.filter(contact__team=subject.team_id).exclude(reasons=[])
    for score in scores.only("reasons").iterator(chunk_size=erase.CHUNK):
        kept = [reason for reason in score.reasons if reason["field"] not in fields]
        if len(kept) < len(score.reasons):
            ContactScore.objects.filter(pk=score.pk).update(reasons=kept)
    lines = Change.objects.filter(team=subject.team_id, kind="learning")
    erase.redact(lines, ("before", "after"), Redaction(fields, subject.stand_in))


def _forget_in_snapshots(subject: erase.Subject) -> None:
    """Takes tags that quote the person out of what was known of other leads, from which the next version is made."""
    named, names = subject.redaction(), subject.names
    rows = LeadSnapshot.objects.filter(contact__team=subject.team_id).exclude(contact__in=subject.ids)
    rows = erase.holding(rows, ["features"], names) if len(names) <= erase.FEW else rows
    for row in rows.iterator(chunk_size=erase.CHUNK):
        tags = row.features.get("tags") or []
        kept = [tag for tag in tags if not named.found_in(tag)]
        if len(kept) < len(tags):
            LeadSnapshot.objects.filter(pk=row.pk).update(features={**row.features, "tags": kept})


def _telling(subject: erase.Subject, fields: Iterable[str]) -> set[str]:
    named, found, rare = subject.redaction(), set(), {}
    for field in fields:
        tag = field.removeprefix(TAG)
        if named.found_in(tag):
            found.add(field)
        else:
            rare[field] = tag.casefold()
    people = Contact.objects.filter(team=subject.team_id)
    own = {company.casefold() for company in people.filter(pk__in=subject.ids).values_list("company", flat=True)}
    snapshots = LeadSnapshot.objects.filter(contact__team=subject.team_id)
    listed = people.filter(pk__in=subject.ids).values_list("tags", flat=True)
    seen = snapshots.filter(contact__in=subject.ids).values_list("features__tags", flat=True)
    own |= _words([*listed, *seen])
    rare = {field: tag for field, tag in rare.items() if tag in own}
    others = people.exclude(pk__in=subject.ids).exclude(tags=[]).values_list("tags", flat=True)
    if rare:
        shared = _words(others.iterator(chunk_size=erase.CHUNK))
        found |= {field for field, tag in rare.items() if tag not in shared}
    return found


def _words(lists: Iterable[Any]) -> set[str]:
    """Tags as they are compared; what holds no list holds none."""
    return {str(tag).casefold() for tags in lists if isinstance(tags, list) for tag in tags}
