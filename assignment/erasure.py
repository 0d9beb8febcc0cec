"""Erasing a person from suggested moves of their tasks; the hours and loads stay."""

from assignment.models import Suggestion
from crm import erase
from domain.redaction import numbers_of

LOADS = ("from_before", "from_after", "to_before", "to_after")


def wipe(subject: erase.Subject) -> None:
    for suggestion in Suggestion.objects.filter(task__contact__in=subject.ids).iterator(chunk_size=erase.CHUNK):
        rows = Suggestion.objects.filter(pk=suggestion.pk)
        rows.update(reason=erase.REASON, loads=numbers_of(suggestion.loads, names=LOADS))
