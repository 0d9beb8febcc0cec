"""A person's score as the page tells it: what each part is made of, and how the person compares with the team."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from domain import scoring
from web import words
from web.templatetags.face import hours

PARTS = {
    "completion": "completion_rate",
    "estimation": "estimation_accuracy",
    "balance": "workload_balance",
    "skill": "skill_utilization",
}
"""Parts of a score by the names under which it is shown."""

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """`weight` is percent of this total, None for a part that is left out for want of data.

    `span` is what it may as well be, lowest and highest, None where nobody knows.
    """

    name: str
    value: float | None
    weight: float | None
    made_of: str
    span: tuple[float, float] | None


@dataclass(frozen=True)
class Comparison:
    """The own completion rate beside the team's, in percent; it may be anything from `low` to `high`."""

    word: words.Word
    done: int
    given: int
    rate: float
    low: float
    high: float
    team_rate: float | None


def parts(score: Mapping[str, Any]) -> list[Part]:
    """The four parts of a score as the API gives it, with what of it they weigh."""
    inputs, fair = score["details"]["inputs"], score["details"]["policy"] == "fair"
    known = sum(scoring.WEIGHTS[name] for name, field in PARTS.items() if score[field] is not None)
    made_of = {
        "completion": (_completed_fair if fair else _completed)(inputs),
        "estimation": _estimated(inputs, fair=fair),
        "balance": _balanced(inputs),
        "skill": _skilled(inputs, fair=fair),
    }
    return [
        Part(
            name=str(words.SCORE_PARTS[name]),
            value=score[field],
            weight=None if score[field] is None else float(100 * scoring.WEIGHTS[name] / known),
            made_of=made_of[name],
            span=None if fair or not (span := score["details"]["ranges"].get(name)) else (span[0], span[1]),
        )
        for name, field in PARTS.items()
    ]


def comparison(score: Mapping[str, Any]) -> Comparison | None:
    """None for somebody who was assigned nothing, and of a score of before there was one."""
    details = score["details"]
    answer, span, inputs = details["comparison"], details["ranges"].get("completion"), details["inputs"]
    if answer is None or span is None or not inputs["assigned"]:
        return None
    team = inputs["team_assigned"]
    return Comparison(
        word=words.COMPARISONS[answer],
        done=inputs["completed"],
        given=inputs["assigned"],
        rate=100 * inputs["completed"] / inputs["assigned"],
        low=span[0],
        high=span[1],
        team_rate=100 * inputs["team_completed"] / team if team >= scoring.SMALL_TEAM else None,
    )


def _completed(inputs: Inputs) -> str:
    if not inputs["assigned"]:
        return _("No task was given in 90 days.")
    return _("%(done)s of %(given)s tasks given in 90 days are finished.") % {
        "done": inputs["completed"],
        "given": inputs["assigned"],
    }


def _completed_fair(inputs: Inputs) -> str:
    if not inputs["due_hours"]:
        return _("Nothing was due.")
    return _("Of %(due)s that were due, %(on_time)s were on time and %(late)s late, which count half.") % {
        "due": hours(inputs["due_hours"]),
        "on_time": hours(inputs["on_time_hours"]),
        "late": hours(inputs["late_hours"]),
    }


def _estimated(inputs: Inputs, *, fair: bool) -> str:
    count = inputs["accuracy_n"]
    if not count:
        return _("No finished task has both an estimate and actual hours.")
    told = ngettext(
        "Planned against actual hours of %(n)s finished task",
        "Planned against actual hours of %(n)s finished tasks",
        count,
    ) % {"n": count}
    return _weighed(told, fair=fair)


def _balanced(inputs: Inputs) -> str:
    if not inputs["capacity_hours"]:
        return _("No working time this week.")
    return _("%(booked)s of this week's %(whole)s are spoken for.") % {
        "booked": hours(inputs["booked_hours"]),
        "whole": hours(inputs["capacity_hours"]),
    }


def _skilled(inputs: Inputs, *, fair: bool) -> str:
    count = inputs["skill_n"]
    if not count:
        return _("No task asked for skills.")
    told = ngettext(
        "Match with %(n)s task that asks for skills",
        "Match with %(n)s tasks that ask for skills",
        count,
    ) % {"n": count}
    return _weighed(told, fair=fair)


def _weighed(told: str, *, fair: bool) -> str:
    return f"{told}{_(', long ones counting more') if fair else ''}."
