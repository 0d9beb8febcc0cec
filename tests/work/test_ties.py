"""What tasks wait for, who must not have them: refused where it can't be, and kept to where it is."""

import threading
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.urls import reverse

from crm import erase, merge
from people import deactivation
from people.models import Change, User
from tests import builders
from tests.builders import NOW
from work import lifecycle, ties
from work.models import Dependency, Exclusion, Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


@pytest.fixture
def member(manager: User) -> User:
    return builders.make_user(team=manager.team, first_name="Ann")


def made(user: User, *titles: str) -> list[Task]:
    return [builders.make_task(team=user.team, title=title) for title in titles]


def wait_for(task: Task, *others: Task, by: User | None = None) -> None:
    ties.wait_for(task, others, by=by, now=NOW)


def waiting(manager: User) -> set[str]:
    return set(Task.objects.waiting().filter(team=manager.team).values_list("title", flat=True))


def test_a_task_is_ready_when_all_it_waits_for_is_finished(manager: User) -> None:
    build, try_it, ship = made(manager, "Build", "Try", "Ship")
    wait_for(ship, build, try_it, by=manager)
    assert waiting(manager) == {"Build", "Try"}
    lifecycle.complete(build, by=manager, now=NOW)
    assert waiting(manager) == {"Try"}
    lifecycle.set_status(try_it, Task.CANCELLED, by=manager, now=NOW)
    assert waiting(manager) == {"Ship"}, "what was cancelled holds nothing back"
    lifecycle.set_status(build, Task.TODO, by=manager, now=NOW)
    assert waiting(manager) == set(), "nor is Ship ready while Build is worked on again"


def test_the_line_says_what_it_waits_for(manager: User) -> None:
    build, ship = made(manager, "Build", "Ship")
    wait_for(ship, build, by=manager)
    wait_for(ship, build, by=manager)
    wait_for(ship, by=manager)
    lines = Change.objects.filter(subject_id=ship.pk).order_by("pk")
    assert [(line.before, line.after) for line in lines] == [
        ({"depends_on": []}, {"depends_on": [build.pk]}),
        ({"depends_on": [build.pk]}, {"depends_on": []}),
    ]


def test_a_circle_is_refused_with_the_titles_one_may_see(manager: User, member: User) -> None:
    build, try_it, ship = made(manager, "Build", "Try", "Ship")
    wait_for(ship, try_it)
    wait_for(try_it, build)
    with pytest.raises(ValidationError, match="“Build” waits for “Ship”, which waits for “Try”, which waits for “Bui"):
        wait_for(build, ship, by=manager)
    Task.objects.filter(pk=build.pk).update(owner=member)
    with pytest.raises(ValidationError, match=f"“Build” waits for task {ship.pk}, which waits for task {try_it.pk}, w"):
        wait_for(build, ship, by=member)
    with pytest.raises(ValidationError, match="“Build” waits for “Build”: remove one"):
        Dependency(task=build, waits_for=build).full_clean()
    with pytest.raises(ValidationError, match="which waits for"):
        Dependency(task=build, waits_for=ship).full_clean()
    with pytest.raises(ValidationError, match="another team"):
        wait_for(build, builders.make_task())
    lifecycle.complete(ship, by=manager, now=NOW)
    with pytest.raises(ValidationError, match="remove one"):
        wait_for(build, ship)  # it may be reopened
    assert Dependency.objects.count() == 2


