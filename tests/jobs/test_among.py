"""`among` finds what `in` finds, by one parameter; what is read the short way is what Django reads."""

import pytest
from django.db import connection, models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.models import Activity, Contact
from tests import builders
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
WORDS = ["a", "A", "b'", '"', "{a,b}", "NULL", "\\", "ä", "🙂", "1"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.sampled_from(WORDS), unique=True), numbers=st.lists(st.integers(0, 9), max_size=12))
def test_the_same_rows_are_found(words: list[str], numbers: list[int], shelf: list[Task]) -> None:
    pks = [shelf[number].pk for number in numbers] + [2**62]
    contacts = [shelf[number].contact_id for number in numbers]
    for column, values in (("title", words), ("pk", pks), ("contact", contacts), ("origin_key", words)):
        plain = Task.objects.filter(**{f"{column}__in": values}).order_by("pk")
        assert list(Task.objects.filter(**{f"{column}__among": values}).order_by("pk")) == list(plain)
    assert Task.objects.filter(pk__among=pks).update(description="x") == len(set(numbers))


@pytest.fixture
def shelf() -> list[Task]:
    user = builders.make_manager()
    return [
        builders.make_task(user, title=word, origin_key=word, contact=builders.make_contact(user)) for word in WORDS
    ]


def test_however_many_they_are_it_is_one_parameter() -> None:
    statement, parameters = Task.objects.filter(pk__among=range(1000)).query.sql_with_params()
    assert (statement.count("%s"), len(parameters)) == (1, 1)
    assert "SCAN work_task" not in Task.objects.filter(contact__among=[1, 2]).explain() or (
        connection.vendor == "postgresql"
    )


@pytest.mark.parametrize("model", [Activity, Contact])
def test_what_is_read_is_what_django_makes_of_it(model: type[Activity] | type[Contact]) -> None:
    contact = builders.make_contact(name="Ann", tags=["a"])
    builders.make_activity(contact, data={"x": [1]})
    read = model.objects.get()
    values = model.objects.values_list().get()
    usual = models.Model.from_db.__func__(model, "default", [], values)
    left_out = model.objects.only("team").get()
    columns = [field.attname for field in model._meta.concrete_fields]
    assert [getattr(read, name) for name in columns] == [getattr(usual, name) for name in columns]
    assert [getattr(left_out, name) for name in columns] == [getattr(usual, name) for name in columns]
    assert (read._state.db, read._state.adding) == (usual._state.db, usual._state.adding)
    assert read.team == usual.team
    assert read == usual


def test_a_contact_that_was_read_saves_what_was_changed_alone() -> None:
    pk = builders.make_contact(name="Ann", tags=["a"]).pk
    first, second = Contact.objects.get(pk=pk), Contact.objects.get(pk=pk)
    first.name = "Bea"
    first.save()
    second.tags.append("b")
    second.save()
    assert Contact.objects.values_list("name", "tags").get() == ("Bea", ["a", "b"])
