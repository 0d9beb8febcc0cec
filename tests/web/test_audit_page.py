"""The audit log as managers read it: narrowed by its address, in the reader's time, a page at a time, as a file."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from automation import rules
from people.models import Change, User
from tests.builders import NOW
from tests.web.conftest import Office
from web import audit

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PAGE = "/settings/audit"


def a_change(office: Office, **fields: Any) -> Change:
    told = {"team": office.manager.team, "at": NOW, "actor": office.manager, "kind": "rule", "verb": "changed"}
    return Change.objects.create(**told | {"subject_id": str(office.rule.pk), "subject": "Call"} | fields)


def shown(html: str) -> int:
    return html.count('id="change-')


def test_what_differs_is_told_in_words(office: Office, browser_of) -> None:
    rules.update(office.rule, by=office.manager, task_priority="urgent", is_active=False)
    html = browser_of(office.manager).get(PAGE).content.decode()
    assert "Task priority" in html
    assert "<del" in html
    assert ">urgent</ins>" in html
    assert ">yes</del>" in html
    assert f'href="{reverse("web:rule", args=[office.rule.pk])}"' in html


def test_people_are_named_secrets_are_not_and_instants_are_in_the_readers_time(office: Office, browser_of) -> None:
    User.objects.filter(pk=office.manager.pk).update(timezone="Asia/Tokyo")
    told = {"assignee_id": office.member.pk, "due_date": "2026-03-02T20:30:00+00:00", "secret": "hidden", "tags": []}
    a_change(office, kind="task", before={}, after=told)
    html = browser_of(User.objects.get(pk=office.manager.pk)).get(PAGE).content.decode()
    for text in ("Maya Chen", "2026-03-03 05:30", "set, not shown", "empty"):
        assert text in html


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ("kind=task", 1),
        ("kind=nonsense", 3),
        ("actor_id={member}", 1),
        ("actor_id=nobody", 3),
        ("subject_id=77", 1),
        ("since=2026-03-01&until=2026-03-01", 1),
        ("since=2026-03-02", 2),
        ("since=soon&until=2026-13-45", 3),
    ],
)
def test_the_address_narrows_it(query: str, count: int, office: Office, browser_of) -> None:
    """Days are the reader's: half past midnight in Berlin is the next one already."""
    User.objects.filter(pk=office.manager.pk).update(timezone="Europe/Berlin")
    a_change(office, at=datetime(2026, 3, 1, 22, 30, tzinfo=UTC))
    a_change(office, at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC), kind="task", subject_id="77")
    a_change(office, at=datetime(2026, 3, 2, 12, 0, tzinfo=UTC), actor=office.member)
    browser = browser_of(User.objects.get(pk=office.manager.pk))
    assert shown(browser.get(f"{PAGE}?{query.format(member=office.member.pk)}").content.decode()) == count


def test_pages_hold_all_lines_once(office: Office, browser_of) -> None:
    for n in range(audit.SIZE + 3):
        a_change(office, at=NOW + timedelta(minutes=n), subject=f"No. {n}")
    browser = browser_of(office.manager)
    first = browser.get(f"{PAGE}?kind=rule")
    cursor = first.context["page"].next
    second = browser.get(f"{PAGE}?kind=rule&cursor={cursor}")
    assert (shown(first.content.decode()), shown(second.content.decode())) == (audit.SIZE, 3)
    assert second.context["page"].next == ""


def test_another_team_sees_none_of_it(office: Office, browser_of) -> None:
    a_change(office)
    assert shown(browser_of(office.stranger).get(PAGE).content.decode()) == 0


def test_the_file_is_narrowed_as_the_page_is(office: Office, browser_of) -> None:
    a_change(office, before={"name": "Old"}, after={"name": "New"})
    a_change(office, kind="task", subject_id="77")
    browser = browser_of(office.manager)
    html = browser.get(f"{PAGE}?kind=rule&since=2020-01-01").content.decode()
    address = html.split('href="/export/audit?')[1].split('"')[0].replace("&amp;", "&")
    answer = b"".join(browser.get(f"/export/audit?{address}").streaming_content).decode()
    assert answer.count("\n") == 2, "the heads and one line"
    assert "New" in answer


def test_a_line_of_what_is_gone_or_unknown_has_no_link(office: Office, browser_of) -> None:
    a_change(office, verb="deleted", before={"name": "x" * 5000})
    a_change(office, kind="something_new", subject_id="abc", verb="turned", after={"odd_thing": {"a": [1]}})
    html = browser_of(office.manager).get(PAGE).content.decode()
    assert "Something new" in html
    assert "Odd thing" in html
    assert f'href="{reverse("web:rule", args=[office.rule.pk])}"' not in html


def test_every_kind_that_is_written_has_its_words() -> None:
    from notifications import audited as notices
    from people import audited as people
    from webhooks import audited as webhooks
    from work import audited as work

    rooms = (notices, people, webhooks, work)
    written = {one.name for room in rooms for one in vars(room).values() if isinstance(one, audit.audit.Kind)}
    assert written <= set(audit.KINDS)


def test_any_facts_can_be_shown(office: Office) -> None:
    told = {"a_at": "nonsense", "b_date": 5, "c": None, "d": [{"x": 1}], "e": [None], "owner_id": 999999, "f": 1.5}
    (line,) = audit.lines([a_change(office, before=told, after={"c": None})])
    assert [one.label for one in line.differences][:2] == ["A at", "B date"]
