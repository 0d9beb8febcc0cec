"""`TaskScheduler`: scheduling tasks from Python, in the names that scripts and older code use."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from automation import arguments, drafting, engine, events, giving, history, recurring
from automation.arguments import BadArgument
from automation.models import Firing
from automation.programmes import sequences
from automation.programmes.eligibility import Refused
from crm import contacts, intake
from crm.models import Activity, Contact
from domain import policies, sequencing, templating
from people.models import User
from work import lifecycle
from work.models import Task

SOURCE = "scheduler"
LONGEST_TEXT, LONGEST_TYPE = 20_000, 60
LONGEST_DELAY = 8_784
"""Hours of a leap year."""


@dataclass(frozen=True)
class BuiltIn:
    """What answers when no rule matches."""

    title: str
    priority: str
    delay_hours: int


BY_ACTIVITY = {
    Activity.EMAIL_OPENED: BuiltIn("Follow up with {{contact_name}}: opened your email", Task.MEDIUM, 24),
    Activity.EMAIL_CLICKED: BuiltIn("Follow up with {{contact_name}}: clicked your link", Task.HIGH, 4),
    Activity.FORM_SUBMITTED: BuiltIn("Answer {{contact_name}}: submitted a form", Task.HIGH, 1),
}
BY_STATUS = {
    (Contact.LEAD, Contact.ACTIVE): BuiltIn("Welcome {{contact_name}}: new customer", Task.URGENT, 2),
}


class TaskScheduler:
    """Schedules tasks for contacts of the owner's team on behalf of `owner`, who gets those that no rule assigns.

    Contacts may be given as rows or ids. What cannot be used is refused before anything is made: BadArgument for an
    argument that is not what it has to be, Refused for a contact that was erased.
    """

    def __init__(self, owner: User) -> None:
        if not isinstance(owner, User) or owner.pk is None or not owner.is_active:
            raise BadArgument("owner", owner, "a user who is saved and active")
        self.owner = owner

    def schedule_task_for_contact(
        self,
        contact: Contact | int,
        title: str,
        description: str = "",
        priority: str = Task.MEDIUM,
        due_date: datetime | None = None,
        reminder_offset_hours: float | Decimal | None = None,
    ) -> Task:
        """One task, the owner's. `due_date` is kept as given. Raises BadArgument, Refused."""
        now = timezone.now()
        row = arguments.contact(contact, owner=self.owner)
        fields: dict[str, Any] = {
            "title": arguments.text("title", title, most=templating.TITLE_LENGTH),
            "description": arguments.text("description", description, most=LONGEST_TEXT, blank=True),
            "priority": arguments.word("priority", priority, dict(Task.PRIORITIES)),
        }
        if due_date is not None:
            fields["due_date"] = arguments.instant("due_date", due_date)
        if reminder_offset_hours is not None:
            fields["reminder_offset_hours"] = arguments.hours("reminder_offset_hours", reminder_offset_hours)
        with transaction.atomic():
            task = lifecycle.create(row.team, **fields, contact=row, owner=self.owner, by=self.owner, now=now)
            self._take(task, now)
        return task

    def schedule_follow_up_sequence(
        self, contact: Contact | int, sequence_type: str = "standard", start_delay_hours: float = 0
    ) -> list[Task]:
        """The tasks of a preset, days counted from the call. Raises AlreadyEnrolled, Refused, BadArgument."""
        _, tasks = sequences.enrol(
            arguments.contact(contact, owner=self.owner),
            arguments.word("sequence_type", sequence_type, sequencing.PRESETS),
            owner=self.owner,
            start_delay_hours=arguments.hours("start_delay_hours", start_delay_hours, most=LONGEST_DELAY),
            now=timezone.now(),
        )
        return tasks

    def schedule_based_on_activity(self, contact: Contact | int, activity_type: str) -> Task | None:
        """Records the activity and runs the rules; the first task of theirs, else the built-in answer, else None.

        Raises BadArgument, Refused.
        """
        now = timezone.now()
        row = arguments.contact(contact, owner=self.owner)
        arguments.text("activity_type", activity_type, most=LONGEST_TYPE)
        if activity_type.lower() in intake.OWN_RECORDS:
            raise BadArgument("activity_type", activity_type, "what a contact did: Nextmove itself records this one")
        recorded = intake.record(
            row.team,
            [intake.Incoming(activity_type, contact_id=row.pk, source=SOURCE, signal=Activity.HUMAN)],
            now=now,
        )
        if recorded.rejected:  # erased this instant
            raise Refused("erased", recorded.rejected[0].errors[0].message)
        activity = Activity.objects.select_related("contact__owner", "team").get(pk=recorded.accepted[0])
        fired = engine.process(activity, now=now)
        return _first_task(fired) or self._answer(BY_ACTIVITY.get(activity_type), row, activity, fired, now)

    def schedule_based_on_status(self, contact: Contact | int, old_status: str, new_status: str) -> Task | None:
        """Runs the rules for the contact's latest change between these words, recorded now if there is none.

        Raises BadArgument, Refused.
        """
        now = timezone.now()
        row = arguments.contact(contact, owner=self.owner)
        activity = status_activity(row, old_status, new_status, by=self.owner, now=now)
        fired = engine.process(activity, now=now)
        words = (activity.data["old_status"], activity.data["new_status"])
        return _first_task(fired) or self._answer(BY_STATUS.get(words), row, activity, fired, now)

    def schedule_recurring_tasks(
        self, contact: Contact | int, cadence: str, task_template: Mapping[str, Any]
    ) -> list[Task]:
        """Sets the contact's cadence and makes the first task; later ones come as they fall due.

        Raises BadArgument, BadTemplate, Refused.
        """
        row = arguments.contact(contact, owner=self.owner)
        arguments.cadence("cadence", cadence)
        _, tasks = recurring.schedule_recurring(row, cadence, task_template, owner=self.owner, now=timezone.now())
        if contact == row:
            _show(row, contact)
        return tasks

    def _take(self, task: Task, now: datetime) -> None:
        sentence = f"{self.owner.display_name} scheduled it."
        giving.give(task, self.owner, by=self.owner, now=now, sentence=sentence)

    def _answer(
        self, built_in: BuiltIn | None, contact: Contact, activity: Activity, fired: list[Firing], now: datetime
    ) -> Task | None:
        """The built-in task when no rule matched; one that is still open is returned instead of a twin."""
        if built_in is None or fired:
            return None
        once_key = f"built-in:{activity.activity_type}:contact:{contact.pk}"
        values = drafting.template_values(contact, events.of_activity(activity))
        with engine.alone(contact.team_id):
            standing = Task.objects.open().filter(once_key=once_key).first()
            if standing is not None:
                return standing
            Task.objects.filter(once_key=once_key).update(once_key=None)
            task = lifecycle.create(
                contact.team,
                title=templating.render_title(built_in.title, values, fallback="Follow up"),
                priority=built_in.priority,
                due_date=activity.occurred_at + timedelta(hours=built_in.delay_hours),
                contact=contact,
                owner=self.owner,
                once_key=once_key,
                kind=f"built-in:{activity.activity_type}"[:60],
                origin_key=f"built-in:{activity.pk}",
                by=self.owner,
                now=now,
            )
            self._take(task, now)
        return task


