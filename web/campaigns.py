"""Campaigns: their form, with steps and waits that each count from the one before."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from automation.models import AutomationStep, Campaign
from automation.programmes import Outline, campaigns
from automation.programmes.steps import Errors
from people.models import Team
from web import step_forms
from web.programme_forms import Editor
from web.programmes import Kind, Words
from web.step_forms import USUAL, StepForm, plain
from work.models import Task


class CampaignStepForm(StepForm):
    fields_template = "web/sequences/campaign_step.html"
    MAIN = ("key", "title", "message_type", "delay_days")
    POINTERS: ClassVar[Mapping[str, str]] = {**StepForm.POINTERS, "name": "title", "body": "description"}

    title = forms.CharField(label=_("Title of the task"), required=False, max_length=255)
    message_type = forms.ChoiceField(label=_("What happens"), initial=AutomationStep.TASK)
    delay_days = step_forms.number_field(_("Days later"))

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bound = self["message_type"].value()
        kind: Any = self.fields["message_type"]
        kind.choices = [
            (name, label)
            for name, label in AutomationStep.MESSAGE_TYPES
            if name in (AutomationStep.TASK, AutomationStep.WAIT, bound) or campaigns.is_configured(name, team)
        ]

    @property
    def is_wait(self) -> bool:
        return bool(self["message_type"].value() == AutomationStep.WAIT)

    def row(self) -> dict[str, Any]:
        """As `campaigns.create` and `update` take it. A wait has a length and nothing else."""
        given = self.cleaned_data
        plain = {"message_type": given["message_type"], "delay_days": given["delay_days"]}
        if given["key"].isdecimal():
            plain["id"] = int(given["key"])
        if given["message_type"] == AutomationStep.WAIT:
            return plain | {"name": "", "body": "", "condition": "", "priority": Task.MEDIUM, "settings": {}}
        return plain | {
            "name": given["title"],
            "body": given["description"],
            "condition": given["condition"],
            "priority": given["priority"],
            "settings": self.more(),
        }


class CampaignEditor(Editor):
    def make(self, place: int, data: Mapping[str, Any] | None, **options: Any) -> StepForm:
        return CampaignStepForm(data, prefix=f"steps-{place}", who=self.who, team=self.team, **options)

    def following(self, before: Mapping[str, Any] | None) -> dict[str, Any]:
        return {"message_type": AutomationStep.TASK, "delay_days": Decimal(3 if before else 0), **USUAL}

    def kept(self, programme: Campaign) -> list[dict[str, Any]]:
        return [values_of_row(row) for row in programme.steps.all()]

    def fields(self) -> dict[str, Any]:
        return {**self.head.columns(), "rows": [form.row() for form in self._campaign_forms()]}

    def faults(self) -> Errors:
        found: Errors = {}
        for place, form in enumerate(self._campaign_forms()):
            row = AutomationStep(**{name: value for name, value in form.row().items() if name != "id"})
            found |= campaigns.check_step(row, place, self.team, self.owner)
        return found

    def outline(self) -> tuple[Outline, list[int]]:
        rows: list[AutomationStep] = []
        for form in self._read:
            form.is_valid()
            days, kind = form.cleaned_data.get("delay_days"), form.cleaned_data.get("message_type")
            if days is None or kind is None:
                break
            rows.append(AutomationStep(message_type=kind, delay_days=days, name="-"))
        places = [place for place, row in enumerate(rows) if row.message_type != AutomationStep.WAIT]
        return Outline(steps=tuple(campaigns.acting(rows))), places

    def _campaign_forms(self) -> Iterable[CampaignStepForm]:
        return (form for form in self.forms if isinstance(form, CampaignStepForm))


def values_of_row(row: AutomationStep) -> dict[str, Any]:
    """A kept step of a campaign as the form shows it."""
    return {
        **step_forms.values_of(row.settings if isinstance(row.settings, dict) else {}),
        "key": str(row.pk),
        "title": row.name,
        "description": row.body,
        "priority": row.priority,
        "condition": row.condition,
        "message_type": row.message_type,
        "delay_days": plain(Decimal(row.delay_days)),
    }


def keys(rows: list[Campaign]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {row.pk: [] for row in rows}
    acting = AutomationStep.objects.filter(campaign__in=rows).exclude(message_type=AutomationStep.WAIT)
    for campaign, pk in acting.values_list("campaign", "pk"):
        found[campaign].append(f"step-{pk}")
    return found


KIND = Kind(
    name="campaign",
    model=Campaign,
    editor=CampaignEditor,
    create=campaigns.create,
    update=campaigns.update,
    copy=campaigns.copy,
    steps=keys,
    words=Words(
        plural=_("Campaigns"),
        lead=_("Steps and waits for many contacts, each counted from the one before."),
        new=_("New campaign"),
        new_lead=_("Line up tasks and waits. Each counts from the one before it."),
        icon="megaphone",
        none=_("No campaigns yet"),
        first=_("Make the first campaign"),
        about=_("A campaign is a row of tasks and waits that contacts go through."),
        created=_("The campaign is ready. Enrol a contact to start it."),
    ),
)
