"""What it takes to find a person's next task: 500 waiting tasks beside 5,000, in a team of fifty with its history."""

import statistics
from pathlib import Path

from benchmarks.places import Place, migrated, python_in

FEW, MANY = 500, 5_000
PEOPLE, HELD, SKILLS, HISTORY = 50, 8, 8, 10_000

FILL = """
import random
from datetime import timedelta
from django.db import connection, transaction
from django.utils import timezone
from people.models import Skill, UserSkill
from tests import builders, volume
from work.models import Assignment, Task, TaskSkill

chance, now = random.Random(4), timezone.now()
with transaction.atomic():
    people = [builders.make_manager()]
    team = people[0].team
    people += [builders.make_user(team=team) for _ in range({people} - 1)]
    skills = [Skill.objects.create(team=team, name=f"Skill {{n}}") for n in range({skills})]
    UserSkill.objects.bulk_create(
        UserSkill(user=person, skill=skill, level=chance.randint(1, 5))
        for person in people for skill in chance.sample(skills, 4)
    )
    contacts = [builders.make_contact(chance.choice(people)).pk for _ in range(400)]
    ahead = [now + timedelta(hours=7 * n) for n in range(1, 60)]
    columns = dict(
        priority=volume.spread(["low", "medium", "high", "urgent"]),
        estimated_hours=volume.spread([1, 2, 3, 5, None]),
        kind=volume.spread(["rule:1", "rule:2", "", "recurring"]),
        contact_id=volume.spread(contacts[:200]),
    )
    row = Task(team=team, title="Call", created_at=now - timedelta(days=3))
    volume.multiply(row, {waiting}, due_date=volume.spread([*ahead, None]), **columns)
    TaskSkill.objects.bulk_create(
        TaskSkill(task_id=pk, skill=chance.choice(skills), min_level=chance.randint(1, 3))
        for pk in Task.objects.values_list("pk", flat=True) if chance.random() < 0.7
    )
    volume.multiply(Task(team=team, title="Done", status="done", created_at=now), {history}, **columns)
    done = Task.objects.filter(status="done").values_list("pk", flat=True)
    Assignment.objects.bulk_create(
        (Assignment(task_id=pk, user=chance.choice(people), method="batch", outcome="completed",
                    assigned_at=now - timedelta(days=chance.randint(1, 80)), ended_at=now) for pk in done),
        batch_size=1000,
    )
    for person in people:
        for day in range({held}):
            builders.make_task(person, estimated_hours=2, due_date=now + timedelta(days=day))
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
"""

ASK = """
import time
from django.db import transaction
from django.utils import timezone
from assignment import next_task
from people.models import User

now = timezone.now()
for person in User.objects.select_related("team").order_by("pk"):
    with transaction.atomic():
        started = time.perf_counter()
        answer = next_task.give(person, now=now)
        print(1000 * (time.perf_counter() - started))
        assert answer["assigned"], answer
        transaction.set_rollback(True)
"""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """Median milliseconds over everybody in the team, from the question to the task given and told of."""
    figures = {waiting: median(place, folder / str(waiting), waiting) for waiting in (FEW, MANY)}
    return {
        "next task of 500, ms": figures[FEW],
        "next task of 5,000, ms": figures[MANY],
        "next task: 5,000 / 500": figures[MANY] / figures[FEW],
    }


def median(place: Place, folder: Path, waiting: int) -> float:
    with migrated(place, folder) as environment:
        fill = FILL.format(people=PEOPLE, skills=SKILLS, waiting=waiting, history=HISTORY, held=HELD)
        python_in(environment, fill)
        taken = [float(line) for line in python_in(environment, ASK).split()]
    return statistics.median(taken[5:])  # the first ones load what is loaded once
