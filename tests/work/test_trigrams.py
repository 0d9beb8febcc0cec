"""What is found by letters: the same by the index as row by row, whatever was written, changed and deleted since."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Q, QuerySet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm import trigrams
from crm.models import Contact
from people.models import User
from tests import builders
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

WORDS = [
    "Müller",
    "MÜLLER",
    "mueller",
    "Straße",
    "100%",
    "a_b",
    "a%b",
    'the "Best"',
    "o'Neil",
    "C:\\x",
    "Ωλγα",
    "İstanbul",
]
PARTS = st.sampled_from(
    [*WORDS, "+49 170 1234567", "ana@example.org", "x", "é", "日本語", "e\u0301", "*", "AND", "-", "^"]
)
TEXTS = st.one_of(st.lists(PARTS, min_size=1, max_size=3).map(" ".join), st.text("aAbBüÜ%_ .1", min_size=1, max_size=8))
ASKED = st.one_of(
    TEXTS, PARTS.flatmap(lambda text: st.integers(0, 3).map(lambda start: text[start : start + 4] or text))
)


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


def by_reading(letters: str) -> list[set[int]]:
    """Contacts, tasks by their titles, and tasks by whom they are for as well."""
    named = Q(name__icontains=letters) | Q(email__icontains=letters) | Q(company__icontains=letters)
    titled = Q(title__icontains=letters)
    of_contact = Q(contact__name__icontains=letters) | Q(contact__company__icontains=letters)
    return pks(Contact.objects.filter(named), Task.objects.filter(titled), Task.objects.filter(titled | of_contact))


def by_index(letters: str) -> list[set[int]]:
    return pks(Contact.objects.found_by(letters), Task.objects.found_by(letters), Task.objects.about(letters))


def pks(*found: QuerySet[Any]) -> list[set[int]]:
    return [set(rows.values_list("pk", flat=True)) for rows in found]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, min_size=3, max_size=8), asked=st.lists(ASKED, min_size=1, max_size=6))
def test_the_same_is_found(texts: list[str], asked: list[str], manager: User) -> None:
    Task.objects.all().delete()
    Contact.objects.all().delete()
    for n, text in enumerate(texts):
        # One address a team: the number keeps them apart.
        contact = builders.make_contact(manager, name=text, company=texts[0], email=f"{n}{text}@example.org")
        builders.make_task(manager, title=texts[n - 1], contact=contact)
    first, second = Contact.objects.order_by("pk")[:2]
    Contact.objects.filter(pk=first.pk).update(name=texts[-1], email="")
    Task.objects.filter(contact=second).delete()
    second.delete()
    for letters in asked:
        assert by_index(letters) == by_reading(letters)


def test_letters_of_many_rows_are_found_too(manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigrams, "FEW", 2)
    made = [builders.make_contact(manager, name=f"Anabel {n}") for n in range(4)]
    tasks = [builders.make_task(manager, contact=one) for one in made]
    assert by_index("nabe") == [{one.pk for one in made}, set(), {one.pk for one in tasks}]


def plan(rows: Any) -> str:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_indexscan = off")
    return str(rows.order_by().explain())


@pytest.mark.parametrize("found", [lambda: Contact.objects.found_by("nabe"), lambda: Task.objects.found_by("nabe")])
def test_they_are_found_by_the_index(found: Callable[[], Any]) -> None:
    if connection.vendor == "postgresql":
        assert "trigrams" in plan(found())
    else:
        builders.make_task(title="Ask Anabel", contact=builders.make_contact(name="Anabel"))
        assert "SCAN" not in plan(found())


def test_an_index_that_missed_changes_is_made_anew(manager: User) -> None:
    """As after a migration that made the table anew, on SQLite; where the index is gone, it comes back."""
    contact = builders.make_contact(manager, name="Anabel")
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute('DROP TRIGGER "crm_contact_trigrams_update"')
        else:
            cursor.execute('DROP INDEX "crm_contact_trigrams"')
    assert not Contact.TRIGRAMS.is_built()
    Contact.objects.filter(pk=contact.pk).update(name="Ottilie")
    connection.check_constraints()  # what is to be looked at on commit would hold up the index of PostgreSQL
    call_command("migrate", verbosity=0)
    assert Contact.TRIGRAMS.is_built()
    assert by_index("ttil")[0] == {contact.pk}
    assert by_index("nabe")[0] == set()


def test_without_an_index_the_same_is_found(manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where PostgreSQL lacks the extension, or SQLite its table."""
    contact = builders.make_contact(manager, name="Anabel")
    with connection.cursor() as cursor:
        cursor.execute(f'DROP {"TABLE" if connection.vendor == "sqlite" else "INDEX"} "crm_contact_trigrams"')
        if connection.vendor == "sqlite":
            for event in ("insert", "update", "delete"):
                cursor.execute(f'DROP TRIGGER "crm_contact_trigrams_{event}"')
    monkeypatch.setattr(trigrams, "EXTENSION", "an_extension_nobody_has")
    monkeypatch.setattr(trigrams, "TOKENS", "a_tokenizer_nobody_has")
    Contact.TRIGRAMS.build()
    assert not Contact.TRIGRAMS.is_built()
    assert by_index("nabe")[0] == {contact.pk}
    builders.make_contact(manager, name="Ottilie")
