"""What scoring 10,000 people over 1,000,000 assignments costs, beside one bare GROUP BY of the same rows.

Own: everything the nightly job does for a team, from reading its people to the kept scores, with their week's hours,
the team's median, the ranges and the team's average. Bare: one statement that adds up the same fifteen sums a person
over the same rows by the database's own numbers, its result fetched and thrown away; it is told the median, joins
nothing, and keeps nothing. A statement a person: the same sums of one person after the other. The eight sums of policy
`classic` alone, which need no weights, are measured beside it.
"""

import contextlib
import statistics
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from benchmarks import costs
from benchmarks.places import Place, python_in
from tests import processes, servers

PEOPLE, EACH, HELD = 10_000, 100, 5
BLOCKS = 7

FILL = """
from datetime import timedelta
from django.db import connection, transaction
from django.utils import timezone
from people.models import User
from tests import builders
from tests.volume import multiply, spread
from work.models import Assignment, Task

now, people, count = timezone.now(), {people}, {people} * {each}
open_ = f"i < {people} * {held}"
quarters = "(1 + (i * 79) %% 64) / 4.0"
given = [now - timedelta(hours=23 * day) for day in range(1, 98)]  # over all but the whole window
due = [at + timedelta(days=5) for at in given]
ended = [at + timedelta(days=day % 7) for day, at in enumerate(given)]

def unless_open(sql, parameters=()):
    return f"CASE WHEN {{open_}} THEN NULL ELSE {{sql}} END", list(parameters)

with transaction.atomic():
    team = builders.make_team()
    user = User(team=team, username="x", password="!", date_joined=now)
    multiply(user, people, username="'score' || i", email="'score' || i || '@example.com'")
    first = User.objects.filter(team=team).order_by("pk").values_list("pk", flat=True)[0]
    whose = f"{{first}} + i %% {{people}}"
    task = Task(team=team, title="Call", status="done", created_at=given[-1])
    multiply(
        task,
        count,
        assignee_id=whose,
        status=f"CASE WHEN {{open_}} THEN 'todo' ELSE 'done' END",
        estimated_hours=quarters,
    )
    task = Task.objects.filter(team=team).order_by("pk").values_list("pk", flat=True)[0]
    multiply(
        Assignment(method="batch", assigned_at=now),
        count,
        task_id=f"{{task}} + i",
        user_id=whose,
        assigned_at=spread(given),
        due_date=spread(due),
        ended_at=unless_open(*spread(ended)),
        outcome=f"CASE WHEN {{open_}} THEN '' WHEN i %% 29 = 0 THEN 'moved' ELSE 'completed' END",
        estimated_hours=quarters,
        actual_hours=unless_open("(1 + (i * 83) %% 80) / 4.0"),
        skill_match="CASE WHEN i %% 3 = 0 THEN NULL ELSE (i * 31) %% 101 END",
    )
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
"""

