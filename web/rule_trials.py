"""Trying a rule before it works: the dry run beside its form, and switching it on with what waits."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST

from automation import activation, rules
from automation.models import TaskAutomationRule
from automation.simulation import dry_run, lately
from automation.simulation.dry_run import DryRun
from automation.simulation.trial import Outcome, Result
from crm.models import Contact
from domain import conditions
from people import rights
from web import pools
from web.access import Request, signed_in
from web.rule_conditions import Checked, Conditions
from web.rule_form import STRATEGIES, RuleForm
from web.rules_seen import dressed, must_edit, rule_of

DAY, NOW, EXAMPLE = "day", "now", "example"
SOURCES: dict[str, str | Promise] = {
    DAY: gettext_lazy("Last 24 hours"),
    NOW: gettext_lazy("As things stand"),
    EXAMPLE: gettext_lazy("An example"),
}
STANDING = ("cadence", "time", "overdue", "inactivity")
"""Kinds of trigger that are about how things are: they are tried on that first."""
SHOWN: dict[Outcome, int] = {"create": 6, "failed": 3, "waiting": 3, "suppressed": 4, "no_match": 4}
"""How many of each outcome it names, in this order."""
LOOKS: dict[Outcome, tuple[str, str]] = {
    "create": ("circle-check", "good"),
    "failed": ("circle-x", "bad"),
    "waiting": ("clock", ""),
    "suppressed": ("circle-pause", "warn"),
    "no_match": ("circle-slash", ""),
}


@dataclass(frozen=True)
class Sample:
    """What would become of one event, in a line."""

    result: Result
    icon: str
    tone: str
    text: str


@dataclass
class Trial:
    """What a dry run found, or what keeps it from running."""

    source: str = DAY
    faults: list[str] = field(default_factory=list)
    found: DryRun | None = None
    samples: list[Sample] = field(default_factory=list)
    suppressed: int = 0
    created: int = 0

    @property
    def is_part(self) -> bool:
        """Whether there is more than is named."""
        return self.found is not None and len(self.samples) < sum(self.found.counts[outcome] for outcome in SHOWN)


@require_POST
@signed_in
def trial(request: Request, pk: int | None = None) -> HttpResponse:
    """The dry run of the form as it stands, not saved."""
    rule = rule_of(request, pk) if pk is not None else None
    if rule is not None:
        must_try(request, rule)
    form = RuleForm(request.POST, user=request.user, rule=rule)
    context = {"trial": tried(request, form), "pool": pools.of_form(form, request.user.team), "oob": True}
    return render(request, "web/rules/trial.html", context)


@require_POST
@signed_in
def conditions_part(request: Request) -> HttpResponse:
    """The If of the form after one of its buttons: a row more or less, or the other way to write it."""
    part = Conditions.sent(request.POST)
    part.act(request.POST.get("do", ""))
    response = render(request, "web/rules/conditions.html", {"part": part})
    response["HX-Trigger-After-Settle"] = "conditions-changed"
    return response


@require_POST
@signed_in
def check(request: Request) -> HttpResponse:
    """What an expression says, or what is wrong with it, while it is typed."""
    return render(request, "web/rules/check.html", {"checked": Checked.of(request.POST.get("condition", "")[:4000])})


def must_try(request: Request, rule: TaskAutomationRule) -> None:
    """What a trial names are contacts: it is for those who may see them."""
    if not (request.user.leads or rights.may_edit_rule(request.user, rule)):
        raise PermissionDenied(_("Only its owner, leads and managers may try this rule."))


def draft_of(request: Request, form: RuleForm) -> TaskAutomationRule | None:
    """The rule as the form has it, not saved; None while the form has faults."""
    if not form.is_valid():
        return None
    if form.rule is None:
        return TaskAutomationRule(owner=request.user, team=request.user.team, **form.rule_fields())
    draft = rule_of(request, form.rule.pk)
    for name, value in form.rule_fields().items():
        setattr(draft, name, value)
    return draft


def tried(request: Request, form: RuleForm) -> Trial:
    """The dry run of a form that was sent, over what it chose to be tried on."""
    source = request.POST.get("try_on", DAY)
    found = Trial(source if source in SOURCES else DAY)
    draft = draft_of(request, form)
    if draft is None:
        found.faults = list(faults_of(form))
        return found
    try:
        found.found = _run(request, draft, found.source)
    except rules.BadRule as refusal:
        form.take_errors(refusal.errors)
        found.faults = list(faults_of(form))
    except lately.NoExample as refusal:
        found.faults = [str(refusal)]
    else:
        counts = found.found.counts
        found.created, found.suppressed = counts["create"], counts["suppressed"] + counts["waiting"] + counts["failed"]
        found.samples = [
            Sample(result, *LOOKS[outcome], _told(draft, outcome, result))
            for outcome, most in SHOWN.items()
            for result in found.found.samples.get(outcome, [])[:most]
        ]
    return found


def _run(request: Request, draft: TaskAutomationRule, source: str) -> DryRun:
    now = timezone.now()
    if source == NOW:
        return dry_run.dry_run(draft, now=now, most=dry_run.AT_ONCE)
    if source == EXAMPLE:
        return lately.example(draft, _example(request, draft), now=now)
    return lately.last_day(draft, now=now, most=dry_run.AT_ONCE)


def _example(request: Request, draft: TaskAutomationRule) -> Contact | None:
    """The contact that was asked for by a part of its name or address, else the newest the rule answers for."""
    named = request.POST.get("try_contact", "").strip()[:100]
    rows = Contact.objects.visible_to(request.user).select_related("owner", "team")
    if named:
        contact = rows.filter(Q(name__icontains=named) | Q(email__icontains=named)).order_by("name", "pk").first()
        if contact is None:
            raise lately.NoExample(_("There is no contact “%(name)s”: write a part of a name.") % {"name": named})
        return contact
    mine = rows.filter(owner=draft.owner) if draft.scope != TaskAutomationRule.TEAM and draft.pk else rows
    return mine.order_by("-pk").first()


def faults_of(form: RuleForm) -> Iterator[str]:
    for name, texts in form.errors.items():
        label = form.fields[name].label if name in form.fields else ""
        for text in texts:
            yield f"{label}: {text}" if label else str(text)


def _told(rule: TaskAutomationRule, outcome: str, result: Result) -> str:
    if outcome == "create" and result.draft is not None:
        return _("“%(title)s” for %(who)s") % {"title": result.draft.title, "who": _receiver(rule, result)}
    if outcome == "no_match" and result.clause is not None:
        return _unmet(result.clause)
    return result.reason[:1].upper() + result.reason[1:]


def _unmet(clause: conditions.Clause) -> str:
    told, values = conditions.sentence(clause.text), clause.values
    if len(values) == 1:
        (value,) = values.values()
        return _("Not so: %(clause)s, it is %(value)s") % {"clause": told, "value": _plain(value)}
    read = ", ".join(f"{name} = {_plain(value)}" for name, value in values.items())
    return _("Not so: %(clause)s (%(read)s)") % {"clause": told, "read": read}


def _receiver(rule: TaskAutomationRule, result: Result) -> str:
    if rule.assign in ("best_match", "round_robin", "unassigned"):
        return str(dict(STRATEGIES)[rule.assign]).split(":")[0].lower()
    assert result.draft is not None
    if rule.assign.startswith("user:"):
        named = rule.team.members.filter(pk=int(rule.assign.removeprefix("user:"))).first()
        return named.display_name if named is not None else result.draft.owner.display_name
    return result.draft.owner.display_name


def _plain(value: object) -> str:
    if value is None or value == "":
        return _("empty")
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


@require_http_methods(["GET", "POST"])
@signed_in
def activate(request: Request, pk: int) -> HttpResponse:
    """What matches the rule already, and switching it on with or without working on that."""
    rule = rule_of(request, pk)
    must_edit(request, rule)
    now, faults, preview = timezone.now(), [], None
    if request.method == "POST":
        try:
            done = activation.activate(
                rule, by=request.user, now=now, apply_to_current=request.POST.get("apply") == "1"
            )
        except rules.BadRule as refusal:
            faults = [text for texts in refusal.errors.values() for text in texts]
        else:
            messages.success(request, _switched_on(done))
            if warning := rules.warning(rule, now=now):
                messages.warning(request, warning)
            return redirect("web:rule", rule.pk)
    else:
        try:
            preview = dry_run.dry_run(rule, now=now, most=dry_run.AT_ONCE)
        except rules.BadRule as refusal:
            faults = [text for texts in refusal.errors.values() for text in texts]
    context = {
        "rule": dressed(request, rule),
        "preview": preview,
        "matching": preview.counts["create"] if preview is not None else 0,
        "faults": faults,
    }
    return render(request, "web/rules/activate.html", context, status=422 if request.method == "POST" else 200)


def _switched_on(done: activation.Activation) -> str:
    if done.job_id is None:
        return _("The rule is on. What matches already is left alone.")
    count = done.preview.counts["create"]
    if done.preview.cut_off:
        return _("The rule is on, and the tasks for what matches already are being made: at least %(n)s.") % {
            "n": count
        }
    return ngettext(
        "The rule is on, and %(n)s task for what matches already is being made.",
        "The rule is on, and %(n)s tasks for what matches already are being made.",
        count,
    ) % {"n": count}
