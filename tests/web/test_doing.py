"""What one does to tasks on the pages, one or many, and taking it back."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from crm.models import Activity
from people.models import User
from tests import builders
from tests.web.conftest import Office
from web import answers, undoing
from work import lifecycle
from work.models import Assignment, Task

WEDNESDAY = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


def state(task: Task) -> tuple[Any, ...]:
    row = Task.objects.get(pk=task.pk)
    return row.status, row.assignee_id, row.due_date, row.actual_hours, row.notes


def note_of(response: Any) -> str:
    """The signed note of the last message that can be taken back."""
    (note,) = [one for one in map(_tags, response.context["messages"]) if one]
    return note


def _tags(message: Any) -> str:
    tags = message.extra_tags or ""
    return tags.removeprefix(answers.UNDO) if tags.startswith(answers.UNDO) else ""


def post(browser: Client, path: str, **form: Any) -> Any:
    return browser.post(path, form, follow=True)


def doings(office: Office) -> dict[str, tuple[str, dict[str, Any]]]:
    task = office.task.pk
    return {
        "blocked": (f"/tasks/{task}/status", {"status": "blocked"}),
        "done by the board": (f"/tasks/{task}/status", {"status": "done"}),
        "complete": (f"/tasks/{task}/complete", {"actual_hours": "2", "notes": "Said yes"}),
        "snooze": (f"/tasks/{task}/snooze", {"until": "next_week"}),
        "give": (f"/tasks/{task}/give", {"to": office.colleague.pk}),
        "queue": (f"/tasks/{task}/give", {"to": "queue"}),
        "many done": ("/tasks/bulk", {"task": task, "verb": "complete"}),
        "many later": ("/tasks/bulk", {"task": task, "verb": "snooze", "until": "tomorrow"}),
        "many given": ("/tasks/bulk", {"task": task, "verb": "give", "to": office.colleague.pk}),
    }


@pytest.fixture
def standing() -> dict[str, str]:
    """What htmx says of itself and of the page it stands on."""
    return {**HTMX, "HX-Current-URL": "http://testserver/?view=upcoming"}


def test_the_way_back_of_a_toast_is_the_page_one_stands_on(
    office: Office, browser_of: Any, standing: dict[str, str]
) -> None:
    """Pressed before htmx has taken the new form over, it is sent plainly: the answer must not be a page of none."""
    browser = browser_of(office.manager)
    told = browser.post(f"/tasks/{office.task.pk}/snooze", {"until": "next_week"}, headers=standing).content.decode()
    form = dict(re.findall(r'name="(note|next)" value="([^"]*)"', told))
    assert form["next"] == "/?view=upcoming"
    response = browser.post("/undo", form, follow=True)
    assert (response.status_code, response.redirect_chain[-1][0]) == (200, "/?view=upcoming")


KINDS = ("blocked", "done by the board", "complete", "snooze", "give", "queue", "many done", "many later", "many given")


@pytest.mark.parametrize("kind", KINDS)
def test_each_can_be_taken_back_once(kind: str, office: Office, browser_of: Any) -> None:
    browser, before = browser_of(office.manager), state(office.task)
    path, form = doings(office)[kind]
    response = post(browser, path, **form)
    assert state(office.task) != before
    note = note_of(response)
    post(browser, "/undo", note=note)
    assert state(office.task) == before
    version = Task.objects.get(pk=office.task.pk).version
    assert "stays as it is" in post(browser, "/undo", note=note).content.decode()
    assert Task.objects.get(pk=office.task.pk).version == version
    assert Assignment.objects.filter(task=office.task, ended_at=None).count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_changed_since_stays(kind: str, office: Office, browser_of: Any) -> None:
    browser = browser_of(office.manager)
    path, form = doings(office)[kind]
    note = note_of(post(browser, path, **form))
    lifecycle.edit(Task.objects.get(pk=office.task.pk), by=office.lead, now=datetime.now(UTC), priority="low")
    after = state(office.task)
    assert "changed since" in post(browser, "/undo", note=note).content.decode()
    assert state(office.task) == after


def test_only_its_maker_takes_back_and_only_for_ten_minutes(office: Office, browser_of: Any) -> None:
    with time_machine.travel(WEDNESDAY, tick=False) as clock:
        response = post(browser_of(office.member), f"/tasks/{office.task.pk}/complete")
        note, done = note_of(response), state(office.task)
        for who, given in ((office.manager, note), (office.member, note[:-1]), (office.member, "")):
            post(browser_of(who), "/undo", note=given)
            assert state(office.task) == done
        clock.shift(timedelta(seconds=undoing.GOOD_FOR_SECONDS + 1))
        assert "ten minutes" in post(browser_of(office.member), "/undo", note=note).content.decode()
        assert state(office.task) == done


def test_a_toast_carries_the_note_and_the_lists_hear_of_it(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.manager)
    response = browser.post(f"/tasks/{office.task.pk}/snooze", {"until": "tomorrow"}, headers=HTMX)
    assert "work-changed" in response["HX-Trigger"]
    html = response.content.decode()
    assert 'name="note" value="' in html
    again = browser.post(f"/tasks/{office.task.pk}/snooze", {"until": "hour"}, headers=HTMX)
    assert (again.status_code, again["HX-Reswap"]) == (409, "none")
    assert "later than that already" in again.content.decode()


@pytest.mark.parametrize(
    ("who", "to", "taken"),
    [
        ("colleague", "colleague", True),
        ("colleague", "member", False),
        ("lead", "colleague", False),
        ("manager", "best", True),
    ],
)
def test_who_may_give_what_nobody_holds(who: str, to: str, taken: bool, office: Office, browser_of: Any) -> None:
    task = builders.make_task(team=office.member.team, owner=office.colleague, estimated_hours=1)
    people = office.people()
    receiver = to if to == "best" else str(people[to].pk)
    user: User = people[who]
    post(browser_of(user), "/tasks/bulk", verb="give", task=task.pk, to=receiver)
    task.refresh_from_db()
    assert (task.assignee_id is not None) == taken


def test_one_that_refuses_keeps_none_of_the_others(office: Office, browser_of: Any) -> None:
    own = [builders.make_task(office.member) for _ in range(3)]
    done = builders.make_done_task(office.member)
    foreign = builders.make_task(office.stranger)
    ids = [*(task.pk for task in own), done.pk, foreign.pk, "x", "9" * 30]
    response = post(browser_of(office.member), "/tasks/bulk", verb="complete", task=ids)
    assert [state(task)[0] for task in own] == ["done"] * 3
    assert state(foreign)[0] == "todo"
    assert "1 task stays as it is" in response.content.decode()
    post(browser_of(office.member), "/undo", note=note_of(response))
    assert [state(task)[0] for task in own] == ["todo"] * 3


@pytest.mark.parametrize("form", [{}, {"verb": "erase", "task": "1"}, {"verb": "complete"}])
def test_nothing_ticked_changes_nothing(form: dict[str, str], office: Office, browser_of: Any) -> None:
    assert "Tick some tasks first" in post(browser_of(office.member), "/tasks/bulk", **form).content.decode()


def test_a_comment_is_in_the_history_and_starts_nothing(office: Office, browser_of: Any) -> None:
    text = "Asked for <b>two</b> years. " + "x" * 400
    html = post(browser_of(office.member), f"/tasks/{office.task.pk}/comment", text=text).content.decode()
    assert "&lt;b&gt;two&lt;/b&gt;" in html
    assert "x" * 400 in html
    said = Activity.objects.get(activity_type=Activity.TASK_COMMENTED)
    assert (said.task_id, said.actor, said.processed_at is not None) == (office.task.pk, office.member, True)
    post(browser_of(office.member), f"/tasks/{office.task.pk}/comment", text="  ")
    assert Activity.objects.filter(activity_type=Activity.TASK_COMMENTED).count() == 1
    assert browser_of(office.stranger).post(f"/tasks/{office.task.pk}/comment", {"text": "x"}).status_code == 404


def test_focus_goes_through_today_and_comes_back_to_what_was_skipped(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    second = builders.make_task(office.member, title="Second")
    first = browser.get("/focus")
    assert first.context["task"] == office.task
    skipped = browser.get(first.context["skip"])
    assert skipped.context["task"] == second
    done = post(browser, f"/tasks/{second.pk}/complete", next=skipped.context["next"])
    assert done.request["PATH_INFO"] == "/focus"
    assert "1 task was skipped" in done.content.decode()
    last = post(browser, f"/tasks/{office.task.pk}/complete", next="/focus")
    assert "All clear for today" in last.content.decode()


def test_search_finds_only_what_one_may_see(office: Office, browser_of: Any) -> None:
    builders.make_contact(office.stranger, name="Anabel Strange")
    found = browser_of(office.member).get("/search?q=ana").content.decode()
    assert "Ana Ruiz" in found
    assert "Call Ana" in found
    assert "Anabel" not in found
    assert "Ana Ruiz" not in browser_of(office.colleague).get("/search?q=ana").content.decode()
    assert "Workload" not in browser_of(office.member).get("/search").content.decode()
    assert "/team/workload" in browser_of(office.lead).get("/search?q=workl", headers=HTMX).content.decode()


def titles(response: Any) -> set[str]:
    return {task.title for task in response.context["tasks"]}


def test_the_list_is_narrowed_by_its_address(office: Office, browser_of: Any) -> None:
    now = datetime.now(UTC)
    builders.make_task(office.member, title="Far", due_date=now + timedelta(days=30), priority="high")
    builders.make_task(office.member, title="Any time")
    builders.make_task(team=office.member.team, title="Waiting")
    builders.make_done_task(office.member, title="Done")
    browser = browser_of(office.manager)
    expected = {
        "": {"Call Ana", "Far", "Any time", "Waiting"},
        "?status=done": {"Done"},
        "?assignee=none": {"Waiting"},
        f"?assignee={office.member.pk}&priority=high": {"Far"},
        "?due=overdue": {"Call Ana"},
        "?due=none": {"Any time", "Waiting"},
        "?sort=due": {"Call Ana", "Far"},
        "?q=lumen": {"Call Ana"},
        "?status=nonsense&due=nonsense": {"Call Ana", "Far", "Any time", "Waiting"},
    }
    assert {query: titles(browser.get(f"/tasks{query}")) for query in expected} == expected
    board = browser.get("/tasks?as=board&priority=high").context["columns"]
    assert {column["status"]: [task.title for task in column["tasks"]] for column in board} == {
        "todo": ["Far"], "in_progress": [], "blocked": [], "done": []
    }  # fmt: skip


def test_an_edit_keeps_what_others_changed_meanwhile(office: Office, browser_of: Any) -> None:
    browser, path = browser_of(office.member), f"/tasks/{office.task.pk}/edit"
    shown = browser.get(path)
    form = {
        "title": "Call Ana again",
        "priority": "high",
        "contact": office.contact.pk,
        "version": shown.context["version"],
    }
    lifecycle.edit(office.task, by=office.manager, now=datetime.now(UTC), description="Mind the time")
    refused = browser.post(path, form)
    assert (refused.status_code, "changed this task meanwhile" in refused.content.decode()) == (422, True)
    form["version"] = str(Task.objects.get(pk=office.task.pk).version)
    form |= {"due_date": "2026-12-24T15:00", "reminder_offset_hours": "2", "description": "Mind the time"}
    assert browser.post(path, form).status_code == 302
    task = Task.objects.get(pk=office.task.pk)
    assert (task.title, task.description, task.remind_at) == (
        "Call Ana again", "Mind the time", datetime(2026, 12, 24, 13, tzinfo=UTC)
    )  # fmt: skip
