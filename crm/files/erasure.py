"""Erasing a person from files that are not done yet, and from what is kept of those that are."""

from crm import erase
from crm.files.models import Import, ImportPart
from domain.files.sheets import WHOLE

GONE = "The person of this row was erased."


def wipe(subject: erase.Subject) -> None:
    """Empties each row in which one of the person's addresses stands; what is kept of faults and differences is cut.

    A file that is still to be read is given up: nobody knows yet what is in it.
    """
    mine = Import.objects.filter(team_id=subject.team_id)
    unread = mine.filter(state=Import.READING)
    unread.update(state=Import.FAILED, content=None, error=f"{GONE} Upload the file again without it.")
    words = {one.lower() for one in subject.addresses}
    parts, listed = ImportPart.objects.filter(of__team_id=subject.team_id), sorted(subject.addresses)
    for start in range(0, len(listed), erase.FEW):
        for part in erase.holding(parts, ["rows"], listed[start : start + erase.FEW]):
            ImportPart.objects.filter(pk=part.pk).update(rows=[_without(row, words) for row in part.rows])
    erase.redact_in(mine, ("faults", "difference", "file_name", "error"), subject)


def _without(row: list[object], words: set[str]) -> list[object]:
    line, cells, _ = row
    texts = [str(cell).lower() for cell in cells] if isinstance(cells, list) else []
    if not any(word in text for word in words for text in texts):
        return row
    return [line, [""] * len(texts), {WHOLE: GONE}]
