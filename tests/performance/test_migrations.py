"""Days before teams kept their averages get them from the scores of their people."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from performance.models import TeamScore
from tests import builders

BEFORE = [("performance", "0001_initial")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_past_days_get_their_average() -> None:
    MigrationExecutor(connection).migrate(BEFORE)
    try:
        team, at = builders.make_team(), datetime(2026, 3, 2, 8, tzinfo=UTC)
        for totals in (("80.00002", "84.925"), ("60", None), (None, "70.5")):
            user = builders.make_user(team=team)
            for day, total in enumerate(totals, start=1):
                builders.make_score(
                    user, on=date(2026, 3, day), total=None if total is None else Decimal(total), computed_at=at
                )
        builders.make_score(builders.make_user(), on=date(2026, 3, 1), total=None)
    finally:
        call_command("migrate", verbosity=0)  # with the triggers that tables made anew have lost
    kept = TeamScore.objects.filter(team=team).order_by("on").values_list("on", "average", "people", "computed_at")
    assert list(kept) == [
        (date(2026, 3, 1), Decimal("70.00001"), 2, at),
        (date(2026, 3, 2), Decimal("77.71250"), 2, at),
    ]
    assert TeamScore.objects.exclude(team=team).get().average is None
