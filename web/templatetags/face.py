"""How values look on a page: times in the viewer's zone, hours, people, and what stands round every page."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, npgettext

from notifications.routing import CHANNELS
from people.speech import dated
from web import answers, numbers, side, words

register = template.Library()

HUES = 6
DASH = "\N{EN DASH}"


@register.filter
def initials(person: Any) -> str:
    """Two letters: of the first and the last word of a name."""
    names = str(getattr(person, "display_name", person) or "?").split()
    letters = names[0][:1] + (names[-1][:1] if len(names) > 1 else names[0][1:2])
    return letters.upper()


@register.filter
def hue(person: Any) -> int:
    """Which of the avatar colours; the same for the same person everywhere."""
    return (getattr(person, "pk", 0) or 0) % HUES


@register.filter
def hours(value: Any) -> str:
    """2.5 as `2 h 30 min`; rounded to the minute."""
    if value is None:
        return DASH
    minutes = round(Decimal(value) * 60)
    whole, rest = divmod(abs(minutes), 60)
    sign = "\N{MINUS SIGN}" if minutes < 0 else ""
    parts = [_("%(n)s h") % {"n": _number(whole)}] if whole or not rest else []
    if rest and whole < 100:
        parts.append(_("%(n)s min") % {"n": rest})
    return sign + " ".join(parts)


@register.filter
def compact(value: Any) -> str:
    """Hours as a short number, to one decimal: 8, 6.5."""
    rounded = round(Decimal(value), 1)
    return _number(rounded, places=0 if rounded == rounded.to_integral_value() else 1)


@register.filter
def moment(at: datetime) -> str:
    """The full date and time, for titles."""
    return f"{dated(timezone.localtime(at), 'j M Y, H:i')} {timezone.localtime(at).tzname()}"


@register.filter
def due(at: datetime | None) -> str:
    """A due time as one says it: 14:30, Yesterday, Tue, 3 Dec."""
    if at is None:
        return ""
    local, today = timezone.localtime(at), timezone.localdate()
    days = (local.date() - today).days
    if days == 0:
        return dated(local, "H:i")
    if days in (-1, 1):
        return _("Yesterday") if days < 0 else _("Tomorrow")
    if 1 < days < 7:
        return dated(local, "D")
    return dated(local, "j M" if local.year == today.year else "j M Y")


@register.filter
def due_full(at: datetime | None) -> str:
    """The same with its time: Tomorrow 14:30, Tue 3 Dec, 14:30."""
    if at is None:
        return _("No due date")
    local = timezone.localtime(at)
    clock = dated(local, "H:i")
    days = (local.date() - timezone.localdate()).days
    if -1 <= days <= 1:
        return f"{(_('Yesterday'), _('Today'), _('Tomorrow'))[days + 1]} {clock}"
    return f"{dated(local, 'D j M' if local.year == timezone.localdate().year else 'j M Y')}, {clock}"


@register.filter
def late(at: datetime | None) -> bool:
    return at is not None and at < timezone.now()


@register.filter
def ago(at: datetime | None) -> str:
    """How long since (or until), in one unit: 2 min ago, in 3 h."""
    if at is None:
        return ""
    gone = timezone.now() - at
    if abs(gone) < timedelta(minutes=1):
        return _("just now") if gone >= timedelta(0) else _("in a moment")
    text = span(abs(gone))
    return (_("%(span)s ago") if gone > timedelta(0) else _("in %(span)s")) % {"span": text}


@register.filter
def span(length: timedelta) -> str:
    """A length of time in one unit, rounded down."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 1:
        return _("%(n)s s") % {"n": int(length.total_seconds())}
    if minutes < 60:
        return _("%(n)s min") % {"n": minutes}
    if minutes < 48 * 60:
        return _("%(n)s h") % {"n": minutes // 60}
    days = minutes // (24 * 60)
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": _number(days)}


@register.filter
def kept(length: timedelta) -> str:
    """How many days, hours or minutes something is kept; by itself, not as a part of a sentence as `span` is."""
    if length < timedelta(hours=1):
        minutes = round(length / timedelta(minutes=1))
        return npgettext("alone", "%(n)s minute", "%(n)s minutes", minutes) % {"n": _number(minutes)}
    if length < timedelta(days=1):
        hours = round(length / timedelta(hours=1))
        return npgettext("alone", "%(n)s hour", "%(n)s hours", hours) % {"n": _number(hours)}
    return npgettext("alone", "%(n)s day", "%(n)s days", length.days) % {"n": _number(length.days)}


@register.filter
def took(length: timedelta) -> str:
    """How long something took: 40 ms, 2.5 s, 3 min."""
    seconds = length.total_seconds()
    if seconds < 1:
        return _("%(n)s ms") % {"n": round(seconds * 1000)}
    return _("%(n)s s") % {"n": _number(seconds, places=1)} if seconds < 60 else span(length)


@register.filter
def activity_word(kind: str) -> words.Word:
    return words.activity(kind)


@register.filter
def signed(points: float) -> str:
    """To two decimals at most, with a plus or a minus."""
    sign = "\N{MINUS SIGN}" if points < 0 else "+"
    rounded = round(Decimal(str(abs(points))), 2).normalize()
    places = max(0, -int(rounded.as_tuple().exponent))
    return sign + _number(rounded, places=places)


@register.filter
def written(value: Any) -> str:
    """A number as a field of a form shows it and takes it back."""
    return numbers.written(value)


@register.filter
def points(share: float) -> str:
    """A difference of shares in points: 0.063 as +6.3."""
    return signed(round(100 * share, 1))


@register.filter
def task_outcome(outcome: str) -> words.Text:
    return words.TASK_OUTCOMES.get(outcome, outcome)


@register.filter
def status_word(status: str) -> words.Word:
    return words.STATUSES.get(status) or words.Word(status, "circle")


@register.simple_tag
def task_outcomes() -> dict[str, words.Text]:
    """All that may come of a task, with what it is called."""
    return words.TASK_OUTCOMES


@register.filter
def outcome_word(outcome: str) -> words.Word:
    return words.OUTCOMES.get(outcome) or words.Word(outcome, "circle")


@register.filter
def enrolment_word(state: str) -> words.Word:
    return words.ENROLMENTS.get(state) or words.Word(state, "circle")


@register.filter
def job_word(status: str) -> words.Word:
    return words.JOBS.get(status) or words.Word(status, "circle")


@register.filter
def channel_label(name: str) -> str:
    return CHANNELS[name].label if name in CHANNELS else name


@register.filter
def delivery_word(state: str) -> words.Word:
    return words.DELIVERIES.get(state) or words.Word(state, "circle")


@register.filter
def dispatch_word(state: str) -> words.Word:
    return words.DISPATCHES.get(state) or words.Word(state, "circle")


@register.filter
def event_word(kind: str) -> words.Text:
    return words.EVENTS.get(kind, kind)


@register.filter
def notice_word(kind: str) -> words.Word:
    return words.NOTICES.get(kind) or words.Word(kind, "bell")


@register.filter
def contact_tone(status: str) -> str:
    return words.CONTACT_STATUSES.get(status, "")


@register.filter
def of(part: Any, whole: Any) -> str:
    """Percent of a whole as a bar draws it: 0 to 100."""
    if not whole or part is None:
        return "0"
    return f"{max(0, min(100, 100 * Decimal(part) / Decimal(whole))):.1f}"


@register.filter
def percent(value: Any) -> str:
    return DASH if value is None else _("%(n)s%%") % {"n": round(Decimal(str(value)))}


@register.filter
def share(part: Any) -> str:
    """0.81 as 81%, or a dash where there is none yet."""
    return percent(None if part is None else 100 * part)


@register.filter
def times(ratio: float) -> str:
    """How many times as much, to two decimals."""
    return f"{_number(round(Decimal(str(ratio)), 2), places=2)} \N{MULTIPLICATION SIGN}"


@register.filter
def figure(value: Any) -> str:
    """A number to one decimal, or a dash where there is none yet."""
    return DASH if value is None else _number(round(Decimal(str(value)), 1), places=1)


def _number(value: Any, *, places: int = 0) -> str:
    """As the reader's language writes it: 1,234.5 or 1.234,5."""
    return str(formats.number_format(value, decimal_pos=places, use_l10n=True, force_grouping=True))


@register.simple_tag(takes_context=True)
def sidebar(context: template.Context) -> side.Side | None:
    """What the sidebar says; nothing to whom is not signed in."""
    user = context["request"].user
    return side.of(user, timezone.now()) if user.is_authenticated else None


@register.simple_tag
def undo_note(message: Any) -> str:
    """The signed note by which what a message tells of can be taken back; empty when it can't."""
    tags = message.extra_tags or ""
    return tags.removeprefix(answers.UNDO) if tags.startswith(answers.UNDO) else ""


@register.simple_tag(takes_context=True)
def stands_on(context: template.Context) -> str:
    """The address of the page one stands on, for a form to come back to: by htmx not the one that was asked."""
    request = context["request"]
    asked: str = request.get_full_path()
    return (request.htmx.current_url_abs_path or asked) if request.htmx else asked


@register.simple_tag(takes_context=True)
def here(context: template.Context, *names: str) -> str:
    """`page` when one of these is the address shown, for aria-current."""
    match = getattr(context.get("request"), "resolver_match", None)
    return "page" if match is not None and match.url_name in names else ""
