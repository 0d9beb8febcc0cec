"""Taking back what one just did.

What there was before is kept in a signed note on the page: it is good for its maker, for ten minutes, and changes
nothing of a task that somebody changed since. Nearly all that people do fits into such a note, and costs no row. What
does not, a hundred tasks with long notes or a large file of rules, is kept in a table for these ten minutes, and the
note names it: whatever can be done at once can be taken back at once.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from assignment import dispatch, rebalancing, runs
from assignment.models import Decision, Run, Suggestion
from automation import cancelling, detaching
from automation.exchange import reverting
from crm import contacts, unmatched
from crm.models import Activity, ActivityConflict, Contact
from jobs.models import Job
from learning import points
from people import rights, undo_notes
from people.models import SavedView, User
from web import answers
from web.access import Request, signed_in
from work import lifecycle
from work.models import Task

GOOD_FOR_SECONDS = int(undo_notes.KEEP.total_seconds())
COMPLETED, PUT_OFF, GIVEN, MOVED, PLACED = "completed", "put_off", "given", "moved", "placed"
SAID = "said"
"""What came of a task that was completed before."""
RUN, MOVE = "run", "move"
"""What a plan of the whole team gave out, and a suggested move: these have verbs of their own that take them back."""
ATTACHED, DISMISSED, SETTLED = "attached", "dismissed", "settled"
"""Events that were given to a contact, one that nobody has to look at, and a conflict that was looked at."""
IMPORTED = "imported"
"""Rules, sequences and campaigns of a file."""
JOB = "job"
"""A job that was cancelled."""
VIEW = "view"
"""A view of a list that was deleted."""
POINTS = "points"
"""What facts of leads are worth to the team."""
KEPT = "kept"
"""Not a step: the rest of the note stands in the table, under this id."""
LONGEST_NOTE = 20_000
"""Characters that a page carries; a longer note is kept in the table."""
_SALT = "web.undoing"
_STAYS = {
    detaching.GONE: gettext_lazy("These events are not the contact's any more."),
    detaching.WENT_ON: gettext_lazy("A sequence of the contact has gone another way since: mend it on its page."),
    detaching.OPTED_OUT: gettext_lazy("The contact has opted out since: mend it on its page."),
    detaching.CLOSED: gettext_lazy("Tasks of the contact were closed since: mend it on its page."),
}


class NotTheirs(Exception):
    """Somebody else did what the note takes back."""


@dataclass(frozen=True)
class Step:
    """One task as it was before one of these, and the version it has since; of what is no task its own id stands."""

    what: str
    task_id: int
    version: int
    before: dict[str, Any]


def before(task: Task) -> dict[str, Any]:
    """What any of these may change of a task, as JSON."""
    return {
        "status": task.status,
        "assignee": task.assignee_id,
        "due_date": task.due_date.isoformat() if task.due_date else None,
        "actual_hours": str(task.actual_hours) if task.actual_hours is not None else None,
        "notes": task.notes,
        "outcome": task.outcome,
    }


def step(what: str, task: Task, was: dict[str, Any]) -> Step:
    """To be asked for as soon as the task was changed."""
    return Step(what, task.pk, Task.objects.values_list("version", flat=True).get(pk=task.pk), was)


def note(user: User, steps: Iterable[Step]) -> str:
    """The signed note; empty when there is nothing to take back."""
    return _signed(user, [[one.what, one.task_id, one.version, one.before] for one in steps])


def note_of_run(user: User, run: Run) -> str:
    return _signed(user, [[RUN, str(run.pk), 0, {}]])


def note_of_moves(user: User, moves: Iterable[int]) -> str:
    """Of suggested moves that were applied, by id; empty for none."""
    return _signed(user, [[MOVE, pk, 0, {}] for pk in moves])


def note_of_attached(
    user: User, done: unmatched.Attached, was: dict[str, Any], at: datetime, *, made: bool = False
) -> str:
    """`was` is how the contact stood before (`detaching.before`); `made` says that it was made for these events."""
    kept = {"activities": done.activities, "learned": done.learned, "was": was, "at": at.isoformat()}
    return _signed(user, [[ATTACHED, done.contact.pk, 0, kept | ({"made": _said_of(done.contact)} if made else {})]])


def note_of_import(user: User, steps: Iterable[reverting.Step]) -> str:
    found = [astuple(one) for one in steps]
    return _signed(user, [[IMPORTED, 0, 0, {"steps": found}]] if found else [])


def note_of_dismissed(user: User, row: Activity | ActivityConflict) -> str:
    return _signed(user, [[DISMISSED if isinstance(row, Activity) else SETTLED, row.pk, 0, {}]])


def note_of_cancelled(user: User, job: Job) -> str:
    return _signed(user, [[JOB, str(job.pk), 0, {}]])


def note_of_view(user: User, view: SavedView) -> str:
    return _signed(user, [[VIEW, 0, 0, {"page": view.page, "name": view.name, "query": view.query}]])


def note_of_points(user: User, was: list[Any], after: list[Any]) -> str:
    """Of what facts of leads are worth; empty where nothing changed."""
    return _signed(user, [[POINTS, 0, 0, {"was": was, "after": after}]] if was != after else [])


def _signed(user: User, rows: list[list[Any]]) -> str:
    note = _packed(user, rows) if rows else ""
    if len(note) <= LONGEST_NOTE:
        return note
    return _packed(user, [[KEPT, undo_notes.keep(user, rows, now=timezone.now()), 0, {}]])


def _packed(user: User, rows: list[list[Any]]) -> str:
    return signing.dumps([user.pk, rows], salt=_SALT, compress=True)


def _read(user: User, note: str) -> list[Step]:
    """Raises BadSignature for one that is none of ours or too old, NotTheirs for another's."""
    maker, rows = signing.loads(note, salt=_SALT, max_age=GOOD_FOR_SECONDS)
    if maker != user.pk:
        raise NotTheirs
    what, pk, *_rest = rows[0]
    if what == KEPT:
        rows = undo_notes.kept(user, pk, now=timezone.now())
        if rows is None:
            raise signing.SignatureExpired
    return [Step(*row) for row in rows]


