"""What sequences and campaigns have in common: their outline, read from the rows and frozen as a version."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from automation.audited import CAMPAIGN, SEQUENCE
from automation.models import Campaign, Enrolment, Sequence, StepsVersion
from automation.programmes import steps
from automation.programmes.steps import Errors, Step
from domain.sequencing import LEAST_GAP, Slip
from people import audit
from people.models import User

Programme = Sequence | Campaign


class BadProgramme(ValueError):
    """A sequence or campaign that cannot be saved or run; `errors` names the fields by JSON pointer."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("; ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items()))
        self.errors = errors


@dataclass(frozen=True)
class Outline:
    """The steps that enrolments go by, and how their dates hang together."""

    steps: tuple[Step, ...]
    slip: Slip = "anchor"
    pacing: str = Sequence.ONE_BY_ONE
    least_gap: timedelta = LEAST_GAP

    def at_once(self, step: Step) -> bool:
        """Whether the step's task is made on enrolment, with the step's date as its due date."""
        return self.pacing == Sequence.AT_ONCE and not step.wait_for_previous

    def named(self, key: str) -> Step | None:
        return next((step for step in self.steps if step.key == key), None)

    def as_dict(self) -> dict[str, Any]:
        return {
            "steps": [step.as_dict() for step in self.steps],
            "slip": self.slip,
            "pacing": self.pacing,
            "least_gap_hours": self.least_gap // timedelta(hours=1),
        }


def read(content: Mapping[str, Any]) -> Outline:
    """The outline of a version's content."""
    return Outline(
        steps=tuple(steps.read(step) for step in content["steps"]),
        slip=content["slip"],
        pacing=content["pacing"],
        least_gap=timedelta(hours=content["least_gap_hours"]),
    )


def kind_of(programme: Programme) -> str:
    """`sequence` or `campaign`: the word in keys, kinds of batches and names of columns."""
    return "sequence" if isinstance(programme, Sequence) else "campaign"


def of(enrolment: Enrolment) -> Programme:
    """What the contact is enrolled in."""
    programme = enrolment.sequence or enrolment.campaign
    assert programme is not None  # one of the two is always set
    return programme


def freeze(programme: Programme, outline: Outline, *, now: datetime) -> StepsVersion:
    """The version that holds this outline: a new one only when the steps changed, whoever wrote the rows."""
    content_hash = digest(outline)
    known = StepsVersion.objects.filter(**{kind_of(programme): programme})
    found = known.filter(content_hash=content_hash).first()
    if found is not None:
        return found
    newest = known.order_by("-number").values_list("number", flat=True).first() or 0
    try:
        with transaction.atomic():
            return StepsVersion.objects.create(
                **{kind_of(programme): programme},
                number=newest + 1,
                content_hash=content_hash,
                content=outline.as_dict(),
                frozen_at=now,
            )
    except IntegrityError:  # somebody else froze the same steps first
        return known.get(content_hash=content_hash)


def digest(outline: Outline) -> str:
    """What tells one version's steps from another's."""
    return hashlib.sha256(json.dumps(outline.as_dict(), sort_keys=True).encode()).hexdigest()


def may_edit(user: User, programme: Programme) -> bool:
    """Its owner and the team's managers; the ready-made sequences nobody."""
    if isinstance(programme, Sequence) and programme.preset:
        return False
    return programme.owner_id == user.pk or (user.manages and programme.team_id == user.team_id)


def archive(programme: Programme, *, by: User | None = None, now: datetime) -> None:
    """Takes it off the lists. Those under way are ended by the sweep, a few at a time; their rows stay."""
    with _audited(programme).changing(programme, by=by, now=now, verb=audit.DELETED):
        type(programme).objects.filter(pk=programme.pk).update(is_active=False, archived_at=now)
        under_way = Enrolment.objects.filter(**{kind_of(programme): programme})
        under_way.filter(state=Enrolment.ACTIVE).update(next_step_at=now)
        under_way.filter(state=Enrolment.PAUSED).update(resume_at=now)


def pass_on(user: User, by: User | None, now: datetime) -> None:
    """When somebody leaves, their sequences and campaigns pass to a manager."""
    manager = User.objects.active().filter(team_id=user.team_id, role=User.MANAGER).exclude(pk=user.pk).first()
    if manager is None:
        return
    for programme in (*Sequence.objects.filter(owner=user), *Campaign.objects.filter(owner=user)):
        with _audited(programme).changing(programme, by=by, now=now):
            type(programme).objects.filter(pk=programme.pk).update(owner=manager)


def _audited(programme: Programme) -> audit.Kind:
    return SEQUENCE if isinstance(programme, Sequence) else CAMPAIGN
