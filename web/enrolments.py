"""Who stands where in a sequence or campaign, and what one does to one contact's way: pause, resume, stop, undo."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from automation import drafting, programmes
from automation.models import Enrolment, EnrolmentStep
from automation.programmes import pausing, standing
from crm.models import Contact
from domain import templating
from people import rights
from people.models import User
from web import answers
from web.access import Request, signed_in
from web.words import Word

UNDER_WAY, ENDED, ALL = "under_way", "ended", "all"
VIEWS = (UNDER_WAY, ENDED, ALL)

STATES = {
    Enrolment.ACTIVE: Word(gettext_lazy("Under way"), "play", "accent"),
    Enrolment.PAUSED: Word(gettext_lazy("Paused"), "pause", "warn"),
    Enrolment.FINISHED: Word(gettext_lazy("Finished"), "circle-check", "good"),
    Enrolment.EXITED: Word(gettext_lazy("Ended early"), "log-out"),
    Enrolment.STOPPED: Word(gettext_lazy("Stopped"), "circle-stop"),
}


class PauseForm(forms.Form):
    until = forms.DateTimeField(required=False)
    why = forms.CharField(required=False, max_length=150)


def rows(mine: QuerySet[Enrolment], *, view: str, step: str, now: datetime) -> QuerySet[Any]:
    """Those of a view. What ended just now, and can be taken back, stays with those that are under way."""
    planned = EnrolmentStep.objects.filter(enrolment=OuterRef("pk"), state=EnrolmentStep.PLANNED)
    found = standing.at_step(mine).annotate(next_at=Subquery(planned.order_by("due_at").values("due_at")[:1]))
    if view == UNDER_WAY:
        found = found.filter(Q(state__in=Enrolment.UNDER_WAY) | Q(undo_until__gt=now))
    elif view == ENDED:
        found = found.exclude(state__in=Enrolment.UNDER_WAY)
    if step:
        found = found.filter(at_key=step, state__in=Enrolment.UNDER_WAY)
    return found.select_related("contact", "version")


def dress(found: list[Any], user: User, now: datetime) -> list[Any]:
    """The rows, each with where it stands, in words, and what may be done."""
    for row in found:
        outline = programmes.read(row.version.content)
        numbers = {step.key: number for number, step in enumerate(outline.steps, start=1)}
        step = outline.named(row.at_key or "")
        row.word = STATES.get(row.state) or Word(row.state, "circle")
        row.under_way = row.state in Enrolment.UNDER_WAY
        row.of, row.number = len(outline.steps), numbers.get(row.at_key or "")
        row.step_title = title_for(row.contact, step.title) if step is not None and row.under_way else ""
        row.may_edit = rights.may_edit_enrolment(user, row)
        row.may_undo = row.may_edit and row.undo_until is not None and row.undo_until > now
    return found


@require_POST
@signed_in
def pause(request: Request, pk: int) -> HttpResponse:
    """Until somebody resumes it, or until the moment given; why is kept with it."""
    form, now = PauseForm(request.POST), timezone.now()
    if not form.is_valid():
        return answers.refused(request, _("Give a day and a time, or leave it empty."))
    until, why = form.cleaned_data["until"], form.cleaned_data["why"].strip()
    if until is not None and until <= now:
        return answers.refused(request, _("The pause would be over already: give a time to come, or leave it empty."))
    who = request.user.display_name
    reason = f"{who} paused it: {why}" if why else f"{who} paused it."
    return _do(
        request,
        pk,
        lambda row: pausing.pause(row, now=now, reason=reason, until=until),
        _("Paused for %(name)s: no step comes until it goes on."),
    )


@require_POST
@signed_in
def resume(request: Request, pk: int) -> HttpResponse:
    return _do(
        request,
        pk,
        lambda row: pausing.resume(row, now=timezone.now()),
        _("Goes on for %(name)s. What was left moved by the length of the pause."),
    )


@require_POST
@signed_in
def stop(request: Request, pk: int) -> HttpResponse:
    return _do(
        request,
        pk,
        lambda row: pausing.stop(row, by=request.user, now=timezone.now()),
        _("Stopped for %(name)s. For ten minutes it can be undone in the list."),
    )


@require_POST
@signed_in
def undo(request: Request, pk: int) -> HttpResponse:
    return _do(
        request,
        pk,
        lambda row: pausing.undo(row, now=timezone.now()),
        _("Taken back for %(name)s: dates and tasks are as they were."),
    )


def _do(request: Request, pk: int, act: Callable[[Enrolment], Any], text: str) -> HttpResponse:
    rows = Enrolment.objects.visible_to(request.user).select_related("contact")
    row = get_object_or_404(rows, pk=pk)
    if not rights.may_edit_enrolment(request.user, row):
        raise PermissionDenied(_("Only who enrolled the contact, its owner, leads and managers may change this."))
    back = f"/automations/{'sequences' if row.sequence_id else 'campaigns'}/{row.sequence_id or row.campaign_id}"
    try:
        act(row)
    except pausing.NotNow as refusal:
        return answers.refused(request, str(refusal), back=back)
    return answers.done(request, text % {"name": row.contact.name}, back=back)


def title_for(contact: Contact, source: str) -> str:
    """The step's title for this contact; as it is written where it cannot be filled."""
    try:
        return templating.render_title(source, drafting.template_values(contact, None), fallback=source)
    except templating.TemplateError:
        return source