@require_POST
@signed_in
def undo(request: Request) -> HttpResponse:
    try:
        steps, now = _read(request.user, request.POST.get("note", "")), timezone.now()
    except signing.BadSignature:
        return answers.refused(request, _("This can be taken back for ten minutes only."))
    except NotTheirs:
        return answers.refused(request, _("Only who did it can take it back."))
    if steps[0].what in _WHOLE:
        return _WHOLE[steps[0].what](request, steps[0])
    undone = kept = 0
    for one in steps:
        if one.what == RUN:
            back, stay = _run_back(str(one.task_id), request.user, now)
        else:
            back = int((_move_back if one.what == MOVE else _take_back)(one, request.user, now))
            stay = 1 - back
        undone, kept = undone + back, kept + stay
    if kept or not undone:
        text = ngettext(
            "%(n)s task was changed since and stays as it is.",
            "%(n)s tasks were changed since and stay as they are.",
            kept,
        )
        return answers.refused(request, text % {"n": kept}, changed=undone > 0)
    return answers.done(request, ngettext("Taken back", "Taken back for %(n)s tasks", undone) % {"n": undone})


def _run_back(pk: str, user: User, now: datetime) -> tuple[int, int]:
    """How many tasks of a run went back, and how many stay."""
    run = Run.objects.visible_to(user).filter(pk=pk).first()
    if run is None or not user.manages:
        return 0, 1
    given = run.decisions.filter(state=Decision.APPLIED).count()
    try:
        kept = len(runs.undo(run, by=user, now=now)["kept"])
    except (runs.Busy, runs.NotThis):
        return 0, given
    return given - kept, kept


def _move_back(one: Step, user: User, now: datetime) -> bool:
    move = Suggestion.objects.visible_to(user).filter(pk=one.task_id).first()
    if move is None or not user.manages:
        return False
    try:
        rebalancing.undo(move, by=user, now=now)
    except rebalancing.Stale:
        return False
    return True


def _take_back(one: Step, user: User, now: datetime) -> bool:
    try:
        with transaction.atomic():
            rows = Task.objects.visible_to(user).select_related("assignee", "owner", "team", "contact")
            task = rows.select_for_update(of=("self",), no_key=True).filter(pk=one.task_id, version=one.version).first()
            if task is None:
                return False
            return _BACK[one.what](task, one.before, user, now)
    except (lifecycle.NotAllowed, lifecycle.NotOpen, lifecycle.NotDone, lifecycle.Changed, ValidationError):
        return False


def _put_status_back(task: Task, was: dict[str, Any], user: User, now: datetime) -> bool:
    dispatch.set_status(task, was["status"], by=user, now=now, outcome=was.get("outcome", ""))
    hours = None if was["actual_hours"] is None else Decimal(was["actual_hours"])
    if (task.actual_hours, task.notes) != (hours, was["notes"]):
        lifecycle.edit(task, by=user, now=now, actual_hours=hours, notes=was["notes"])
    if was["assignee"] is None and task.assignee_id is not None:
        dispatch.unassign(task, by=user, now=now)
    return True


def _said_before(task: Task, was: dict[str, Any], user: User, now: datetime) -> bool:
    lifecycle.say_outcome(task, was["outcome"], by=user, now=now)
    return True


def _due_again(task: Task, was: dict[str, Any], user: User, now: datetime) -> bool:
    lifecycle.edit(task, by=user, now=now, due_date=parse_datetime(was["due_date"]) if was["due_date"] else None)
    return True


def _put_back(task: Task, was: dict[str, Any], user: User, now: datetime) -> bool:
    due = task.due_date.isoformat() if task.due_date else None
    if due != was["due_date"]:
        _due_again(task, was, user, now)
    return task.assignee_id == was["assignee"] or _give_back(task, was, user, now)


