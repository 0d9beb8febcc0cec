"""What a page lists is what its export holds: the same rows at the same address, whatever narrows it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils.translation import override

from automation.exports.lists import LISTS
from automation.models import Firing
from jobs.models import Job
from people import speech
from people.models import User
from performance import reports
from performance.models import DailyReport
from tests import builders
from tests.web.conftest import Office, make_office
from web import activity, contact_filters, exporting, monitor, rule_history, task_filters, words
from work.models import Task

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def busy(lasting: None) -> Office:
    """Rows of every kind that the filters tell apart, some of them nobody's and some another team's."""
    office = make_office()
    people = (office.member, office.colleague, office.manager)
    for n, user in enumerate(people):
        for status in words.STATUSES:
            due = None if n == 0 else NOW + timedelta(days=3 * n - 4)
            contact = builders.make_contact(user, name=f"Kim {n}", company="Acme", lead_score=40 * n)
            builders.make_task(
                user, status=status, priority=("low", "high", "urgent")[n], due_date=due, contact=contact
            )
        builders.make_contact(
            user, status="active", contact_cadence=("weekly", "days:9", "")[n], unsubscribed_at=NOW if n else None,
            last_activity_at=(NOW, NOW - timedelta(days=20), None)[n], created_at=NOW - timedelta(days=100),
        )  # fmt: skip
        for state in (Job.PENDING, Job.DONE, Job.DEAD):
            builders.make_job(user, state=state, started_at=NOW if n == 1 else None)
        for outcome in (Firing.FIRED, Firing.SUPPRESSED, Firing.FAILED):
            made = builders.make_activity(office.contact, source="mailgun", signal="machine", processed_at=NOW)
            builders.make_firing(office.rule, activity=made, contact=office.contact, outcome=outcome)
        builders.make_activity(office.contact, activity_type="call", occurred_at=NOW - timedelta(days=40))
        builders.make_notification(user, read_at=NOW if n else None)
    builders.make_notification(office.manager)
    builders.make_task(team=office.member.team, owner=office.colleague)
    builders.make_contact(None, team=office.member.team, bounced_at=NOW)
    builders.make_task(office.stranger)
    builders.make_contact(office.stranger)
    return office


def each(**filters: Any) -> list[str]:
    return [f"{name}={value}" for name, values in filters.items() for value in values]


TASKS = each(
    status=["all", *words.STATUSES],
    assignee=["me", "none", "{member}"],
    priority=dict(Task.PRIORITIES),
    due=task_filters.DUES,
    q=["kim", "acme", "x&y"],
    sort=["due"],
)
CONTACTS = each(
    status=["lead", "active"],
    owner=["me", "none", "{member}"],
    cadence=contact_filters.CADENCES,
    score=["40"],
    consent=contact_filters.CONSENTS,
    quiet=contact_filters.QUIETS,
    sort=contact_filters.SORTS,
    q=["kim", "acme"],
)
ACTIVITY = each(
    type=["call", "email_opened"],
    source=["mailgun"],
    outcome=activity.OUTCOMES,
    state=activity.STATES,
    days=activity.DAYS,
    contact=["{contact}"],
)
JOBS = each(state=monitor.STATES, name=["automation.tasks.send_delivery", "{job}"])
RUNS = each(outcome=rule_history.OUTCOMES, q=["ana", "nobody"])
ADDRESSES = [
    *(f"/tasks?{one}" for one in ["", *TASKS, "status=all&priority=high&due=overdue&q=kim"]),
    *(f"/contacts?{one}" for one in ["", *CONTACTS, "status=lead&owner=me&score=40"]),
    *(f"/activity?{one}" for one in ["", *ACTIVITY, "type=email_opened&outcome=fired&days=30"]),
    *(f"/automations/jobs?{one}" for one in JOBS),
    *(f"/automations/task-scheduling/{{rule}}/runs?{one}" for one in RUNS),
    "/inbox",
    "/inbox?view=unread",
]


def ids_listed(browser: Client, address: str) -> list[str]:
    """Of all pages, following the cursor."""
    context = browser.get(address).context
    if address.startswith("/automations/jobs"):
        return [str(row.pk) for row in context["jobs"]]
    rows, cursor = list(context["page"].rows), context["page"].next
    while cursor:
        context = browser.get(f"{address}{'&' if '?' in address else '?'}cursor={cursor}").context
        rows, cursor = rows + context["page"].rows, context["page"].next
    return [str(row.pk) for row in rows]


def export_link(browser: Client, address: str) -> str:
    html = browser.get(address).content.decode()
    (start, *_) = [at for at in range(len(html)) if html.startswith("/export/", at)]
    link = html[start : html.index('"', start)].replace("&amp;", "&")
    return link.replace("format=csv", "format=json")


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_one_sees_is_what_one_gets(address: str, busy: Office, browser_of: Any) -> None:
    address = address.format(
        member=busy.member.pk, contact=busy.contact.pk, rule=busy.rule.pk, job=Job.objects.values("name")[0]["name"]
    )
    for user in (busy.manager, busy.member):
        browser = browser_of(user)
        link = export_link(browser, address)
        rows = json.loads(browser.get(link).getvalue())
        exported = [str(row.get("Nextmove id", row.get("Id"))) for row in rows]
        assert sorted(exported) == sorted(ids_listed(browser, address)), link
        assert parse_qs(urlsplit(address).query).items() <= parse_qs(urlsplit(link).query).items()


def test_the_board_exports_its_columns(busy: Office, browser_of: Any) -> None:
    browser = browser_of(busy.manager)
    columns = browser.get("/tasks?as=board&status=done").context["columns"]
    shown = {task.pk for column in columns for task in column["tasks"]}
    rows = json.loads(browser.get(export_link(browser, "/tasks?as=board&status=done")).getvalue())
    assert {row["Nextmove id"] for row in rows} == shown


@pytest.mark.parametrize("path", ["/export/users?nonsense=1", "/export/x", "/export/tasks?format=exe"])
def test_there_is_no_other_file(path: str, office: Office, browser_of: Any) -> None:
    assert browser_of(office.manager).get(path).status_code == 404


def table(browser: Client, name: str, form: str = "csv") -> list[list[str]]:
    address = f"/export/{name}?format={form}"
    return list(csv.reader(io.StringIO(browser.get(address).getvalue().decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("name", [name for name in LISTS if name not in exporting.READ_BACK])
def test_a_german_reads_german_heads_over_the_same_values(name: str, busy: Office, browser_of: Any) -> None:
    """Only sentences of ours differ below the heads; a program finds states, numbers and instants as it knows them."""
    builders.make_report(busy.member.team)
    builders.make_delivery(busy.manager)
    User.objects.filter(pk=busy.manager.pk).update(language="en")
    browser = browser_of(busy.manager)
    english, objects = table(browser, name), browser.get(f"/export/{name}?format=json").getvalue()
    User.objects.filter(pk=busy.manager.pk).update(language="de")
    german = table(browser, name)
    with override("de"):
        assert german[0] == [speech.head(one) for one in english[0]]
    said = [english[0].index(one) for one in exporting.SENTENCES.get(name, ())]
    for row in (*english, *german):
        for at in said:
            row[at] = ""
    assert german[1:] == english[1:]
    assert browser.get(f"/export/{name}?format=json").getvalue() == objects


@pytest.mark.parametrize("name", exporting.READ_BACK)
def test_a_list_that_an_import_reads_keeps_the_heads_that_it_knows(name: str, busy: Office, browser_of: Any) -> None:
    User.objects.filter(pk=busy.manager.pk).update(language="de")
    assert table(browser_of(busy.manager), name)[0] == LISTS[name].heads


def test_the_sentences_in_a_file_are_said_in_the_viewers_language(office: Office, browser_of: Any) -> None:
    builders.make_report(office.member.team)
    User.objects.filter(pk=office.lead.pk).update(language="de")
    heads, line = table(browser_of(office.lead), "reports")
    assert heads == ["ID", "Tag", "Zusammenfassung"]
    report = DailyReport.objects.get()
    assert line[:2] == [str(report.pk), report.on.isoformat()]
    with override("de"):
        assert line[2] == speech.said(reports.summary(report.data)) != reports.summary(report.data)
