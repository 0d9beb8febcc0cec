"""What a person could do next: a few of thousands of waiting tasks, found in one statement.

The statement is written out, as four priorities with and without a date are eight queries otherwise, and building them
costs more than running them. Tested on both databases: PostgreSQL plans each part once for all priorities, SQLite has
no such join and is given each priority by itself.
"""

import heapq
from collections.abc import Iterable, Mapping

from django.db import connection
from django.db.models.expressions import RawSQL

from assignment import snapshot
from assignment.crew import Crew
from assignment.snapshot import Reader
from domain.matching import Weights, Work, value_of
from domain.matching.model import REJECTIONS_KEPT
from domain.matching.rules import refusal
from domain.matching.values import PRIORITIES, base_value, skill_value
from people.models import User
from work.models import Task

SHORTLIST = 16
"""So many are compared in full, with the hours and the history of everybody who could do them instead."""
_DATED, _UNDATED = 16, 8  # of each priority, those due first and those that wait longest; far more find no better

_FIRST_OF = """
    SELECT task.id FROM work_task task
    WHERE task.team_id = {team} AND task.status = 'todo' AND task.assignee_id IS NULL
      AND task.priority = {priority} AND task.due_date {dated} {unless}
    ORDER BY {order}, task.id LIMIT {most}"""
_OF_ALL = "SELECT firsts.id FROM (VALUES {priorities}) asked (priority) CROSS JOIN LATERAL ({first_of}) firsts"
_ALONE = "SELECT id FROM ({first_of})"
_ORDERS = (("IS NOT NULL", "task.due_date", _DATED), ("IS NULL", "task.created_at", _UNDATED))
# What the person lacks, what waits for other tasks, and what they are kept off is never read.
_LACKING = """
      AND NOT EXISTS (
        SELECT 1 FROM work_taskskill need WHERE need.task_id = task.id AND need.min_level > {level})"""
_HELD_BACK = """
      AND NOT EXISTS (
        SELECT 1 FROM work_dependency tie JOIN work_task other ON other.id = tie.waits_for_id
        WHERE tie.task_id = task.id AND other.status IN ('todo', 'in_progress', 'blocked'))"""
_KEPT_OFF = """
      AND NOT EXISTS (
        SELECT 1 FROM work_exclusion off
        WHERE off.user_id = {user} AND (off.task_id = task.id OR off.contact_id = task.contact_id))"""


def to(user: User, crew: Crew, reader: Reader, weights: Weights) -> list[Work]:
    """Ready work for one of the crew who has the skills for it: the 16 tasks most worth their time, best first, and
    some that take more hours than they have.

    They are picked by what the person makes of them less half of what the best skilled of the others with hours left
    would. Looked at are, of each priority, those due first and those without a date that wait longest.
    """
    levels = _that_count(crew.levels.get(user.pk, {}), reader)
    works = reader.works(snapshot.rows(Task.objects.filter(pk__in=_candidates(user, levels, reader)).order_by("pk")))
    if not works:  # what waits asks for other skills: some of it all the same, so that the person hears which
        return reader.works(snapshot.waiting(user.team, most=REJECTIONS_KEPT))
    (own,) = crew.people(works, [user])
    others = [one for one in crew.people() if one.id != user.pk and one.free_q > 0]
    best: dict[snapshot.Required, int | None] = {}
    for required in {work.required for work in works}:
        able = [skill_value(required, one, weights) for one in others if refusal(required, one) is None]
        best[required] = max(able, default=None)

    def advantage(work: Work) -> int:
        rival = best[work.required]
        theirs = 0 if rival is None else base_value(work, weights) + rival
        return 2 * value_of(work, own, weights).total - theirs

    def first_of(works: Iterable[Work], most: int) -> list[Work]:
        return heapq.nsmallest(most, works, key=lambda work: (-advantage(work), work.order))

    # What takes more hours than they have is told of, and takes nobody else's place.
    fitting = [work for work in works if work.hours_q <= own.free_q]
    too_long = [work for work in works if work.hours_q > own.free_q]
    return first_of(fitting, SHORTLIST) + first_of(too_long, REJECTIONS_KEPT)


def _that_count(levels: Mapping[int, int], reader: Reader) -> dict[int, int]:
    """The person's skills without those that ask for others which the person lacks."""
    return {
        skill: level
        for skill, level in levels.items()
        if all(levels.get(need, 0) >= least for need, least in reader.closure.get(skill, ()))
    }


def _candidates(user: User, levels: Mapping[int, int], reader: Reader) -> RawSQL:
    """Their ids, as a statement for others to be built on. It asks only what can keep anything from this person:
    planning a question costs a database more than answering it.
    """
    cases = " ".join(f"WHEN {int(skill)} THEN {int(level)}" for skill, level in sorted(levels.items()))
    level = f"CASE need.skill_id {cases} ELSE 0 END" if cases else "0"
    unless = _LACKING.format(level=level) + _HELD_BACK
    if any(one.user_id == user.pk for one in reader.exclusions):
        unless += _KEPT_OFF.format(user=int(user.pk))
    priorities = [f"'{priority}'" for priority in PRIORITIES]

    def first_of(priority: str, dated: str, order: str, most: int) -> str:
        return _FIRST_OF.format(
            team=int(user.team_id), priority=priority, dated=dated, order=order, most=most, unless=unless
        )

    if connection.vendor == "postgresql":
        values = ", ".join(f"({priority})" for priority in priorities)
        parts = [_OF_ALL.format(priorities=values, first_of=first_of("asked.priority", *order)) for order in _ORDERS]
        # As an array, since a join would read all tasks there are from end to end.
        statement = f"SELECT unnest(ARRAY({' UNION ALL '.join(parts)}))"
    else:
        parts = [_ALONE.format(first_of=first_of(one, *order)) for one in priorities for order in _ORDERS]
        statement = " UNION ALL ".join(parts)
    return RawSQL(statement, ())  # noqa: S611 (numbers and words of our own)
