"""Tasks from files: whose they are, what makes no twins, and what no file may do."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from crm.models import Activity
from notifications.models import Notification
from tests import builders
from tests.api.conftest import Caller, World
from tests.files.conftest import bring_in, counted, upload
from work import lifecycle
from work.models import Assignment, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HEAD = "Task,Details,Priority,Due date,Contact,Assigned to,Hours,State,ID\n"


def test_tasks_are_made_given_and_told_of_once(world: World, parts_of_three: None) -> None:
    world.team.timezone = "Europe/Berlin"
    world.team.save()
    rows = f'Call,Ask,High,2026-07-01,{world.contact.email},{world.member.username},"1,5",,K1\n'
    rows += f"Write,,,04.07.2026 08:15,,{world.member.email},,In progress,K2\nThink,,,,,,,,\nThink,,,,,,,,\n"
    rows += "Bad,,odd,03/04/2026,nobody@x.org,who,x,done,\n,,,,,,,,K9\nDone,,,,,,,Done,\n"
    done = bring_in(Caller(world.manager), HEAD + rows, "tasks")
    assert counted(done) == {"created": 3, "unchanged": 1, "refused": 3}
    assert [fault["column"] for fault in done["faults"]] == [
        "Priority", "Due date", "Assigned to", "Hours", "Task", "State",
    ]  # fmt: skip
    assert "day_first" in done["faults"][1]["message"]
    call = Task.objects.get(title="Call")
    assert call.due_date == datetime(2026, 7, 1, 15, tzinfo=UTC), "a day ends at 17:00 of the team's zone"
    assert (call.contact, call.assignee, call.owner) == (world.contact, world.member, world.manager)
    assert (call.priority, call.estimated_hours) == ("high", Decimal("1.5"))
    assert Assignment.objects.get(task=call).user == world.member
    kinds = Activity.objects.filter(task_id=call.pk).values_list("activity_type", flat=True)
    assert sorted(kinds) == ["task_assigned", "task_created"]
    write = Task.objects.get(title="Write")
    assert (write.due_date, write.status) == (datetime(2026, 7, 4, 6, 15, tzinfo=UTC), "in_progress")
    (notice,) = Notification.objects.filter(key__startswith="import:")
    assert (notice.user, notice.title) == (world.member, "2 tasks from a file are yours")
    again = bring_in(Caller(world.manager), HEAD + rows, "tasks", update="true")
    assert counted(again) == {"unchanged": 4, "refused": 3}


def test_what_is_there_is_changed_when_asked_and_finished_tasks_never(world: World) -> None:
    manager = Caller(world.manager)
    file = HEAD + f"Call,,,,,{world.member.username},,,K1\nWrite,,,,,{world.member.username},,,K2\n"
    bring_in(manager, file, "tasks")
    lifecycle.complete(Task.objects.get(title="Write"), by=world.member, now=builders.NOW)
    changed = file.replace("Call,,", "Phone,,urgent").replace("Write", "Scribble")
    changed = changed.replace(f"{world.member.username},,,K1", f"{world.lead.username},2,blocked,K1")
    assert counted(bring_in(manager, changed, "tasks")) == {"differing": 1, "unchanged": 1}
    assert counted(bring_in(manager, changed, "tasks", update="true")) == {"updated": 1, "unchanged": 1}
    task = Task.objects.get(title="Phone")
    assert (task.priority, task.status, task.assignee, task.estimated_hours) == ("urgent", "blocked", world.lead, 2)
    assert not Task.objects.filter(title="Scribble").exists()
    told = Notification.objects.filter(key__startswith="import:").order_by("pk").values_list("user", "kind", "title")
    assert list(told) == [
        (world.member.pk, "assigned", "2 tasks from a file are yours"),
        (world.lead.pk, "assigned", "A task from a file is yours"),
        (world.member.pk, "moved", "A task is no longer yours"),
    ]
    assert counted(bring_in(manager, changed.replace("blocked", "done"), "tasks", update="true"))["refused"] == 1


def test_rows_of_one_task_are_carried_out_in_their_order(world: World) -> None:
    """Those that go at one go, and those that go by themselves."""
    manager = Caller(world.manager)
    head = "Title,Priority,Assignee,ID\n"
    bring_in(manager, head + "A,low,,K1\nB,low,,K2\n", "tasks")
    who = world.member.username
    rows = f"A1,,,K1\nA2,,{who},K1\nA3,high,,K1\nB1,,{who},K2\nB2,urgent,,K2\n"
    assert counted(bring_in(manager, head + rows, "tasks", update="true")) == {"updated": 5}
    found = Task.objects.order_by("pk").filter(origin_key__startswith="import").values_list("title", "priority")
    assert list(found) == [("A3", "high"), ("B2", "urgent")]
    assert set(Task.objects.filter(title__in=["A3", "B2"]).values_list("assignee", flat=True)) == {world.member.pk}


def test_members_give_nothing_to_others_and_name_no_contact_they_do_not_see(world: World) -> None:
    hidden = builders.make_contact(builders.make_user(team=world.team))
    theirs = builders.make_task(world.lead)
    file = (
        "Title,Assignee,Contact,Nextmove id\n"
        f"Mine,{world.member.username},{world.contact.email},\nX,{world.lead.username},,\nY,,{hidden.email},\n"
        f"Z,,,{theirs.pk}\n"
    )
    done = bring_in(Caller(world.member), file, "tasks", update="true")
    assert counted(done) == {"created": 1, "refused": 3}
    theirs.refresh_from_db()
    assert theirs.title != "Z"


def test_a_date_that_can_be_read_two_ways_is_read_as_said(world: World) -> None:
    manager = Caller(world.manager)
    sent = upload(manager, "Title,Due\nA,03/04/2026\n", "tasks").json()
    address = f"/api/imports/{sent['id']}"
    assert counted(manager.post(f"{address}/check").json()) == {"refused": 1}
    for day_first, month in ((True, "04-03"), (False, "03-04")):
        manager("PUT", f"{address}/mapping", {"day_first": day_first})
        (row,) = manager.post(f"{address}/check").json()["difference"]
        assert row["changes"]["due_date"][1].startswith(f"2026-{month}")
