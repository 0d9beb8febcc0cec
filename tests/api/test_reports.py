"""/api/reports: what a lead gets, in each form."""

import csv
import io
from datetime import timedelta

import pytest

from tests import builders
from tests.api.conftest import Caller, World

pytestmark = pytest.mark.database


def test_the_list_is_newest_first_and_each_has_its_summary(world: World) -> None:
    made = [builders.make_report(world.team, now=builders.NOW + timedelta(days=day)) for day in range(3)]
    builders.make_report(builders.make_team())
    rows = Caller(world.lead).get("/api/reports").json()["results"]
    assert [row["id"] for row in rows] == [report.pk for report in reversed(made)]
    assert rows[0]["on"] == "2026-06-19"
    assert rows[0]["summary"].startswith("Yesterday 0 tasks were finished, 0 of them late. Now: 0 of ")


def test_the_data_name_the_moves_by_ids_that_can_be_applied(world: World) -> None:
    for hours in (30, 15):
        builders.make_task(world.member, estimated_hours=hours)
    report = builders.make_report(world.team)
    data = Caller(world.lead).get(f"/api/reports/{report.pk}").json()["data"]
    move = data["suggestions"][0]
    path = f"/automation/workload/team/rebalance-suggestions/{move['id']}/apply"
    assert Caller(world.manager).post(path).json()["task_id"] == move["task_id"]


def test_the_document_and_the_file(world: World) -> None:
    report = builders.make_report(world.team)
    caller = Caller(world.lead)
    document = caller.get(f"/api/reports/{report.pk}/html")
    assert document["Content-Type"] == "text/html; charset=utf-8"
    policy = set(document["Content-Security-Policy"].split("; "))
    assert policy == {"default-src 'none'", "style-src 'unsafe-inline'"}
    assert b"</html>" in document.content
    file = caller.get(f"/api/reports/{report.pk}/csv")
    assert file["Content-Type"] == "text/csv; charset=utf-8"
    assert file["Content-Disposition"] == f'attachment; filename="nextmove-report-{report.on}.csv"'
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert rows[0]["what"] == "Finished"
