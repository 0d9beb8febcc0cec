"""The file of a team's rules, sequences and campaigns. The same rows give the same bytes, on every database."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from automation.exchange import printing, readers, shapes
from automation.exchange.names import Names
from automation.models import AutomationStep, Campaign, Sequence, TaskAutomationRule
from people.models import Team

VERSION = 1
HEAD = (
    "# Rules, sequences and campaigns of a Nextmove team. Importing it twice changes nothing more;\n"
    "# what is new arrives switched off.\n"
)

Entry = dict[str, Any]


def export(team: Team) -> str:
    """The YAML of all that the team has, ready-made sequences apart. Sorted by name, then owner."""
    names = Names(team)
    standing = Q(team=team, archived_at__isnull=True)
    campaigns = Campaign.objects.filter(standing).prefetch_related("steps")
    written = [
        ("rules", [of_rule(row, names) for row in TaskAutomationRule.objects.filter(standing)]),
        ("sequences", [of_sequence(row, names) for row in Sequence.objects.filter(standing, preset="")]),
        ("campaigns", [of_campaign(row, names) for row in campaigns]),
    ]
    warnings: list[str] = []
    sections: list[str] = []
    for section, entries in written:
        warnings += _twins(section, entries)
        if entries:
            sections.append(f"{section}:\n" + "\n".join(sorted_texts(entries)))
    return "\n".join([HEAD + "".join(warnings) + f"nextmove: {VERSION}\n", *sections])


def sorted_texts(entries: Iterable[Entry]) -> list[str]:
    """Each entry's text, in the order of the file."""
    return [
        text
        for *_, text in sorted(
            (
                str(entry.get("name", "")),
                str(entry.get("owner", "")),
                str(entry.get("scope", "")),
                printing.listed(entry),
            )
            for entry in entries
        )
    ]


def of_rule(rule: TaskAutomationRule, names: Names) -> Entry:
    """The rule in its normal form; what it cannot be read from stays as the row has it."""
    raw = {name: getattr(rule, name) for name in shapes.RULE_FIELDS if hasattr(rule, name)}
    raw |= {
        "owner": names.username(rule.owner_id),
        "scope": rule.scope if rule.scope == rule.TEAM else None,
        "trigger_config": _with_names(rule.trigger_config, names),
        "condition": names.condition_out(rule.condition),
        "delay": _delay(rule),
        "assign": names.assign_out(rule.assign),
    }
    return _entry(shapes.RULE, raw)


def of_sequence(sequence: Sequence, names: Names) -> Entry:
    raw = {name: getattr(sequence, name) for name in shapes.SEQUENCE_FIELDS if name != "owner"}
    steps = sequence.steps
    if isinstance(steps, list):
        steps = [_step(step, names) if isinstance(step, dict) else step for step in steps]
    return _entry(shapes.SEQUENCE, raw | {"owner": names.username(sequence.owner_id), "steps": steps})


def of_campaign(campaign: Campaign, names: Names) -> Entry:
    """With its steps in their order, each by what it says; the numbers of the order are not kept."""
    raw = {name: getattr(campaign, name) for name in shapes.CAMPAIGN_FIELDS if name not in ("owner", "steps")}
    steps = [of_campaign_step(row, names) for row in campaign.steps.all()]
    return _entry(shapes.CAMPAIGN, raw | {"owner": names.username(campaign.owner_id), "steps": steps})


def of_campaign_step(row: AutomationStep, names: Names) -> Entry:
    step = {name: getattr(row, name) for name in shapes.CAMPAIGN_STEP_FIELDS}
    step["condition"] = names.condition_out(row.condition)
    if isinstance(row.settings, dict):
        step["settings"] = _numbers(row.settings) | _assigned(row.settings, names)
    return step


def _with_names(config: Any, names: Names) -> Any:
    if not isinstance(config, dict) or not isinstance(config.get("rule_ids"), list):
        return config
    ids = [names.reference(pk) if isinstance(pk, int) else pk for pk in config["rule_ids"]]
    return {"rules": ids} | {name: value for name, value in config.items() if name != "rule_ids"}


def _delay(rule: TaskAutomationRule) -> dict[str, Any]:
    said = {
        "kind": rule.delay_kind,
        "hours": rule.delay_hours or None,
        "days": rule.delay_days,
        "at": rule.delay_at,
        "outside": rule.outside_hours or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _step(step: Entry, names: Names) -> Entry:
    shown = _numbers(step) | _assigned(step, names)
    if isinstance(step.get("key"), str) and shapes.GENERATED_KEY.fullmatch(step["key"]):
        del shown["key"]
    if isinstance(step.get("condition"), str):
        shown["condition"] = names.condition_out(step["condition"])
    return shown


def _assigned(step: Mapping[str, Any], names: Names) -> Entry:
    return {"assign": names.assign_out(step["assign"])} if step.get("assign") else {}


def _numbers(step: Mapping[str, Any]) -> Entry:
    """Hours are kept as texts or floats in JSON; empty texts are nothing."""
    return {name: readers.hours(value) if name.endswith("_hours") else value for name, value in step.items()}


def _entry(kind: str, raw: Mapping[str, Any]) -> Entry:
    entry, faults = shapes.normal(kind, raw)
    for place, _ in faults:
        if raw.get(str(place[0])) is not None:
            entry[str(place[0])] = readers.plain(raw[str(place[0])])
    return entry


def _twins(section: str, entries: list[Entry]) -> list[str]:
    """A line for each name that one owner gave to several: only one of them can be imported."""
    count = Counter(tuple(entry.get(part) for part in shapes.IDENTITY) for entry in entries)
    return [
        f"# {number} {section} of {owner} are named {json.dumps(name)}: rename all but one, or none is imported.\n"
        for (name, owner, _), number in sorted(count.items(), key=str)
        if number > 1
    ]
