"""What is learned: the team's page in the settings, and what it says of one task or contact on their pages.

Everybody of the team sees what was learned, on how much and since when; leads see the versions of scores, and managers
switch what is learned and go back to one.
"""

from operator import attrgetter
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from crm.models import Contact
from domain.learning import best_time, lead_score
from learning import estimates, holdouts, lead_models, lead_scores, sentences, settings
from learning.models import EstimateFit, ScoreModel, TeamLearning
from people import rights
from people.models import Team, User
from web import best_times, lead_points, words
from web.access import Request, signed_in
from work.models import Task

VERSIONS = 5
"""The newest ones, which are listed; one that is held on to as well."""


class LearningForm(forms.ModelForm):
    won_statuses = forms.MultipleChoiceField(
        label=gettext_lazy("A contact is won as"), choices=Contact.STATUSES, widget=forms.CheckboxSelectMultiple
    )
    lost_statuses = forms.MultipleChoiceField(
        label=gettext_lazy("A contact is lost as"), choices=Contact.STATUSES, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = TeamLearning
        fields = ("times", "scores", "estimates", "urgent_share", "deal_value_key", "won_statuses", "lost_statuses")
        labels = {
            "times": gettext_lazy("Best times: rules may choose the hour at which a contact answers soonest"),
            "scores": gettext_lazy("Scores: leads get one, and rules may take the priority from it"),
            "estimates": gettext_lazy("Estimates: what tasks really took is shown beside them"),
            "urgent_share": gettext_lazy("Leads that may be urgent, of a hundred"),
            "deal_value_key": gettext_lazy("Field that says what a lead is worth"),
        }
        help_texts = {
            **dict.fromkeys(("urgent_share", "times", "scores", "estimates"), ""),
            "deal_value_key": gettext_lazy(
                "As events and forms of a lead call it, such as amount: the newest number counts, and the order of "
                "leads is by chance times worth. One without counts as the usual one; left out, all are worth alike."
            ),
        }


@require_http_methods(["GET", "POST"])
@signed_in
def page(request: Request) -> HttpResponse:
    team = request.user.team
    if request.method == "GET":
        return _shown(request, LearningForm(instance=settings.of(team.pk)))
    _check_manager(request)
    form = LearningForm(request.POST, instance=settings.of(team.pk))
    if form.is_valid():
        try:
            settings.change(team, by=request.user, now=timezone.now(), **form.cleaned_data)
        except ValidationError as refused:
            form.add_error(None, [message for found in refused.message_dict.values() for message in found])
        else:
            messages.success(request, _("Saved"))
            return redirect("web:learning")
    return _shown(request, form)


@require_POST
@signed_in
def version(request: Request) -> HttpResponse:
    """Goes back to the version that is named, or, without one, on to the newest again."""
    _check_manager(request)
    user, number, now = request.user, request.POST.get("version", ""), timezone.now()
    try:
        if number.isdecimal() and len(number) < 10:
            lead_models.activate(user.team, int(number), by=user, now=now)
        else:
            lead_models.release(user.team, by=user, now=now)
    except lead_models.NoSuchVersion as refused:
        messages.error(request, str(refused))
    else:
        lead_scores.refresh(user.team, now=now)
        on = settings.of(user.team_id).scores
        said = _("Leads are scored by this version now.") if on else _("Kept. It counts once scores are switched on.")
        messages.success(request, said)
    return redirect("web:learning")


def of_task(task: Task) -> dict[str, Any]:
    """Why it is due at its hour, and what tasks like it took; nothing where nothing is known."""
    found = estimates.of_task(task) if task.is_open else None
    told = found is not None and (found.corrects or (found.estimate is None and any(one.n for one in found.basis)))
    return {
        "timing": sentences.timing_of(task.timing),
        "forecast": sentences.forecast_of(found) if found is not None and told else "",
    }


def worth_key(contact: Contact) -> str:
    """By what name its team tells of a lead what it is worth; "" where it does not, or the contact is none."""
    mine = settings.of(contact.team_id)
    is_lead = mine.scores and contact.status not in (*mine.won_statuses, *mine.lost_statuses)
    return mine.deal_value_key if is_lead else ""


def of_contact(contact: Contact) -> dict[str, Any]:
    """The lead's score with its reasons, where there is one."""
    row = lead_scores.of_contact(contact)
    if row is None:
        return {}
    reasons = [(words.lead_fact(one["field"], one["value"]), one["points"]) for one in row.reasons]
    return {"lead": row, "lead_reasons": reasons, "lead_sentence": sentences.score_of(row)}


def _compared(team: Team) -> dict[str, Any]:
    """What chosen hours bring: the groups with their answers, and what there is to say of them."""
    found = holdouts.of(team)
    if found is None:
        return {}
    groups = ((_("Hours chosen"), found.chosen), (_("The rules' own hours"), found.kept))
    rates = [(name, arm, 100 * arm.rate if arm.rate is not None else None) for name, arm in groups]
    return {"compared": rates, "compared_sentence": holdouts.sentence_of(found)}


def _bands(model: ScoreModel | None) -> list[dict[str, Any]]:
    """What became of leads that the version in use had not seen, the best fifth first."""
    found: list[dict[str, Any]] = (model.check_data or {}).get("bands", []) if model is not None else []
    return [band for band in found if band["n"]]


def _versions(reader: User) -> list[ScoreModel]:
    """The newest ones, and the one in use; as in the API none for those who see only their own work."""
    if not rights.may(reader, "view_team"):
        return []
    rows = ScoreModel.objects.filter(team=reader.team_id).order_by("-version")
    return sorted({*rows[:VERSIONS], *rows.filter(active=True)}, key=attrgetter("version"), reverse=True)


def _check_manager(request: Request) -> None:
    if not rights.may(request.user, "manage_team"):
        raise PermissionDenied(_("Only managers change what is learned."))


def _shown(request: Request, form: LearningForm) -> HttpResponse:
    team, model = request.user.team, lead_models.active(request.user.team_id)
    context = {
        "form": form,
        "mine": settings.of(team.pk),
        "manages": request.user.manages,
        "fits": best_times.of_team(team),
        "needed": best_time.NEEDED,
        **_compared(team),
        "model": model,
        "bands": _bands(model) if rights.may(request.user, "view_team") else [],
        "outcomes_needed": lead_score.NEEDED,
        "versions": _versions(request.user),
        **lead_points.shown(team),
        "estimate_fit": EstimateFit.objects.filter(team=team).first(),
    }
    return render(request, "web/settings/learning.html", context, status=422 if form.errors else 200)
