"""The steps of a sequence or campaign as a line in time: what happens, when after what, and on which date."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, npgettext

from automation.programmes import Outline, Programme, campaigns, dating, exits, stepping, steps
from automation.programmes.steps import Step
from crm.models import Contact
from domain import templating
from domain.calendars import Schedule
from domain.delays import Delay
from people.models import User
from web import step_forms
from work.models import Task

ICONS = {steps.TASK: "circle-check-big", steps.EMAIL: "mail", steps.SMS: "message-square"}


@dataclass(frozen=True)
class Point:
    """One step. `at` is when its task appears, `due` when that is due; `here` is how many contacts stand at it."""

    key: str
    number: int
    title: str
    icon: str
    when: str
    at: datetime
    due: datetime
    here: int
    notes: list[str] = field(default_factory=list)
    wrong: str = ""


def of(
    programme: Programme,
    outline: Outline,
    *,
    schedule: Schedule,
    by_step: Mapping[str, int],
    people: Mapping[str, str],
    now: datetime,
) -> list[Point]:
    """The line for somebody who is enrolled now."""
    found = []
    dues = dating.plan(outline, start=now, schedule=schedule)
    for number, (step, due) in enumerate(zip(outline.steps, dues, strict=True), start=1):
        at_once = outline.at_once(step)
        found.append(
            Point(
                key=step.key,
                number=number,
                title=templating.outline(step.title),
                icon=ICONS.get(step.channel, "circle"),
                when=when(step, first=number == 1),
                at=due.instant,
                due=stepping.due_date(step, due.instant, at_once=at_once, now=due.instant),
                here=by_step.get(step.key, 0),
                notes=_notes(step, people),
                wrong="" if step.channel == steps.TASK else campaigns.cannot_send(step.channel, programme.team),
            )
        )
    return found


@dataclass(frozen=True)
class Column:
    """How many stand at a step, as a column of a small picture: `x`, `y` and `height` in its units, 20 high."""

    x: int
    y: int
    height: int
    count: int


@dataclass(frozen=True)
class Picture:
    """The columns of all steps; `words` is the same for those who do not see it."""

    columns: list[Column]
    width: int
    words: str


def picture(counts: Sequence[int]) -> Picture:
    most = max(counts, default=0)
    heights = [max(2, round(20 * count / most)) if count else 2 for count in counts]
    columns = [Column(8 * place, 20 - height, height, counts[place]) for place, height in enumerate(heights)]
    words = _("Contacts at each step: %(counts)s") % {"counts": ", ".join(map(str, counts))}
    return Picture(columns, 8 * len(counts), words)


def when(step: Step, *, first: bool) -> str:
    """2 working days after enrolment, at 09:00."""
    delay = step.delay
    length = _length(delay)
    if not length:
        text = _("On the same day") if delay.days is not None and delay.at else _("At once")
    elif step.from_previous and not first:
        text = _("%(length)s after the step before") % {"length": length}
    else:
        text = _("%(length)s after enrolment") % {"length": length}
    return _("%(text)s, at %(time)s") % {"text": text, "time": f"{delay.at:%H:%M}"} if delay.at else text


def endings(programme: Programme) -> list[str]:
    """What ends it early for a contact, a sentence each."""
    wanted = exits.settings_of(programme)
    sentences = {
        exits.REPLIED: _("The contact replies to a mail."),
        exits.MEETING: _("A meeting is booked or held."),
        exits.UNSUBSCRIBED: _("The contact unsubscribes."),
        exits.COMPLAINED: _("The contact calls a mail spam."),
        exits.BOUNCED: _("Mail to the contact bounces for good."),
        exits.DO_NOT_CONTACT: _("The contact is not to be contacted any more."),
    }
    found = [text for name, text in sentences.items() if wanted.get(name)]
    names = dict(Contact.STATUSES)
    statuses = [str(names.get(one, one)) for one in wanted.get(exits.STATUSES) or []]
    if statuses:
        found.insert(2, _("The contact's status becomes %(statuses)s.") % {"statuses": _(" or ").join(statuses)})
    return found


def assignee_words(user: User) -> dict[str, str]:
    return {key: str(label) for key, label in step_forms.assignees(user)}


def _length(delay: Delay) -> str:
    if delay.days is not None:
        if not delay.days:
            return ""
        text = (
            ngettext("%(n)s working day", "%(n)s working days", delay.days)
            if delay.kind == "business"
            else npgettext("alone", "%(n)s day", "%(n)s days", delay.days)
        )
        return text % {"n": delay.days}
    hours = Decimal(delay.hours)
    if not hours:
        return ""
    if delay.kind == "business":
        return ngettext("%(n)s working hour", "%(n)s working hours", _plural(hours)) % {"n": step_forms.plain(hours)}
    if hours % 24 == 0:
        return npgettext("alone", "%(n)s day", "%(n)s days", int(hours / 24)) % {"n": int(hours / 24)}
    return ngettext("%(n)s hour", "%(n)s hours", _plural(hours)) % {"n": step_forms.plain(hours)}


def _plural(amount: Decimal) -> int:
    return 1 if amount == 1 else 2


def _notes(step: Step, people: Mapping[str, str]) -> list[str]:
    notes = []
    if step.wait_for_previous:
        notes.append(_("once the task before is closed"))
    if step.condition:
        notes.append(_("only if %(condition)s") % {"condition": step.condition})
    if step.priority != Task.MEDIUM:
        notes.append(_("priority %(priority)s") % {"priority": dict(Task.PRIORITIES)[step.priority].lower()})
    if step.assign != "owner":
        notes.append(_("for: %(who)s") % {"who": people.get(step.assign, step.assign)})
    return notes
