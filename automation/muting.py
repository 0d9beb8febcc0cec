"""What somebody may mute, by what they may see: contacts, rules, sequences and campaigns."""

from collections.abc import Iterable
from typing import Any

from automation import causes
from automation.models import Campaign, Sequence, TaskAutomationRule
from crm.models import Contact
from notifications.models import Mute
from people.models import User

_KINDS: dict[str, Any] = {"contact": Contact, "rule": TaskAutomationRule, "sequence": Sequence, "campaign": Campaign}


def of(user: User) -> dict[str, str]:
    """All that the user muted, by its name; what they may not see any more by its subject, so that it can go."""
    subjects = list(Mute.objects.filter(user=user).order_by("pk").values_list("subject", flat=True))
    names = named(user, subjects)
    return {subject: names.get(subject, subject) for subject in subjects}


def named(user: User, subjects: Iterable[str]) -> dict[str, str]:
    """The names of those that the user may see, by subject such as contact:12; one query a kind that is asked for."""
    return causes.names_in(subjects, {kind: model.objects.visible_to(user) for kind, model in _KINDS.items()})
