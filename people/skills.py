"""Skills that ask for others: work that needs Python needs programming too."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from domain import circles
from people.audited import SKILL
from people.models import Skill, SkillRequirement, Team, User, UserSkill

Asked = Mapping[int, Mapping[int, int]]
"""By skill, the skills it asks for itself and their least levels."""
Closure = Mapping[int, tuple[tuple[int, int], ...]]
"""By skill, all that it asks for, through others too: skill ids and least levels."""


def closure(team: Team) -> dict[int, tuple[tuple[int, int], ...]]:
    """All that each skill of the team asks for, through others too, with the highest least levels; one query.

    Pairs of skill id and level (1 to 5) by skill id; a skill that asks for nothing is left out. A circle that was
    written past the checks does no harm: each skill in it asks for the others.
    """
    return _closed(_asked(team.pk))


def _closed(asked: Asked) -> dict[int, tuple[tuple[int, int], ...]]:
    return {skill: tuple(sorted(_reached(skill, asked).items())) for skill in asked}


@dataclass(frozen=True)
class Skills:
    """A team's: their names, and what each asks for (see `closure`)."""

    names: Mapping[int, str]
    closure: Closure


def read(team: Team) -> Skills:
    """One query."""
    names: dict[int, str] = {}
    asked: dict[int, dict[int, int]] = {}
    rows = Skill.objects.filter(team=team).order_by("pk", "requirements__pk")
    for pk, name, needs, level in rows.values_list("pk", "name", "requirements__needs", "requirements__min_level"):
        names[pk] = name
        if needs is not None:
            asked.setdefault(pk, {})[needs] = level
    return Skills(names, _closed(asked))


def in_full(needs: Mapping[int, int], asked: Closure) -> dict[int, int]:
    """The needed levels by skill id, with those that these skills ask for (`closure`) too."""
    wanted = dict(needs)
    for skill in needs:
        for need, level in asked.get(skill, ()):
            wanted[need] = max(level, wanted.get(need, 0))
    return wanted


def warning(team: Team, needs: Mapping[int, int]) -> str:
    """What to change so that work which needs these levels by skill id finds somebody; empty when somebody has them."""
    if not needs:
        return ""
    wanted = in_full(needs, closure(team))
    people: dict[int, dict[int, int]] = {
        pk: {} for pk in User.objects.active().filter(team=team).values_list("pk", flat=True)
    }
    if not people:
        return "The team has no active members: add one who has the skills."
    rows = UserSkill.objects.filter(user__in=people, skill__in=wanted).values_list("user", "skill", "level")
    for user, skill, level in rows:
        people[user][skill] = level
    able = [{pk for pk, level in wanted.items() if held.get(pk, 0) >= level} for held in people.values()]
    if set(wanted) in able:
        return ""
    missing = sorted(set(wanted) - set().union(*able))
    names = dict(Skill.objects.filter(pk__in=wanted).values_list("pk", "name"))
    named = ", ".join(f"{names[pk]} at level {wanted[pk]}" for pk in missing or sorted(wanted))
    who = "Nobody in the team has" if missing else "Nobody in the team has all of"
    return f"{who} {named}: ask for less, or enter it for somebody who has it. Until then nobody is given such work."


class InUse(ValueError):
    """Something asks for the skill; the message says what, and what to do first."""


def remove(skill: Skill, *, by: User, now: datetime) -> None:
    """Takes away a skill that no task and no other skill asks for. Raises InUse."""
    asking = Skill.objects.filter(requirements__needs=skill).order_by("name").values_list("name", flat=True)
    if asking:
        raise InUse(f"{', '.join(asking)} asks for this skill: take it out of its `requires` first.")
    try:
        with SKILL.changing(skill, by=by, now=now):
            skill.delete()
    except ProtectedError:
        raise InUse("Tasks ask for this skill: rename it, or finish them first.") from None


def require(skill: Skill, needs: Mapping[Skill, int]) -> None:
    """Sets what a saved skill asks for, and the least levels, instead of what it did; be in a transaction.

    Raises ValidationError for a circle, which is named, and for skills of other teams.
    """
    check(skill, needs)
    SkillRequirement.objects.filter(skill=skill).delete()
    SkillRequirement.objects.bulk_create(
        SkillRequirement(skill=skill, needs=need, min_level=level) for need, level in needs.items()
    )


def check(skill: Skill, needs: Collection[Skill]) -> None:
    """Raises ValidationError when the skill can't ask for these.

    The team is locked until the transaction ends: of two who would close a circle together, the second sees it.
    """
    strange = [need.name for need in needs if need.team_id != skill.team_id]
    if strange:
        raise ValidationError(f"{', '.join(strange)}: of another team. Choose skills of the same team.", code="team")
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=skill.team_id)
        asked = _asked(skill.team_id)
        names = dict(Skill.objects.filter(team_id=skill.team_id).values_list("pk", "name"))
    names[skill.pk] = skill.name
    for need in needs:
        back = circles.way(need.pk, skill.pk, lambda some: ((one, two) for one in some for two in asked.get(one, ())))
        if back:
            raise ValidationError(circles.sentence([names[pk] for pk in (skill.pk, *back)], "needs"), code="circle")


def _asked(team_id: int) -> dict[int, dict[int, int]]:
    asked: dict[int, dict[int, int]] = {}
    rows = SkillRequirement.objects.filter(skill__team=team_id).order_by("pk")
    for skill, need, level in rows.values_list("skill", "needs", "min_level"):
        asked.setdefault(skill, {})[need] = level
    return asked


def _reached(skill: int, asked: Asked) -> dict[int, int]:
    levels: dict[int, int] = {}
    fresh: Iterable[int] = [skill]
    seen = {skill}
    while fresh:
        found = [(need, level) for one in fresh for need, level in asked.get(one, {}).items() if need != skill]
        for need, level in found:
            levels[need] = max(level, levels.get(need, 0))
        fresh = {need for need, _ in found} - seen
        seen |= set(fresh)
    return levels
