"""Moving everything that points to one contact over to another, whichever room it is in, and back."""

from collections.abc import Iterator
from typing import Any

from crm import traces
from crm.models import Contact, ContactMerge

CHUNK = 500
STAYS: set[tuple[Any, str]] = {
    (Contact, "merged_into"),
    (ContactMerge, "survivor"),
    (ContactMerge, "absorbed"),
}
"""What a merge itself is written in, and what rooms above work out anew for whoever it is about."""

Moved = dict[str, traces.Ids]
"""Ids by "app.Model.field"."""


def stay(model: Any, field: str) -> None:
    """Leaves the rows of a higher room with the absorbed contact: one that it computes, and that is there again when
    the two are parted.
    """
    STAYS.add((model, field))


def pointers() -> Iterator[tuple[str, Any, str]]:
    """Every foreign key to a contact: its name, its model and its field. One added later is among them."""
    relation: Any
    for relation in Contact._meta.get_fields(include_hidden=True):
        if not relation.auto_created or not relation.one_to_many:
            continue
        model, field = relation.related_model, relation.field.name
        if (model, field) not in STAYS:
            yield f"{model._meta.label}.{field}", model._default_manager, field


def move(source: Contact, target: Contact) -> Moved:
    """Points the rows of `source` to `target`. Rooms settle what their unique keys would refuse before."""
    moved: Moved = {}
    for name, rows, field in pointers():
        ids = list(rows.filter(**{field: source}).order_by("pk").values_list("pk", flat=True))
        for start in range(0, len(ids), CHUNK):
            rows.filter(pk__in=ids[start : start + CHUNK]).update(**{field: target})
        if ids:
            moved[name] = traces.compact(ids)
    return moved


def move_back(moved: Moved, *, holder: Contact, owner: Contact) -> None:
    """Gives `owner` the rows that still are with `holder`; what was moved on meanwhile, or is gone, stays so."""
    for name, rows, field in pointers():
        for these in traces.chosen(moved.get(name, [])):
            rows.filter(these, **{field: holder}).update(**{field: owner})
