"""What narrows the people of the workload board, as it stands in the address; the figures and the queue stay whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from people.models import Skill, User, UserSkill
from work import boards

OVER, NEARLY, ROOM, AWAY = "over", "nearly", "room", "away"
LOADS = {
    OVER: _("Over capacity"),
    NEARLY: _("Nearly full"),
    ROOM: _("With room"),
    AWAY: _("Away on some day"),
}


@dataclass(frozen=True)
class Filters:
    skill: str = ""
    load: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """What stands in the address; what is nonsense narrows nothing."""
        skill, load = query.get("skill", ""), query.get("load", "")
        return cls(skill if skill.isdecimal() and len(skill) < 19 else "", load if load in LOADS else "")

    @property
    def narrows(self) -> bool:
        return bool(self.skill or self.load)

    def narrow(self, rows: Sequence[boards.Row]) -> list[boards.Row]:
        found = [row for row in rows if not self.load or _is(self.load, row)]
        if not self.skill:
            return found
        users = [row.user.pk for row in found]
        skilled = set(UserSkill.objects.filter(skill=int(self.skill), user__in=users).values_list("user", flat=True))
        return [row for row in found if row.user.pk in skilled]


def skills_of(user: User) -> list[Skill]:
    return list(Skill.objects.visible_to(user).order_by("name", "pk"))


def _is(load: str, row: boards.Row) -> bool:
    if load == AWAY:
        return any(cell.off for cell in row.cells)
    if load == OVER:
        return row.is_overloaded
    if load == NEARLY:
        return row.is_nearly_full and not row.is_overloaded
    return row.used_hours < row.max_hours and not row.is_nearly_full and not row.is_overloaded
