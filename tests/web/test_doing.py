"""What one does to tasks on the pages, one or many, and taking it back."""

import re
from datetime import UTC, datetime, timedelta
from random import Random
from string import ascii_letters, digits
from typing import Any

import pytest
import time_machine
from django.test import Client

from crm.models import Activity
from people.models import UndoNote, User
from tests import builders
from tests.web.conftest import Office
from web import answers, doing, undoing
from work import lifecycle
from work.models import Assignment, Task

WEDNESDAY = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


def state(task: Task) -> tuple[Any, ...]:
    row = Task.objects.get(pk=task.pk)
    return row.status, row.assignee_id, row.due_date, row.actual_hours, row.notes, row.outcome


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
        "complete": (f"/tasks/{task}/complete", {"actual_hours": "2", "notes": "Said yes", "outcome": "won"}),
        "snooze": (f"/tasks/{task}/snooze", {"until": "next_week"}),
        "give": (f"/tasks/{task}/give", {"to": office.colleague.pk}),
        "queue": (f"/tasks/{task}/give", {"to": "queue"}),
        "many done": ("/tasks/bulk", {"task": task, "verb": "complete", "outcome": "no_answer"}),
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


def test_a_task_that_goes_back_is_said_to_be_in_the_queue(office: Office, browser_of: Any) -> None:
    told = browser_of(office.manager).post(f"/tasks/{office.task.pk}/give", {"to": "queue"}, headers=HTMX)
    assert f"Back in the queue: {office.task.title}" in told.content.decode()


def test_only_what_puts_a_task_off_is_offered(office: Office, browser_of: Any) -> None:
    def offered(days: int) -> list[str]:
        Task.objects.filter(pk=office.task.pk).update(due_date=datetime.now(UTC) + timedelta(days=days))
        html = browser_of(office.member).get(f"/tasks/{office.task.pk}/peek", headers=HTMX).content.decode()
        return re.findall(r'name="until" value="(\w+)"', html)

    assert offered(-1) == ["hour", "tomorrow", "next_week"]
    assert "hour" not in offered(1)
    assert offered(30) == []


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


def noise(length: int, seed: int) -> str:
    """Text that no compression makes shorter than by a third or so."""
    return "".join(Random(seed).choices(ascii_letters + digits, k=length))


def test_as_much_as_can_be_done_at_once_can_be_taken_back(office: Office, browser_of: Any) -> None:
    """The page carries a short note all the same; only its maker may use it, for ten minutes, and once."""
    tasks = [builders.make_task(office.member, notes=noise(3_000, n)) for n in range(doing.MOST)]
    before = [state(task) for task in tasks]
    browser, form = browser_of(office.manager), {"verb": "complete", "task": [task.pk for task in tasks]}
    with time_machine.travel(WEDNESDAY, tick=False) as clock:
        note = note_of(post(browser, "/tasks/bulk", **form))
        assert len(note) < 200
        assert {state(task)[0] for task in tasks} == {"done"}
        done = [state(task) for task in tasks]
        assert "Only who did it" in post(browser_of(office.lead), "/undo", note=note).content.decode()
        clock.shift(timedelta(seconds=undoing.GOOD_FOR_SECONDS))
        assert [state(task) for task in tasks] == done
        assert "Taken back for 100 tasks" in post(browser, "/undo", note=note).content.decode()
        assert [state(task) for task in tasks] == before
        assert "100 tasks were changed since" in post(browser, "/undo", note=note).content.decode()
        clock.shift(timedelta(seconds=1))
        assert "ten minutes" in post(browser, "/undo", note=note).content.decode()


def test_what_fits_into_a_page_costs_no_row(office: Office, browser_of: Any) -> None:
    tasks = [builders.make_task(office.member) for _ in range(doing.MOST)]
    form = {"verb": "snooze", "until": "tomorrow", "task": [task.pk for task in tasks]}
    assert len(note_of(post(browser_of(office.manager), "/tasks/bulk", **form))) <= undoing.LONGEST_NOTE
    assert not UndoNote.objects.exists()


