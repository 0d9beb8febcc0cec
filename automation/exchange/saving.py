"""Entries of the file as the fields of rows: names turned into ids, hours into what the columns and JSON hold."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from automation.exchange import printing, shapes
from automation.exchange.names import Names, Unresolved
from automation.exchange.shapes import Fault
from automation.models import AutomationStep
from domain import delays

Entry = Mapping[str, Any]


class Refused(Exception):
    """The entry cannot be imported; `faults` say where in it and why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(message for _, message in faults))
        self.faults = list(faults)


@contextmanager
def at(*place: str | int) -> Iterator[None]:
    """A name that nothing has is refused at this place of the entry."""
    try:
        yield
    except Unresolved as unresolved:
        raise Refused((place, str(unresolved))) from None


def rule_fields(entry: Entry, names: Names, *, lax: bool = False) -> dict[str, Any]:
    """All that `rules.update` takes. With `lax`, rules that are not there yet are left out. Raises Refused."""
    fields = shapes.content(shapes.RULE, entry)
    delay = delays.from_dict(_texts(fields.pop("delay")))
    with at("assign"):
        fields["assign"] = names.assign_in(fields["assign"])
    with at("condition"):
        fields["condition"] = names.condition_in(fields["condition"], unknown=0 if lax else None)
    return fields | {
        "trigger_config": _config(fields["trigger_config"], names, lax=lax),
        "required_skills": _skills(fields["required_skills"]),
        "delay_kind": delay.kind,
        "delay_hours": delay.hours,
        "delay_days": delay.days,
        "delay_at": delay.at,
        "outside_hours": delay.outside,
    }


def sequence_fields(entry: Entry, names: Names) -> dict[str, Any]:
    """All that `sequences.update` takes beside whether it is on. Raises Refused."""
    fields = shapes.content(shapes.SEQUENCE, entry)
    fields["steps"] = [_step(step, names, "steps", place) for place, step in enumerate(fields["steps"])]
    return fields


def campaign_fields(entry: Entry, names: Names) -> dict[str, Any]:
    """All that `campaigns.update` takes, the steps as `rows`. Raises Refused."""
    fields = shapes.content(shapes.CAMPAIGN, entry)
    steps = fields.pop("steps")
    return fields | {"rows": [_campaign_step(step, names, place) for place, step in enumerate(steps)]}


FIELDS: dict[str, Callable[[Entry, Names], dict[str, Any]]] = {
    shapes.RULE: rule_fields,
    shapes.SEQUENCE: sequence_fields,
    shapes.CAMPAIGN: campaign_fields,
}


def keeping_ids(rows: list[dict[str, Any]], before: list[AutomationStep]) -> list[dict[str, Any]]:
    """Steps of a campaign that keep their kind and name stay the same steps, for those who are under way."""
    free = list(before)
    for row in rows:
        wanted = (row.get("message_type", AutomationStep.TASK), row.get("name", ""))
        same = next((old for old in free if (old.message_type, old.name) == wanted), None)
        if same is not None:
            free.remove(same)
            row["id"] = same.pk
    return rows


def _config(config: Any, names: Names, *, lax: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        if name == "rules":
            found["rule_ids"] = _rule_ids(value, names, lax=lax)
        else:
            found[name] = _json(value)
    return found


def _rule_ids(references: Any, names: Names, *, lax: bool) -> list[int]:
    if not isinstance(references, list):
        raise Refused((("trigger_config", "rules"), "Give a list of rules' names."))
    found = []
    for place, reference in enumerate(references):
        with at("trigger_config", "rules", place):
            if not lax or names.matching(reference):
                found.append(names.rule_id(reference))
    return found


def _campaign_step(step: Entry, names: Names, place: int) -> dict[str, Any]:
    row = dict(step)
    if "settings" in row:
        row["settings"] = _step(row["settings"], names, "steps", place, "settings")
    if "condition" in row:
        with at("steps", place, "condition"):
            row["condition"] = names.condition_in(row["condition"])
    return row


def _step(step: Entry, names: Names, *place: str | int) -> dict[str, Any]:
    """As JSON keeps it: what was left out stays out."""
    kept = dict(step)
    for name, change in (("assign", names.assign_in), ("condition", names.condition_in)):
        if name in kept:
            with at(*place, name):
                kept[name] = change(kept[name])  # type: ignore[operator]
    if "delay" in kept:
        kept["delay"] = delays.as_dict(delays.from_dict(_texts(kept["delay"])))
    if "required_skills" in kept:
        kept["required_skills"] = _skills(kept["required_skills"])
    return _texts(kept)


def _skills(needs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"skill": need["skill"], "level": need.get("level", 1)} for need in needs]


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: printing.plain_number(value) if isinstance(value, Decimal) else value for name, value in values.items()
    }


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_json(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value