def status_activity(contact: Contact, old: str, new: str, *, by: User | None, now: datetime) -> Activity:
    """The contact's latest STATUS_CHANGED activity with these words; recorded only when there is none.

    A status saved by hand just before is followed first, so that it is the change meant and fires once. Raises
    BadArgument for an unknown status, and for one that stays.
    """
    known = dict(Contact.STATUSES)
    old, new = arguments.word("old_status", old, known), arguments.word("new_status", new, known)
    if old == new:
        raise BadArgument("new_status", new, "another status than old_status: that is no change")
    with transaction.atomic():
        contacts.notice(contact.pk, now=now)
    changes = Activity.objects.filter(
        contact=contact,
        activity_type=Activity.STATUS_CHANGED,
        data__old_status=old,
        data__new_status=new,
    ).select_related("contact__owner", "team")
    return changes.order_by("-occurred_at", "-pk").first() or contacts.record_status_change(
        contact, old, new, by=by, now=now
    )


def _first_task(fired: list[Firing]) -> Task | None:
    """The first task made, else the one that kept a rule from making another."""
    for one in fired:
        if one.task is not None:
            return one.task
    for one in fired:
        if one.reason == policies.STILL_OPEN and one.contact is not None:
            return history.open_task_of(one.rule, one.contact)
    return None


def _show(row: Contact, given: Contact) -> None:
    """The caller's own object has the cadence too, as the database has it: saving it later writes none of this."""
    names = ("contact_cadence", "cadence_anchor_day", "next_touch_at")
    for name in names:
        setattr(given, name, getattr(row, name))
    given.note_stored(names)
