"""Entries of the file as the fields of rows: names turned into ids, hours into what the columns and JSON hold."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from automation.exchange import printing, shapes
from automation.exchange.names import Names, Unresolved
from automation.exchange.readers import Fault
from automation.models import AutomationStep
from domain import delays

Entry = Mapping[str, Any]


class Fields:
    """One entry's names resolved; `faults` holds each that could not be, so that all are told at once."""

    def __init__(self, names: Names, *, lax: bool = False) -> None:
        """With `lax`, rules that are not there yet are left out."""
        self.names, self.lax = names, lax
        self.faults: list[Fault] = []

    def of(self, kind: str, entry: Entry) -> dict[str, Any]:
        """All that the update of such a row takes, beside whether it is on; a campaign's steps as `rows`."""
        return {shapes.RULE: self._rule, shapes.SEQUENCE: self._sequence, shapes.CAMPAIGN: self._campaign}[kind](entry)

    def _rule(self, entry: Entry) -> dict[str, Any]:
        fields = shapes.content(shapes.RULE, entry)
        delay = delays.from_dict(_texts(fields.pop("delay")))
        return fields | {
            "assign": self._assign(fields["assign"], "assign"),
            "condition": self._condition(fields["condition"], "condition"),
            "trigger_config": self._config(fields["trigger_config"]),
            "required_skills": _skills(fields["required_skills"]),
            "delay_kind": delay.kind,
            "delay_hours": delay.hours,
            "delay_days": delay.days,
            "delay_at": delay.at,
            "outside_hours": delay.outside,
        }

    def _sequence(self, entry: Entry) -> dict[str, Any]:
        fields = shapes.content(shapes.SEQUENCE, entry)
        fields["steps"] = [self._step(step, "steps", place) for place, step in enumerate(fields["steps"])]
        return fields

    def _campaign(self, entry: Entry) -> dict[str, Any]:
        fields = shapes.content(shapes.CAMPAIGN, entry)
        steps = fields.pop("steps")
        return fields | {"rows": [self._campaign_step(step, place) for place, step in enumerate(steps)]}

    def _config(self, config: Entry) -> dict[str, Any]:
        found = {name: _json(value) for name, value in config.items() if name != "rules"}
        if "rules" in config:
            found["rule_ids"] = self._rule_ids(config["rules"])
        return found

    def _rule_ids(self, references: Any) -> list[int]:
        if not isinstance(references, list):
            self.faults.append((("trigger_config", "rules"), "Give a list of rules' names."))
            return []
        found = []
        for place, reference in enumerate(references):
            with self._at("trigger_config", "rules", place):
                if not self.lax or self.names.matching(reference):
                    found.append(self.names.rule_id(reference))
        return found

    def _campaign_step(self, step: Entry, place: int) -> dict[str, Any]:
        row = dict(step)
        if "settings" in row:
            row["settings"] = self._step(row["settings"], "steps", place, "settings")
        if "condition" in row:
            row["condition"] = self._condition(row["condition"], "steps", place, "condition")
        return row

    def _step(self, step: Entry, *place: str | int) -> dict[str, Any]:
        """As JSON keeps it: what was left out stays out."""
        kept = dict(step)
        if "assign" in kept:
            kept["assign"] = self._assign(kept["assign"], *place, "assign")
        if "condition" in kept:
            kept["condition"] = self._condition(kept["condition"], *place, "condition")
        if "delay" in kept:
            kept["delay"] = delays.as_dict(delays.from_dict(_texts(kept["delay"])))
        if "required_skills" in kept:
            kept["required_skills"] = _skills(kept["required_skills"])
        return _texts(kept)

    def _assign(self, said: str, *place: str | int) -> str:
        with self._at(*place):
            return self.names.assign_in(said)
        return "owner"

    def _condition(self, said: str, *place: str | int) -> str:
        with self._at(*place):
            return self.names.condition_in(said, unknown=0 if self.lax else None)
        return ""

    @contextmanager
    def _at(self, *place: str | int) -> Iterator[None]:
        try:
            yield
        except Unresolved as unresolved:
            self.faults.append((place, str(unresolved)))


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
