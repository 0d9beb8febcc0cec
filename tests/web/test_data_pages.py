"""What is kept how long and what was taken away; every list as a file and every file that came in."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from api import idempotency
from automation.exports.lists import LISTS
from automation.tasks import cleanup_old_assignments
from crm.files import imports
from people.models import User
from tests import builders
from tests.builders import NOW
from tests.web.conftest import Office
from web import data_files, retention
from work import housekeeping

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def a_cleaning(user: User, **fields: Any) -> Any:
    done = {"state": "done", "done_at": NOW, "name": cleanup_old_assignments.name}
    return builders.make_job(user, **done | fields)


def test_the_periods_are_those_that_the_cleaning_keeps_to(office: Office, browser_of: Any) -> None:
    html = browser_of(office.manager).get("/settings/retention").content.decode()
    assert {one.period for one in retention.KEPT} >= {housekeeping.KEEP, timedelta(days=30), None}
    assert f">{housekeeping.KEEP.days} days<" in html
    assert "It has not run yet" in html


def test_all_that_is_cleaned_up_is_in_the_list(office: Office, browser_of: Any) -> None:
    result = cleanup_old_assignments()
    found = {*result, *result["teams"][str(office.manager.team_id)]} - {"teams"}
    with_others = {"devices", "rule_changes"}  # with their session; by their number, not their age
    assert found - with_others <= {one.count for one in retention.KEPT}
    assert retention.REPEATED == idempotency.KEEP
    html = browser_of(office.manager).get("/settings/retention").content.decode()
    assert ">10 minutes<" in html
    assert ">6 hours<" in html
    assert ">1 day<" in html


def test_what_the_last_cleanings_took_away_is_told_to_their_team(office: Office, browser_of: Any) -> None:
    result = {"teams": {str(office.manager.team_id): {"assignments": 41}}, "jobs": 7, "runs": 0}
    a_cleaning(office.manager, result=result)
    a_cleaning(office.stranger, result={"jobs": 99})
    a_cleaning(office.manager, result=None, done_at=NOW - timedelta(days=1))
    html = browser_of(office.manager).get("/settings/retention").content.decode()
    log = html.split('id="cleanings"')[1]
    counts = re.findall(r'([A-Z][a-z ]+): <span class="num">(\d+)', log)
    assert counts == [("Who held a task before", "41"), ("Jobs that are done", "7")]
    assert "There was nothing to take away" in log
    assert "99" not in log.split("</section>")[0]


def test_every_list_is_offered_and_can_be_had(office: Office, browser_of: Any) -> None:
    assert {name for _title, names in data_files.GROUPS for name in names} == set(LISTS)
    browser = browser_of(office.manager)
    html = browser.get("/settings/data").content.decode()
    offered = re.findall(r'href="(/export/[a-z-]+\?format=csv)"', html)
    assert len(offered) == len(LISTS)
    for address in offered:
        assert browser.get(address).status_code == 200, address


def test_a_member_is_offered_only_what_is_not_refused(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    html = browser.get("/settings/data").content.decode()
    offered = re.findall(r'href="(/export/[a-z-]+\?format=csv)"', html)
    assert 0 < len(offered) < len(LISTS)
    for address in offered:
        assert browser.get(address).status_code == 200, address


def test_files_that_came_in_are_listed_to_whoever_may_see_them(office: Office, browser_of: Any) -> None:
    row = imports.upload(b"Name\nAda\n", by=office.member, kind="contacts", now=NOW, file_name="people.csv")
    page = reverse("web:import", args=[row.pk])
    for who, sees in (("member", True), ("manager", True), ("colleague", False), ("stranger", False)):
        html = browser_of(office.people()[who]).get("/settings/data").content.decode()
        assert (page in html) is sees, who
