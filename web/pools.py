"""Pools: among whom a rule's tasks are given out, and whose rules may give somebody tasks. Skills make them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from automation.models import TaskAutomationRule
from people import skills
from people.models import Skill, Team, User, UserSkill
from web.rule_form import RuleForm, needs_of

HOW = {
    "best_match": gettext_lazy("whoever fits best"),
    "round_robin": gettext_lazy("each in turn"),
    "unassigned": gettext_lazy("from the queue"),
}
SHARED = tuple(HOW)
"""Strategies that name nobody: what is left in the queue is given out too, every hour."""
MOST, MOST_NAMED = 20, 12
"""Rules that a member's page names, and people that a rule's page does."""


@dataclass(frozen=True)
class Pool:
    """Those of a team who have what a rule asks for."""

    people: list[User]
    everybody: bool

    @property
    def named(self) -> list[User]:
        return self.people[:MOST_NAMED]

    @property
    def more(self) -> int:
        return len(self.people) - len(self.named)


def of_form(form: RuleForm, team: Team) -> Pool | None:
    """Of the rule as its form stands, also before it can be saved; None when the strategy names who gets its tasks.

    Three queries.
    """
    if form["assign"].value() not in SHARED:
        return None
    levels = {skill.pk: str(form[f"skill_{skill.pk}"].value() or "") for skill in form.skills}
    needs = {pk: int(level) for pk, level in levels.items() if level.isdecimal() and len(level) == 1}
    people = list(User.objects.active().filter(team=team).order_by("first_name", "username"))
    held = _held(people)
    wanted = skills.in_full(needs, skills.closure(team)) if needs else {}
    able = [one for one in people if _is_able(held.get(one.pk, {}), wanted)]
    return Pool(able, len(able) == len(people))


def of_person(
    person: User, known: Iterable[Skill], held: Mapping[int, int]
) -> list[tuple[TaskAutomationRule, str | Promise]]:
    """The live rules of the team that may give the person tasks, by name, each with how; in two queries.

    `known` are the team's skills, and `held` the person's levels by their ids.
    """
    ways: dict[str, str | Promise] = {f"user:{person.pk}": _("always"), **HOW}
    rules = TaskAutomationRule.objects.filter(team=person.team_id, assign__in=ways, parked_reason="").live()
    asked, ids = skills.closure(person.team), {skill.name.lower(): skill.pk for skill in known}
    found = []
    for rule in rules.order_by("name", "pk"):
        needs = needs_of(rule)
        named = rule.assign not in SHARED
        if named or (needs.keys() <= ids.keys() and _is_able(held, _wanted(needs, ids, asked))):
            found.append((rule, ways[rule.assign]))
    return found[:MOST]


def _wanted(needs: Mapping[str, int], ids: Mapping[str, int], asked: skills.Closure) -> dict[int, int]:
    return skills.in_full({ids[name]: level for name, level in needs.items()}, asked)


def _held(people: list[User]) -> Mapping[int, Mapping[int, int]]:
    held: dict[int, dict[int, int]] = {}
    rows = UserSkill.objects.filter(user__in=people).values_list("user", "skill", "level")
    for user, skill, level in rows:
        held.setdefault(user, {})[skill] = level
    return held


def _is_able(held: Mapping[int, int], wanted: Mapping[int, int]) -> bool:
    return all(held.get(skill, 0) >= level for skill, level in wanted.items())
