"""Rows inserted by the dozen are those that were given, whatever is in them, in their order, each once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, models, transaction

from crm.models import Contact
from jobs.models import Job
from jobs.rows import MANY, insert_new
from tests import builders
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
ODD = ["", "NULL", "{a,b}", '"', "\\", "Grüße", "a\nb", "%s %% %(x)s", "'; --", "🙂", " ", "\\N"]


@pytest.mark.parametrize("count", [1, MANY - 1, MANY, 60])
def test_each_row_is_kept_as_it_was_given(count: int) -> None:
    owner, contact = builders.make_manager(), builders.make_contact()
    given: list[models.Model] = []
    for n in range(count):
        odd = ODD[n % len(ODD)]
        given.append(
            Task(
                team=owner.team,
                title=odd or "x",
                description=odd * 3,
                origin_key=f"k{n}",
                due_date=NOW + timedelta(minutes=n) if n % 3 else None,
                estimated_hours=f"{n}.25" if n % 2 else None,
                contact=contact if n % 4 else None,
                created_at=NOW,
            )
        )
    made = insert_new(given, returning=("id", "origin_key"))
    assert [key for _, key in made] == [f"k{n}" for n in range(count)]
    assert [pk for pk, _ in made] == sorted(pk for pk, _ in made)
    assert inserted(Task, given, "origin_key") == expected(given)
    assert insert_new(given, returning=("id",)) == []


def test_json_flags_and_keys_of_ones_own() -> None:
    team, now = builders.make_team(), NOW
    jobs = [
        Job(key=f"j{n}", name="x", args=[n, ODD[n % 12], None], kwargs={"a": {"b": [True, 1.5]}}, run_at=now,
            send_at=now, team_id=team.pk if n % 2 else None, created_at=now)
        for n in range(40)
    ]  # fmt: skip
    assert len(insert_new(jobs)) == 40
    assert inserted(Job, jobs, "key") == expected(jobs)
    contacts: list[Any] = [
        Contact(team=team, owner=builders.make_user(team=team), name=ODD[n % 12], tags=[ODD[n % 12]] if n % 3 else [],
                email=f"p{n}@x.org", do_not_contact=bool(n % 2), lead_score=-n, created_at=now)
        for n in range(MANY)
    ]  # fmt: skip
    taken = Contact(team=team, owner=contacts[0].owner, name="Twice", email="P1@x.org", created_at=now)
    assert len(insert_new([*contacts, taken], returning=("id", "email"))) == MANY
    assert inserted(Contact, contacts, "email") == expected(contacts)


def test_what_no_column_holds_is_refused_and_not_cut_off() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite knows no length")
    long = [Job(key="k" * 5000 + str(n), name="x", run_at=NOW, send_at=NOW, created_at=NOW) for n in range(MANY)]
    with pytest.raises((DataError, IntegrityError)), transaction.atomic():
        insert_new(long)


def inserted(model: Any, given: Any, by: str) -> list[dict[str, Any]]:
    found = {
        getattr(row, by): row for row in model.objects.filter(**{f"{by}__in": [getattr(one, by) for one in given]})
    }
    return [values(found[getattr(one, by)]) for one in given]


def expected(given: Any) -> list[dict[str, Any]]:
    return [values(one) for one in given]


def values(row: models.Model) -> dict[str, Any]:
    fields = [field for field in row._meta.concrete_fields if field.name != "id"]
    return {field.attname: field.to_python(getattr(row, field.attname)) for field in fields}
