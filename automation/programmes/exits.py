"""What ends an enrolment before its last step, and what then becomes of its steps and tasks.

An exit wins ties: whatever the contact did before a step's time came beats the step, whenever it is processed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from automation import programmes
from automation.models import Enrolment, EnrolmentStep
from crm import consent
from crm.models import Activity, Contact
from notifications import outbox
from notifications.models import Notification
from people.models import User
from work import retiring
from work.models import Task

UNDO_FOR = timedelta(minutes=10)

REPLIED, MEETING, STATUSES = "replied", "meeting", "statuses"
UNSUBSCRIBED, COMPLAINED, BOUNCED, DO_NOT_CONTACT = "unsubscribed", "complained", "bounced", "do_not_contact"
DEFAULTS: dict[str, Any] = {
    REPLIED: True,
    MEETING: True,
    STATUSES: [Contact.LOST],
    UNSUBSCRIBED: True,
    COMPLAINED: True,
    BOUNCED: True,
    DO_NOT_CONTACT: True,
}
KINDS = {
    Activity.EMAIL_REPLIED: REPLIED,
    Activity.MEETING: MEETING,
    Activity.MEETING_BOOKED: MEETING,
    Activity.STATUS_CHANGED: STATUSES,
    Activity.EMAIL_UNSUBSCRIBED: UNSUBSCRIBED,
    Activity.EMAIL_COMPLAINED: COMPLAINED,
    Activity.EMAIL_BOUNCED: BOUNCED,
    Activity.DO_NOT_CONTACT: DO_NOT_CONTACT,
}
"""Which exit an activity may be."""

REASONS = {
    REPLIED: "The contact replied.",
    MEETING: "A meeting was booked or held.",
    STATUSES: "The contact's status became {status}.",
    UNSUBSCRIBED: "The contact unsubscribed.",
    COMPLAINED: "The contact complained about a mail.",
    BOUNCED: "Mail to the contact bounced for good.",
    DO_NOT_CONTACT: "The contact is not to be contacted.",
}
DELETED = "It was deleted."
MERGED = "The contact was merged into another."
ERASED = "The contact was erased."


def settings_of(programme: programmes.Programme) -> dict[str, Any]:
    """What ends this one: what it says, and the default for what it leaves out."""
    said = programme.exits if isinstance(programme.exits, dict) else {}
    return DEFAULTS | said


def check(exits: Any) -> list[str]:
    """What is wrong with the `exits` of a sequence or campaign; empty when nothing is."""
    if not isinstance(exits, Mapping):
        return ['Give an object such as {"replied": true, "statuses": ["lost"]}; {} for all that usually ends it.']
    faults = []
    if unknown := sorted(map(str, set(exits) - set(DEFAULTS))):
        faults.append(f"Unknown exit {', '.join(unknown)}: use {', '.join(DEFAULTS)}.")
    known = [status for status, _ in Contact.STATUSES]
    for name, value in exits.items():
        if name == STATUSES:
            if not isinstance(value, list) or any(status not in known for status in value):
                faults.append(f"statuses is a list of {', '.join(known)}; [] for none.")
        elif name in DEFAULTS and not isinstance(value, bool):
            faults.append(f"{name} is true or false.")
    if exits.get(DO_NOT_CONTACT) is False:
        faults.append("Somebody who is not to be contacted always leaves: take do_not_contact out.")
    return faults


def follow(activity: Activity, *, now: datetime) -> list[Enrolment]:
    """Ends what this activity ends for its contact, at once; those it ended. Asking again ends nothing more."""
    if activity.contact_id is None or activity.activity_type not in KINDS:
        return []
    with transaction.atomic():
        under_way = Enrolment.objects.filter(contact_id=activity.contact_id, state__in=Enrolment.UNDER_WAY)
        concerned = {row: reason_of(activity, row) for row in locked(under_way)}
        ended = [row for row, reason in concerned.items() if reason]
        for row in ended:
            end(row, Enrolment.EXITED, reason=concerned[row], now=now)
    return ended


def reason_of(activity: Activity, enrolment: Enrolment) -> str:
    """Why the activity ends the enrolment; empty when it does not.

    What happened before it was enrolled ends nothing, nor does what an undo has set aside. An opt-out counts from when
    it was told: had it been known, nobody would have been enrolled.
    """
    kind = KINDS.get(activity.activity_type)
    if kind is None or activity.pk <= enrolment.heard_activity:
        return ""
    if activity.occurred_at < enrolment.created_at and not _told_late(kind, activity, enrolment):
        return ""
    wanted = settings_of(programmes.of(enrolment)).get(kind)
    data = activity.data if isinstance(activity.data, dict) else {}
    if kind == STATUSES:
        status = str(data.get("new_status") or "")
        return REASONS[STATUSES].format(status=status) if isinstance(wanted, list) and status in wanted else ""
    if kind == BOUNCED and not consent.is_for_good(activity, enrolment.contact):
        return ""
    return REASONS[kind] if wanted else ""


def _told_late(kind: str, activity: Activity, enrolment: Enrolment) -> bool:
    """Whether it is an opt-out that was told after the enrolment, and stands: nobody let the contact in again since."""
    column = consent.COLUMN.get(kind)
    stands = column is not None and getattr(enrolment.contact, column) is not None
    return stands and activity.received_at >= enrolment.created_at


def standing_reason(enrolment: Enrolment, *, now: datetime) -> str:
    """Why it has to end before anything more is done, from the contact's row and the ledger; empty when it may go on.

    The ledger is asked also for what the engine has not processed yet: that is how an exit wins a tie.
    """
    programme, contact = programmes.of(enrolment), enrolment.contact
    if programme.archived_at is not None:
        return DELETED
    if contact.merged_into_id is not None:
        return MERGED
    if contact.erased_at is not None:
        return ERASED
    for activity in heard(enrolment, KINDS, now=now):
        if reason := reason_of(activity, enrolment):
            return reason
    # A flag that somebody set past the verbs has no row in the ledger.
    return _flagged(contact, enrolment, settings_of(programme))


def heard(enrolment: Enrolment, types: Iterable[str], *, now: datetime) -> QuerySet[Activity]:
    """What the ledger knows of the contact since it was enrolled, processed or not, oldest first."""
    since = Activity.objects.filter(contact_id=enrolment.contact_id, activity_type__in=list(types))
    since = since.filter(occurred_at__gte=enrolment.created_at, occurred_at__lte=now, pk__gt=enrolment.heard_activity)
    return since.order_by("occurred_at", "pk")


def _flagged(contact: Contact, enrolment: Enrolment, wanted: Mapping[str, Any]) -> str:
    if contact.do_not_contact:
        return REASONS[DO_NOT_CONTACT]
    if contact.status != contact.seen_status and contact.status in wanted.get(STATUSES, ()):
        return REASONS[STATUSES].format(status=contact.status)  # changed by hand, and not in the ledger yet
    flags = {
        UNSUBSCRIBED: contact.unsubscribed_at,
        COMPLAINED: contact.complained_at,
        BOUNCED: contact.bounced_at,
    }
    since = enrolment.created_at
    if enrolment.heard_activity:  # an undo has decided about the flags that stood then
        return ""
    return next((REASONS[kind] for kind, at in flags.items() if wanted.get(kind) and at and at >= since), "")


def locked(rows: QuerySet[Enrolment], *, skip: bool = False) -> list[Enrolment]:
    """The enrolments with what decisions about them read, each row locked; with `skip` without those others hold.

    Whoever decides something about an enrolment holds its lock, so a step and an exit cannot both win.
    """
    held = rows.select_for_update(of=("self",), skip_locked=skip).order_by("pk")
    return list(
        held.select_related("contact__owner", "contact__team", "team", "owner", "version", "sequence", "campaign")
    )


def end(enrolment: Enrolment, state: str, *, reason: str, now: datetime, by: User | None = None) -> bool:
    """Ends one that is under way: cancels what is planned, closes open tasks nobody touched, leaves a banner on others.
    Whoever enrolled the contact and whoever owns it hear of it, unless it is `by` them.

    Call it in a transaction, with the row locked. What it did is kept for ten minutes, to be undone. False when it
    was not under way.
    """
    if enrolment.state not in Enrolment.UNDER_WAY:
        return False
    with transaction.atomic():
        planned = enrolment.steps.filter(state=EnrolmentStep.PLANNED)
        cancelled = list(planned.values_list("pk", flat=True))
        planned.update(state=EnrolmentStep.CANCELLED, reason=reason[:255], at=now)
        said = f"{programmes.of(enrolment).name}: {reason}"
        tasks = Task.objects.open().filter(enrolment_steps__enrolment=enrolment).order_by("pk")
        retired = [retiring.retire(task, reason=said, now=now) for task in tasks]
        undo = _columns(enrolment) | {"steps": cancelled, "tasks": retired}
        save(
            enrolment,
            state=state,
            reason=reason[:255],
            ended_at=now,
            next_step_at=None,
            paused_at=None,
            resume_at=None,
            active_key=None,
            undo=undo,
            undo_until=now + UNDO_FOR,
        )
        if reason not in (MERGED, ERASED, DELETED):  # of what is not here any more there is nothing to say
            _tell(enrolment, reason, by, now)
    return True


def _tell(enrolment: Enrolment, reason: str, by: User | None, now: datetime) -> None:
    name = programmes.of(enrolment).name
    concerned = (enrolment.owner, enrolment.contact.owner)
    people = {person.pk: person for person in concerned if person is not None and person != by}
    outbox.tell(
        people.values(),
        kind=Notification.SEQUENCE,
        key=f"enrolment:{enrolment.pk}:{now:%Y%m%dT%H%M%S%f}",
        title=f"“{name}” stopped for {enrolment.contact.name}",
        body=f"{reason} Its open tasks that nobody had begun are closed.",
        path=f"/contacts/{enrolment.contact_id}",
        subjects=[
            f"contact:{enrolment.contact_id}",
            f"{programmes.kind_of(programmes.of(enrolment))}:{programmes.of(enrolment).pk}",
        ],
        now=now,
    )


def _columns(enrolment: Enrolment) -> dict[str, Any]:
    """What an undo sets back, JSON-ready."""
    instants = {name: getattr(enrolment, name) for name in ("next_step_at", "paused_at", "resume_at")}
    return {
        "state": enrolment.state,
        "reason": enrolment.reason,
        "active_key": enrolment.active_key,
        **{name: at.isoformat() if at is not None else None for name, at in instants.items()},
    }


def save(enrolment: Enrolment, **columns: Any) -> None:
    """Writes columns of a locked row, and sets them on the object."""
    Enrolment.objects.filter(pk=enrolment.pk).update(**columns)
    for name, value in columns.items():
        setattr(enrolment, name, value)


def end_all(contact: Contact, *, reason: str, now: datetime) -> int:
    """Ends all that is under way for a contact, as when it is erased; how many."""
    with transaction.atomic():
        rows = locked(Enrolment.objects.filter(contact=contact, state__in=Enrolment.UNDER_WAY))
        return sum(end(row, Enrolment.EXITED, reason=reason, now=now) for row in rows)
