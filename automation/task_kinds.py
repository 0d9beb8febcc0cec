"""What the kinds of tasks are called, by what makes them: a rule, a step of a sequence or campaign, a template."""

from collections.abc import Iterable, Mapping
from typing import Any

from automation import programmes
from automation.models import Campaign, Sequence, StepsVersion, TaskAutomationRule

BY_HAND = "Made by hand"


def names(team_id: int, kinds: Iterable[str]) -> dict[str, str]:
    """The names of these kinds in a team, in five queries at most; one whose maker is gone keeps its own word."""
    asked = {kind: kind.split(":", 2) for kind in kinds}
    rules = _named(TaskAutomationRule, team_id, asked.values(), "rule")
    steps = {
        word: _named(model, team_id, asked.values(), word)
        for word, model in (("sequence", Sequence), ("campaign", Campaign))
    }
    titles = _titles(steps)
    return {kind: _name(kind, parts, rules, steps, titles) for kind, parts in asked.items()}


def _named(model: Any, team_id: int, asked: Iterable[list[str]], word: str) -> dict[str, str]:
    ids = {int(parts[1]) for parts in asked if parts[0] == word and len(parts) > 1 and parts[1].isdecimal()}
    rows = model.objects.filter(team=team_id, pk__in=ids).values_list("pk", "name") if ids else ()
    return {str(pk): name for pk, name in rows}


def _titles(steps: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str, str], str]:
    """By programme and key what a step was last called."""
    found = {}
    for word, known in steps.items():
        versions = StepsVersion.objects.filter(**{f"{word}__in": known}).order_by("number") if known else ()
        for version in versions:
            for step in programmes.read(version.content).steps:
                found[word, str(getattr(version, f"{word}_id")), step.key] = step.title
    return found


def _name(
    kind: str,
    parts: list[str],
    rules: Mapping[str, str],
    steps: Mapping[str, Mapping[str, str]],
    titles: Mapping[tuple[str, str, str], str],
) -> str:
    word, *rest = parts
    if not kind:
        return BY_HAND
    if word == "rule" and rest:
        return rules.get(rest[0], kind)
    if word in steps and len(rest) == 2 and rest[0] in steps[word]:
        title = titles.get((word, rest[0], rest[1]), "")
        return f"{steps[word][rest[0]]}: {title}" if title else steps[word][rest[0]]
    return kind