def test_a_note_that_was_forgotten_is_said_to_be_too_old(office: Office, browser_of: Any) -> None:
    tasks = [builders.make_task(office.member, notes=noise(30_000, n)) for n in range(2)]
    browser, form = browser_of(office.member), {"verb": "complete", "task": [task.pk for task in tasks]}
    note = note_of(post(browser, "/tasks/bulk", **form))
    UndoNote.objects.all().delete()
    assert "ten minutes" in post(browser, "/undo", note=note).content.decode()


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


def test_a_quick_tick_asks_what_came_of_it_and_the_answer_can_be_taken_back(office: Office, browser_of: Any) -> None:
    browser, task = browser_of(office.member), office.task
    told = browser.post(f"/tasks/{task.pk}/complete", headers=HTMX).content.decode()
    assert f'action="/tasks/{task.pk}/outcome"' in told
    assert re.findall(r'name="outcome" value="(\w+)"', told) == [word for word, _ in Task.OUTCOMES]
    answer = browser.post(f"/tasks/{task.pk}/outcome", {"outcome": "no_answer"}, headers=HTMX)
    assert "No answer: Call Ana" in answer.content.decode()
    note = re.search(r'name="note" value="([^"]+)"', answer.content.decode())
    assert note is not None
    assert Task.objects.get(pk=task.pk).outcome == "no_answer"
    post(browser, f"/tasks/{task.pk}/outcome", outcome="reached")
    assert "changed since" in post(browser, "/undo", note=note[1]).content.decode()
    assert Task.objects.get(pk=task.pk).outcome == "reached"
    last = post(browser, f"/tasks/{task.pk}/outcome", outcome="")
    post(browser, "/undo", note=note_of(last))
    assert state(task)[0::5] == (Task.DONE, "reached")


def test_the_outcome_is_asked_for_once_and_of_tasks_for_contacts_only(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    said = browser.post(f"/tasks/{office.task.pk}/complete", {"outcome": "reached"}, headers=HTMX).content.decode()
    own = builders.make_task(office.member)
    alone = browser.post(f"/tasks/{own.pk}/complete", headers=HTMX).content.decode()
    for told in (said, alone):
        assert "What came of it?" not in told
    board = builders.make_task(office.member, contact=office.contact)
    form = {"status": "done"}
    assert "What came of it?" in browser.post(f"/tasks/{board.pk}/status", form, headers=HTMX).content.decode()


def test_the_page_of_a_task_asks_too_and_refuses_what_cannot_be(office: Office, browser_of: Any) -> None:
    browser, task = browser_of(office.member), office.task
    where = f"/tasks/{task.pk}/outcome"
    assert "not completed" in post(browser, where, outcome="won").content.decode()
    post(browser, f"/tasks/{task.pk}/complete")
    assert f'action="{where}"' in browser.get(f"/tasks/{task.pk}").content.decode()
    assert "There is no outcome" in post(browser, where, outcome="maybe").content.decode()
    peek = browser.post(where, {"outcome": "won"}, headers={**HTMX, "HX-Target": "peek"})
    assert 'data-task="' in peek.content.decode()
    assert "Won: Call Ana" in peek.content.decode()
    reader = browser_of(office.lead)
    assert f'action="{where}"' not in reader.get(f"/tasks/{task.pk}").content.decode()
    assert "Only its assignee" in post(reader, where, outcome="lost").content.decode()
    assert Task.objects.get(pk=task.pk).outcome == "won"


def test_reopening_by_the_board_is_taken_back_with_the_outcome(office: Office, browser_of: Any) -> None:
    browser, task = browser_of(office.member), office.task
    post(browser, f"/tasks/{task.pk}/complete", outcome="won", notes="Yes", actual_hours="2")
    before = state(task)
    moved = post(browser, f"/tasks/{task.pk}/status", status="todo")
    assert Task.objects.get(pk=task.pk).outcome == ""
    post(browser, "/undo", note=note_of(moved))
    assert state(task) == before


def test_one_outcome_for_all_that_are_ticked(office: Office, browser_of: Any) -> None:
    tasks = [builders.make_task(office.member, contact=office.contact) for _ in range(3)]
    form = {"verb": "complete", "task": [task.pk for task in tasks]}
    browser = browser_of(office.member)
    assert "There is no outcome" in post(browser, "/tasks/bulk", outcome="maybe", **form).content.decode()
    post(browser, "/tasks/bulk", outcome="message_left", **form)
    assert {Task.objects.get(pk=task.pk).outcome for task in tasks} == {"message_left"}
