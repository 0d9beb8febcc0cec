"""/api/task-automation/triggers and conditions: what a rule can be built of, for forms and for programs."""

from typing import Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from api.auth import scope
from api.errors import Problem, invalid
from api.fields import In, Out
from automation.triggers import KINDS
from domain import conditions

router = Router(tags=["task automation"])


class TriggerOut(Out):
    kind: str
    label: str
    settings: dict[str, Any] = Field(description="The JSON schema of trigger_config")


class OperatorOut(Out):
    name: str
    label: str


class FieldOut(Out):
    name: str = Field(description="As a condition names it, such as contact.lead_score")
    label: str
    kind: str
    choices: list[str]
    operators: list[OperatorOut]


class ConditionIn(In):
    source: str = Field("", max_length=2000, description="A condition in CEL")
    rows: dict[str, Any] | None = Field(
        None, description='Or rows: {"match": "all", "rows": [{"field", "operator", "value"}]}'
    )


class ConditionOut(Out):
    source: str
    rows: dict[str, Any] | None = Field(description="null for what rows cannot say")
    sentence: str


@router.get("/api/task-automation/triggers/", auth=scope("rules:read"), response=list[TriggerOut])
def list_triggers(request: HttpRequest) -> list[TriggerOut]:  # noqa: ARG001 (ninja's)
    """What can start a rule, with the settings of each."""
    return [
        TriggerOut(kind=kind, label=trigger.LABEL, settings=trigger.Config.model_json_schema())
        for kind, trigger in KINDS.items()
    ]


@router.get("/api/task-automation/conditions/fields/", auth=scope("rules:read"), response=list[FieldOut])
def list_condition_fields(request: HttpRequest) -> list[FieldOut]:  # noqa: ARG001
    """What a condition may ask about, with the operators of each for rows."""
    return [
        FieldOut(
            name=f"{root}.{field.name}",
            label=str(field.label),
            kind=field.kind,
            choices=list(field.choices),
            operators=[OperatorOut(name=name, label=label) for name, label in conditions.operators_for(field.kind)],
        )
        for root, fields in conditions.CATALOGUE.items()
        for field in fields.values()
    ]


@router.post("/api/task-automation/conditions/check/", auth=scope("rules:read"), response=ConditionOut)
def check_condition(request: HttpRequest, payload: ConditionIn) -> ConditionOut:  # noqa: ARG001
    """Checks a condition, and turns rows into CEL and CEL into rows."""
    try:
        source = (
            conditions.from_rows(conditions.rows_from_json(payload.rows))
            if payload.rows is not None
            else payload.source
        )
        conditions.check(source)
    except conditions.ConditionError as bad:
        raise _refused(payload, bad) from None
    rows = conditions.to_rows(source)
    return ConditionOut(
        source=source,
        rows=conditions.rows_to_json(rows) if rows is not None else None,
        sentence=conditions.sentence(source),
    )


def _refused(payload: ConditionIn, bad: conditions.ConditionError) -> Problem:
    return invalid("/rows" if payload.rows is not None else "/source", "condition", str(bad))
