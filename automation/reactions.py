"""What follows from an activity of itself, before any rule of a person is asked."""

from collections.abc import Sequence
from datetime import datetime

from automation import cadence, recurring, silence
from automation.programmes import enrolments, exits
from automation.readiness import Ready
from automation.triggers.cadence import TOUCHES
from crm import consent
from crm.models import Activity

_NOTED = frozenset({*consent.KIND, *exits.KINDS, *TOUCHES, Activity.EMAIL_AUTO_REPLIED})


def only_breaks_silence(activity: Activity) -> bool:
    """Whether nothing follows of itself but that the contact was heard of, as of an opened mail."""
    return activity.task_id is None and activity.activity_type not in _NOTED


def follow(activity: Activity, ready: Sequence[Ready], *, now: datetime) -> None:
    """In this order: an opt-out is noted, then ends what it ends; only then anything new begins."""
    consent.follow(activity, now=now)
    exits.follow(activity, now=now)
    cadence.follow(activity, now=now)
    recurring.follow(activity, now=now)
    enrolments.follow(activity, now=now)
    silence.follow(activity, ready)