MEASURE = """
import time
from django.db import connection, transaction
from django.utils import timezone
from people.models import Team
from performance import scores
from performance.models import ScoreSnapshot
from work.models import Task

team = Team.objects.order_by("-pk").first()
least, most = ("LEAST", "GREATEST") if connection.vendor == "postgresql" else ("MIN", "MAX")
done = "outcome = 'completed'"
on_time, late = f"{{done}} AND ended_at <= due_date", f"{{done}} AND ended_at > due_date"
both = f"{{done}} AND estimated_hours > 0 AND actual_hours > 0"
share = f"100.0 * {{least}}(estimated_hours, actual_hours) / {{most}}(estimated_hours, actual_hours)"
hours = f"CASE WHEN estimated_hours > 0 THEN {{least}}(estimated_hours, 3 * %(usual)s) ELSE %(usual)s END"
classic = f'''
    COUNT(*), COUNT(*) FILTER (WHERE {{done}}), COUNT(*) FILTER (WHERE {{on_time}}),
    COUNT(*) FILTER (WHERE {{done}} AND due_date IS NOT NULL), SUM({{share}}) FILTER (WHERE {{both}}),
    COUNT(*) FILTER (WHERE {{both}}), SUM(skill_match), COUNT(skill_match)'''
fair = f'''
    SUM({{hours}}) FILTER (WHERE due_date IS NOT NULL AND ({{done}} OR due_date < %(now)s)),
    SUM({{hours}}) FILTER (WHERE {{on_time}}), SUM({{hours}}) FILTER (WHERE {{late}}),
    SUM({{hours}}) FILTER (WHERE {{both}}), SUM({{share}} * {{hours}}) FILTER (WHERE {{both}}),
    SUM({{hours}}) FILTER (WHERE skill_match IS NOT NULL), SUM(skill_match * {{hours}})'''

def bare(columns):
    values = dict(now=stored(now), since=stored(since), usual=usual)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT user_id, {{columns}} FROM work_assignment WHERE assigned_at >= %(since)s "
            "AND outcome NOT IN ('moved', 'dropped', 'reopened') GROUP BY user_id", values)
        return cursor.fetchall()

def own():
    with transaction.atomic():
        return scores.recompute_team(team, now=now)

stored = connection.ops.adapt_datetimefield_value
people = list(Task.objects.filter(team=team).order_by("assignee_id").values_list("assignee_id", flat=True).distinct())

def a_statement_a_person():
    values = dict(now=stored(now), since=stored(since), usual=usual)
    found = []
    with connection.cursor() as cursor:
        for pk in people:
            cursor.execute(
                f"SELECT {{classic}}, {{fair}} FROM work_assignment WHERE user_id = %(person)s "
                "AND assigned_at >= %(since)s AND outcome NOT IN ('moved', 'dropped', 'reopened')",
                values | dict(person=pk))
            found += cursor.fetchall()
    return found

steps = {{
    "own": own,
    "bare": lambda: bare(classic + "," + fair),
    "classic": lambda: bare(classic),
    "loop": a_statement_a_person,
}}
usual = 8  # hours: the median
for block in range({blocks} + 1):
    ScoreSnapshot.objects.all().delete()
    now = timezone.now()
    since = now - scores.WINDOW
    taken = {{}}
    for name in list(steps) if block % 2 else reversed(steps):
        started = time.perf_counter()
        rows = steps[name]()
        taken[name] = time.perf_counter() - started
        assert len(rows) == {people}
    if block:  # the first warms up
        print(*(taken[name] for name in steps))
"""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """Seconds of each, and the medians of their ratios over paired blocks."""
    people = costs.size("PEOPLE", PEOPLE)
    with filled(place, folder, people) as surroundings:
        lines = python_in(surroundings, MEASURE.format(blocks=BLOCKS, people=people)).splitlines()
    own, bare, classic, loop = zip(*(map(float, line.split()) for line in lines), strict=True)
    return {
        "own s": statistics.median(own),
        "bare GROUP BY s": statistics.median(bare),
        "a statement a person s": statistics.median(loop),
        **costs.spread("scores / bare GROUP BY", costs.over(own, bare)),
        **costs.spread("scores / GROUP BY of eight sums", costs.over(own, classic)),
        **costs.spread("scores / a statement a person", costs.over(own, loop)),
        **costs.spread("bare GROUP BY / a statement a person", costs.over(bare, loop)),
    }


@contextlib.contextmanager
def filled(place: Place, folder: Path, people: int) -> Iterator[dict[str, str]]:
    """The surroundings of a process on a database of its own with the team in it."""
    name = f"{servers.OURS}_{uuid.uuid4().hex[:12]}"
    own = {}
    if place.database_server:
        own["NEXTMOVE_DATABASE_URL"] = servers.create_database(place.database_server, name)
    surroundings = processes.environment(folder / "scores", **own)
    try:
        migrate = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(migrate, cwd=processes.ROOT, env=surroundings, check=True)
        python_in(surroundings, FILL.format(people=people, each=EACH, held=HELD))
        yield surroundings
    finally:
        if place.database_server:
            servers.drop_databases(place.database_server, name)