def _give_back(task: Task, was: dict[str, Any], user: User, now: datetime) -> bool:
    if was["assignee"] is None:
        return dispatch.unassign(task, by=user, now=now)
    former = User.objects.visible_to(user).active().filter(pk=was["assignee"]).first()
    return former is not None and dispatch.assign(task, former, by=user, now=now) is not None


def _attached_back(request: Request, one: Step) -> HttpResponse:
    contact = Contact.objects.visible_to(request.user).filter(pk=one.task_id).first()
    if contact is None or not request.user.leads:
        return answers.refused(request, _("The contact is not there any more."))
    now = timezone.now()
    was, at, learned = one.before["was"], parse_datetime(one.before["at"]) or now, one.before["learned"]
    try:
        done = detaching.detach(contact, one.before["activities"], was, learned=learned, at=at, now=now)
    except detaching.CannotDetach as refusal:
        return answers.refused(request, str(_STAYS[str(refusal)]))
    if done.kept:
        text = ngettext(
            "The events wait again; %(n)s task that somebody has begun stays.",
            "The events wait again; %(n)s tasks that somebody has begun stay.",
            done.kept,
        )
        return answers.refused(request, text % {"n": done.kept}, changed=True)
    if "made" in one.before and not _is_gone(contact, one.before["made"], request.user, now):
        text = _("The events wait again; the contact stays, for something has happened to it since.")
        return answers.refused(request, text, changed=True)
    count = len(done.activities)
    text = ngettext("Taken back: the event waits again", "Taken back: %(n)s events wait again", count)
    return answers.done(request, text % {"n": count})


def _is_gone(contact: Contact, was: list[Any], user: User, now: datetime) -> bool:
    """Deletes the contact that was made for the events, unless somebody has changed it or something has happened."""
    contact.refresh_from_db()
    if _said_of(contact) != was:
        return False
    try:
        contacts.delete(contact, by=user, now=now)
    except contacts.HasHistory:
        return False
    return True


def _said_of(contact: Contact) -> list[Any]:
    """What people say of a contact."""
    return [getattr(contact, name) for name in ("name", "email", "phone", "company", "status", "owner_id", "tags")]


def _dismissed_back(request: Request, one: Step) -> HttpResponse:
    row = Activity.objects.visible_to(request.user).filter(pk=one.task_id).first()
    if row is None or not request.user.leads or not unmatched.bring_back(row):
        return answers.refused(request, _("The event was given to somebody since."))
    return answers.done(request, _("It is in the list again."))


def _settled_back(request: Request, one: Step) -> HttpResponse:
    rows = ActivityConflict.objects.filter(activity__in=Activity.objects.visible_to(request.user))
    row = rows.filter(pk=one.task_id).first()
    if row is None or not request.user.leads or not unmatched.bring_conflict_back(row):
        return answers.refused(request, _("It is in the list already."))
    return answers.done(request, _("It is in the list again."))


def _job_back(request: Request, one: Step) -> HttpResponse:
    job = Job.objects.visible_to(request.user).filter(pk=str(one.task_id)).first()
    allowed = job is not None and rights.may_steer_jobs(request.user)
    if job is None or not allowed or not cancelling.put_back(job, by=request.user, now=timezone.now()):
        return answers.refused(request, _("It was put back already."))
    return answers.done(request, _("The job runs after all."))


def _view_back(request: Request, one: Step) -> HttpResponse:
    kept = SavedView.objects.filter(user=request.user, page=one.before["page"])
    if kept.filter(name=one.before["name"]).exists():
        return answers.refused(request, _("Another view has its name by now: rename that one first."))
    SavedView.objects.create(user=request.user, **one.before)
    return answers.done(request, _("The view is there again."))


def _points_back(request: Request, one: Step) -> HttpResponse:
    user, now = request.user, timezone.now()
    was, after = one.before["was"], one.before["after"]
    if not user.manages or not points.put_back(user.team, was, after, by=user, now=now):
        return answers.refused(request, _("The points were changed since and stay as they are."))
    return answers.done(request, _("The points are as they were."))


def _import_back(request: Request, one: Step) -> HttpResponse:
    steps = [reverting.Step(*row) for row in one.before["steps"]]
    done = reverting.take_back(steps, by=request.user, now=timezone.now())
    if done == len(steps):
        return answers.done(request, _("Taken back: what was imported is gone, and what it changed is as it was"))
    text = ngettext(
        "%(n)s entry was changed or switched on since and stays as it is.",
        "%(n)s entries were changed or switched on since and stay as they are.",
        len(steps) - done,
    )
    return answers.refused(request, text % {"n": len(steps) - done}, changed=done > 0)


_WHOLE = {
    ATTACHED: _attached_back,
    DISMISSED: _dismissed_back,
    SETTLED: _settled_back,
    IMPORTED: _import_back,
    JOB: _job_back,
    VIEW: _view_back,
    POINTS: _points_back,
}
"""What is taken back by a note of its own, as one."""
_BACK = {
    COMPLETED: _put_status_back,
    MOVED: _put_status_back,
    SAID: _said_before,
    PUT_OFF: _due_again,
    GIVEN: _give_back,
    PLACED: _put_back,
}
