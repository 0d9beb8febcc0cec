"""What is kept for taking back: by its maker, for ten minutes, and not past an erasure."""

from datetime import timedelta

import pytest

from crm import erase
from people import undo_notes
from people.models import UndoNote
from tests import builders
from tests.builders import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_only_its_maker_reads_it_and_only_for_ten_minutes() -> None:
    ann, boss = builders.make_user(), builders.make_user(is_superuser=True)
    pk = undo_notes.keep(ann, [["moved", 1, 2, {"status": "todo"}]], now=NOW)
    assert undo_notes.kept(ann, pk, now=NOW + undo_notes.KEEP) == [["moved", 1, 2, {"status": "todo"}]]
    assert undo_notes.kept(ann, pk, now=NOW + undo_notes.KEEP + timedelta(seconds=1)) is None
    assert undo_notes.kept(boss, pk, now=NOW) is None
    assert undo_notes.kept(ann, pk + 1, now=NOW) is None


def test_what_is_too_old_goes_with_the_next_one() -> None:
    ann, bob = builders.make_user(), builders.make_user()
    undo_notes.keep(ann, [1], now=NOW - undo_notes.KEEP - timedelta(seconds=1))
    young = undo_notes.keep(ann, [2], now=NOW - undo_notes.KEEP)
    last = undo_notes.keep(bob, [3], now=NOW)
    assert set(UndoNote.objects.values_list("pk", flat=True)) == {young, last}
    assert undo_notes.prune(now=NOW + timedelta(minutes=11)) == 2


def test_an_erased_person_is_in_none_of_their_team() -> None:
    ann, stranger = builders.make_user(), builders.make_user(team=builders.make_team())
    contact = builders.make_contact(ann)
    undo_notes.keep(ann, [[contact.name]], now=NOW)
    other = undo_notes.keep(stranger, [["of another team"]], now=NOW)
    erase.erase(contact, by=None, now=NOW)
    assert list(UndoNote.objects.values_list("pk", flat=True)) == [other]
