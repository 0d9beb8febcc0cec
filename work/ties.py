"""What a task is tied to: the tasks it waits for, and the people who must not have it."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from crm.models import Contact
from domain import circles
from people.models import Team, User
from work.audited import CONTACT, TASK
from work.models import Dependency, Exclusion, Task, TaskQuerySet


def wait_for(task: Task, others: Collection[Task], *, by: User | None, now: datetime) -> None:
    """Lets a task wait for these, instead of those it waited for. Finished ones may be among them.

    Raises ValidationError as `check_waits` does.
    """
    with transaction.atomic():
        check_waits(task, others, by=by)
        with TASK.changing(task, by=by, now=now):
            mine = Dependency.objects.filter(task=task)
            mine.exclude(waits_for__in=[other.pk for other in others]).delete()
            Dependency.objects.bulk_create(
                (Dependency(task=task, waits_for=other) for other in others), ignore_conflicts=True
            )
            _note_changed([task.pk])


def check_waits(task: Task, others: Collection[Task], *, by: User | None = None) -> None:
    """Raises ValidationError when a task can't wait for these: one of another team, or one that waits for it.

    The circle is named, with the titles that `by` may see (all of them for nobody). The team is locked until the
    transaction ends: of two who would close a circle together, the second sees it.
    """
    strange = [str(other.pk) for other in others if other.team_id != task.team_id]
    if strange:
        raise ValidationError(f"Task {', '.join(strange)} is another team's: name tasks of the same team.", code="team")
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=task.team_id)
        for other in others:
            back = circles.way(other.pk, task.pk, _waited_for)
            if back:
                names = _names([task.pk, *back], by)
                raise ValidationError(circles.sentence(names, "waits for"), code="circle")


def waited_for(task: Task) -> list[Task]:
    """What the task waits for, finished or not, in the order of their ids."""
    return list(Task.objects.filter(dependents__task=task).order_by("pk"))


def parted(tasks: list[Task], user: User) -> tuple[list[Task], list[Task]]:
    """Those of the tasks that the user may see, and the others."""
    if not tasks:
        return [], []
    visible = set(Task.objects.visible_to(user).filter(pk__in=[task.pk for task in tasks]).values_list("pk", flat=True))
    return [task for task in tasks if task.pk in visible], [task for task in tasks if task.pk not in visible]


def exclude(task: Task, users: Collection[User], *, by: User | None, now: datetime) -> None:
    """Keeps a task from these people, and from nobody else. Raises ValidationError for one who holds it."""
    with TASK.changing(task, by=by, now=now):  # under the lock nobody is given it meanwhile
        _check_people(users, task.team_id)
        _refuse_holders(Task.objects.filter(pk=task.pk), users)
        mine = Exclusion.objects.filter(task=task)
        mine.exclude(user__in=users).delete()
        Exclusion.objects.bulk_create((Exclusion(task=task, user=user) for user in users), ignore_conflicts=True)
        _note_changed([task.pk])


def exclude_from(contact: Contact, users: Collection[User], *, by: User | None, now: datetime) -> None:
    """Keeps all work of a contact from these people, and from nobody else.

    Raises ValidationError for one who holds an open task of the contact. Plans made before are void for its tasks.
    """
    with CONTACT.changing(contact, by=by, now=now):
        _check_people(users, contact.team_id)
        tasks = Task.objects.open().filter(contact=contact).order_by("pk")
        locked = list(tasks.select_for_update(no_key=True).values_list("pk", flat=True))
        _refuse_holders(tasks, users)
        before = set(excluded_from(contact))
        mine = Exclusion.objects.filter(contact=contact)
        mine.exclude(user__in=users).delete()
        Exclusion.objects.bulk_create((Exclusion(contact=contact, user=user) for user in users), ignore_conflicts=True)
        if before != {user.pk for user in users}:
            _note_changed(locked)


def excluded(task: Task) -> list[int]:
    """Ids of the people who must not have the task itself, in ascending order."""
    return list(Exclusion.objects.filter(task=task).order_by("user").values_list("user", flat=True))


def excluded_from(contact: Contact) -> list[int]:
    """Ids of the people who must not have any work of the contact, in ascending order."""
    return list(Exclusion.objects.filter(contact=contact).order_by("user").values_list("user", flat=True))


def obstacle(task: Task, user: User) -> str:
    """Why this person must not have the task, with what to change; empty when they may."""
    of = Exclusion.objects.of(task).filter(user=user).order_by("task").first()
    if of is None:
        return ""
    what, whose = ("this task", "task") if of.task_id is not None else ("work of this contact", "contact")
    return (
        f"{user.display_name} must not have {what}: choose somebody else, or take them off the {whose}'s "
        "excluded_user_ids."
    )


def keep(contact: Contact) -> None:
    """Lets nobody be excluded from the work of a contact until the transaction ends.

    For whoever gives out a task that becomes the contact's in the same transaction: who excludes cannot see it yet.
    """
    Contact.objects.select_for_update(no_key=True).get(pk=contact.pk)


def check_contact(holder: User, contact: Contact) -> None:
    """Raises ValidationError when a task can't move to this contact with whoever holds it. Be in a transaction."""
    keep(contact)
    if Exclusion.objects.filter(contact=contact, user=holder).exists():
        why = f"{holder.display_name} must not have work of this contact: give the task to somebody else first."
        raise ValidationError({"contact_id": [why]})


def check_exclusion(exclusion: Exclusion) -> None:
    """Raises ValidationError for one that names no task or contact, or both, another team, or who holds such work."""
    if (exclusion.task_id is None) == (exclusion.contact_id is None):
        raise ValidationError("Name either a task or a contact.", code="one_thing")
    where = exclusion.task or exclusion.contact
    assert where is not None
    _check_people([exclusion.user], where.team_id)
    kept = {"pk": exclusion.task_id} if exclusion.task_id else {"contact": exclusion.contact_id}
    _refuse_holders(Task.objects.filter(**kept), [exclusion.user])


def _waited_for(tasks: Collection[int]) -> Iterable[tuple[int, int]]:
    rows = Dependency.objects.filter(task__in=tasks).order_by("pk")
    return rows.values_list("task_id", "waits_for_id")


def _names(pks: list[int], by: User | None) -> list[str]:
    rows = Task.objects.filter(pk__in=pks) if by is None else Task.objects.visible_to(by).filter(pk__in=pks)
    titles = dict(rows.values_list("pk", "title"))
    return [f"“{titles[pk]}”" if pk in titles else f"task {pk}" for pk in pks]


def _check_people(users: Collection[User], team_id: int) -> None:
    strange = [user.display_name for user in users if user.team_id != team_id]
    if strange:
        raise ValidationError(f"{', '.join(strange)}: not in the team. Name people of the same team.", code="team")


def _refuse_holders(tasks: TaskQuerySet, users: Collection[User]) -> None:
    names = {user.pk: user.display_name for user in users}
    held = list(tasks.open().filter(assignee__in=names).order_by("pk"))
    if not held:
        return
    who = ", ".join(sorted({names[task.assignee_id] for task in held if task.assignee_id is not None}))
    which = ", ".join(f"{task.pk} “{task.title}”" for task in held[:3])
    more = f" and {len(held) - 3} more" if len(held) > 3 else ""
    raise ValidationError(f"{who} still holds task {which}{more}: give it to somebody else first.", code="held")


def _note_changed(tasks: list[int]) -> None:
    """Whoever read the tasks before now sees that they are no longer the same."""
    Task.objects.filter(pk__in=tasks).update(version=F("version") + 1)