def at_once(*calls: Callable[[], object]) -> list[str]:
    start = threading.Barrier(len(calls))
    told: list[str] = []

    def race(call: Callable[[], object]) -> None:
        start.wait()
        try:
            told.append("refused" if call() is None else "done")
        except (ValidationError, lifecycle.NotAllowed):
            told.append("refused")
        connections.close_all()

    threads = [threading.Thread(target=race, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(told)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_close_no_circle_together(manager: User) -> None:
    one, two = made(manager, "One", "Two")
    told = at_once(lambda: wait_for(one, two) or True, lambda: wait_for(two, one) or True)
    assert told == ["done", "refused"]
    assert Dependency.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("of", ["task", "contact"])
def test_nobody_is_excluded_from_and_given_a_task_at_once(of: str, manager: User, member: User) -> None:
    contact = builders.make_contact(team=manager.team)
    (task,) = made(manager, "Call")
    Task.objects.filter(pk=task.pk).update(contact=contact)
    row = Task.objects.get(pk=task.pk)
    exclude = {
        "task": lambda: ties.exclude(row, [member], by=manager, now=NOW) or True,
        "contact": lambda: ties.exclude_from(contact, [member], by=manager, now=NOW) or True,
    }[of]
    told = at_once(exclude, lambda: lifecycle.assign(task, member, by=manager, now=NOW, method="manual"))
    assert told == ["done", "refused"]
    held = Task.objects.filter(assignee=member).exists()
    assert held != Exclusion.objects.filter(user=member).exists()


def test_who_is_excluded_is_not_given_the_task(manager: User, member: User) -> None:
    contact = builders.make_contact(team=manager.team)
    task, other = builders.make_task(team=manager.team), builders.make_task(contact=contact)
    ties.exclude(task, [member], by=manager, now=NOW)
    ties.exclude_from(contact, [member], by=manager, now=NOW)
    for one in (task, other):
        with pytest.raises(lifecycle.Excluded, match=r"Ann must not have .*: choose somebody else, or"):
            lifecycle.assign(one, member, by=manager, now=NOW, method="manual")
        assert lifecycle.assign(one, manager, by=manager, now=NOW, method="manual")
    ties.exclude(task, [], by=manager, now=NOW)
    assert lifecycle.assign(task, member, by=manager, now=NOW, method="manual", expected=manager.pk)


def test_who_holds_it_is_not_excluded_before_somebody_else_has_it(manager: User, member: User) -> None:
    contact = builders.make_contact(team=manager.team)
    task = builders.make_task(member, contact=contact, title="Call")
    for refused in (
        lambda: ties.exclude(task, [member], by=manager, now=NOW),
        lambda: ties.exclude_from(contact, [member], by=manager, now=NOW),
        lambda: Exclusion(task=task, user=member).full_clean(),
        lambda: Exclusion(contact=contact, user=member).full_clean(),
    ):
        with pytest.raises(ValidationError, match=f"Ann still holds task {task.pk} “Call”: give it to somebody else"):
            refused()
    lifecycle.complete(task, by=member, now=NOW)
    ties.exclude_from(contact, [member], by=manager, now=NOW)
    assert ties.excluded_from(contact) == [member.pk]
    line = Change.objects.get(kind="contact")
    assert (line.subject_id, line.after) == (str(contact.pk), {"excluded_user_ids": [member.pk]})


def test_a_held_task_does_not_move_to_a_contact_whose_work_its_holder_must_not_have(
    manager: User, member: User
) -> None:
    contact = builders.make_contact(team=manager.team)
    ties.exclude_from(contact, [member], by=manager, now=NOW)
    task = builders.make_task(member)
    with pytest.raises(ValidationError, match="Ann must not have work of this contact: give the task to somebody els"):
        lifecycle.edit(task, by=manager, now=NOW, contact=contact)


def test_an_exclusion_is_of_one_thing_and_one_team(manager: User, member: User) -> None:
    task, contact = builders.make_task(team=manager.team), builders.make_contact(team=manager.team)
    for odd in (Exclusion(user=member), Exclusion(user=member, task=task, contact=contact)):
        with pytest.raises(ValidationError, match="either a task or a contact"):
            odd.full_clean()
    with pytest.raises(ValidationError, match="not in the team"):
        Exclusion(user=builders.make_user(), task=task).full_clean()
    Exclusion(user=member, task=task).full_clean()


def test_a_plan_made_before_an_exclusion_is_void(manager: User, member: User) -> None:
    contact = builders.make_contact(team=manager.team)
    task = builders.make_task(contact=contact)
    ties.exclude_from(contact, [member], by=manager, now=NOW)
    assert lifecycle.assign(task, manager, by=None, now=NOW, method="batch", version=task.version) is None


def test_a_merge_unites_who_is_excluded_and_its_undo_parts_them(manager: User, member: User) -> None:
    survivor, absorbed = (builders.make_contact(team=manager.team) for _ in range(2))
    ties.exclude_from(survivor, [member], by=manager, now=NOW)
    ties.exclude_from(absorbed, [member, manager], by=manager, now=NOW)
    row = merge.merge(survivor, absorbed, by=manager, now=NOW)
    both = sorted([manager.pk, member.pk])
    assert (ties.excluded_from(survivor), ties.excluded_from(absorbed)) == (both, [])
    merge.unmerge(row, by=manager, now=NOW)
    assert (ties.excluded_from(survivor), ties.excluded_from(absorbed)) == ([member.pk], both)


def test_erasing_leaving_and_deleting_do_not_trip_over_ties(manager: User, member: User) -> None:
    contact = builders.make_contact(team=manager.team)
    first, second = builders.make_task(contact=contact, title="First thing"), builders.make_task(team=manager.team)
    wait_for(second, first)
    ties.exclude_from(contact, [member], by=manager, now=NOW)
    ties.exclude(second, [member], by=manager, now=NOW)
    deactivation.deactivate(member, by=manager, now=NOW)
    erase.erase(contact, by=manager, now=NOW)
    assert second.title in waiting(manager), "what was erased holds nothing back"
    second.delete()
    assert not Dependency.objects.exists()


def test_the_admin_refuses_and_tells(manager: User, member: User, client) -> None:
    boss = builders.make_manager(team=manager.team, is_superuser=True, is_staff=True)
    client.force_login(boss)
    build, ship = made(manager, "Build", "Ship")
    wait_for(ship, build)
    add = reverse("admin:work_dependency_add")
    refused = client.post(add, {"task": build.pk, "waits_for": ship.pk})
    assert "“Build” waits for “Ship”, which waits for “Build”: remove one." in refused.content.decode()
    add, contact = reverse("admin:work_exclusion_add"), builders.make_contact(team=manager.team)
    assert client.post(add, {"user": member.pk, "contact": contact.pk}).status_code == 302
    assert client.post(add, {"user": member.pk, "task": build.pk}).status_code == 302
    rows = Exclusion.objects.order_by("pk").values_list("pk", flat=True)
    client.post(reverse("admin:work_exclusion_delete", args=[rows[0]]), {"post": "yes"})
    lines = Change.objects.filter(actor=boss).order_by("pk").values_list("kind", "after")
    assert list(lines) == [
        ("contact", {"excluded_user_ids": [member.pk]}),
        ("task", {"excluded_user_ids": [member.pk]}),
        ("contact", {"excluded_user_ids": []}),
    ]
