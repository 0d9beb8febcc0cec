"""What the server takes for each page when there is a hundred times the work: 1,200 tasks beside 100,000."""

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.places import Place, migrated, python_in
from tests import processes

FEW, MANY = (1_000, 1_200), (20_000, 100_000)
"""Contacts and tasks."""
ROUNDS, REQUESTS = 5, 5
"""So often both are asked in turn, with so many requests for each page."""

FILL = """
from datetime import timedelta
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from automation.models import Firing
from people.models import User
from tests import builders, volume
from work.models import Task

now = timezone.now()
with transaction.atomic():
    team = volume.fill({contacts}, rules=40, people=20, now=now)
    people = list(User.objects.filter(team=team).order_by("pk"))
    first = team.contacts.order_by("pk").first().pk
    Task.objects.filter(status="todo").update(status="done", completed_at=now - timedelta(days=40))
    left = {tasks} - Task.objects.count()
    row = Task(team=team, title="Call", created_at=now - timedelta(days=3), estimated_hours=1, actual_hours=1)
    done = [now - timedelta(hours=5 * n) for n in range(1, 200)]
    ahead = volume.spread([now + timedelta(hours=9 * n) for n in range(-3, 30)])
    whose = dict(contact_id=f"{{first}} + i %% {contacts}")
    # Everybody holds forty, and who looks has done 150, however much there is: the pages show as many rows.
    volume.multiply(row, 40, assignee_id=str(people[0].pk), due_date=ahead, **whose)
    others = volume.spread([one.pk for one in people[1:]])
    volume.multiply(row, 40 * (len(people) - 1), assignee_id=others, due_date=ahead, **whose)
    row.status = "done"
    whose |= dict(completed_at=volume.spread(done), title="'Call ' || i")
    volume.multiply(row, 150, assignee_id=str(people[0].pk), **whose)
    volume.multiply(row, left - 40 * len(people) - 150, assignee_id=others, **whose)
    # Each firing made one of the tasks.
    made = F("pk") - Firing.objects.order_by("pk").first().pk + Task.objects.order_by("pk").first().pk
    Firing.objects.update(task_id=made)
    builders.make_job(people[0], state="dead", error="ValueError")
    builders.make_campaign(people[0], {{"delay_days": 1}})
    builders.make_report(team, now=now - timedelta(days=1))
    builders.make_notification(people[0], task=Task.objects.first())
    builders.make_token(people[0])
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
"""

ASK = """
import json, statistics, time
from django.test import Client
from automation.models import Campaign, Sequence, TaskAutomationRule
from crm.models import Activity, Contact
from jobs.models import Job
from people.models import User
from performance.models import DailyReport
from web.urls import urlpatterns
from work.models import Task

manager = User.objects.filter(role="manager").order_by("pk").first()
client = Client(headers={{"host": "127.0.0.1"}})
client.force_login(manager, backend="allauth.account.auth_backends.AuthenticationBackend")
taken = {{}}
for name in {paths}:
    path = name.format(
        task=Task.objects.filter(assignee=manager, status="todo").order_by("pk").first().pk,
        contact=Contact.objects.filter(owner=manager).order_by("pk").first().pk,
        rule=TaskAutomationRule.objects.order_by("pk").first().pk,
        member=manager.pk,
        activity=Activity.objects.order_by("pk").first().pk,
        sequence=Sequence.objects.order_by("pk").first().pk,
        campaign=Campaign.objects.order_by("pk").first().pk,
        job=Job.objects.filter(state="dead").first().pk,
        report=DailyReport.objects.first().pk,
    )
    each = []
    for _ in range({requests} + 2):
        started = time.perf_counter()
        answer = client.get(path)
        each.append(time.perf_counter() - started)
        assert answer.status_code == 200, (path, answer.status_code)
    taken[name] = statistics.median(each[2:])  # the first ones load what is loaded once
print(json.dumps(taken))
"""

PATHS = (
    "/",
    "/?view=upcoming",
    "/?view=done",
    "/focus",
    "/search?q=call",
    "/search?q=nowhere",
    "/tasks",
    "/tasks?sort=due",
    "/tasks?as=board",
    "/tasks?q=nowhere&status=all",
    "/tasks/new",
    "/tasks/{task}",
    "/tasks/{task}/peek",
    "/tasks/{task}/edit",
    "/contacts",
    "/contacts?q=contact",
    "/contacts?q=nowhere",
    "/contacts/{contact}",
    "/contacts/{contact}/edit",
    "/contacts/{contact}/merge",
    "/contacts/{contact}/rules",
    "/contacts/{contact}/rules/{rule}",
    "/activity",
    "/activity/{activity}",
    "/automations/task-scheduling",
    "/automations/task-scheduling/new",
    "/automations/task-scheduling/{rule}",
    "/automations/task-scheduling/{rule}/runs",
    "/automations/task-scheduling/{rule}/versions",
    "/automations/task-scheduling/{rule}/explain?contact={contact}",
    "/automations/task-scheduling/{rule}/try",
    "/automations/sequences",
    "/automations/sequences/{sequence}",
    "/automations/sequences/{sequence}/edit",
    "/automations/campaigns",
    "/automations/campaigns/{campaign}",
    "/automations/stats",
    "/automations/jobs",
    "/automations/jobs/{job}",
    "/team/workload",
    "/team/workload/tasks/{task}",
    "/team/workload/balance",
    "/team/members/{member}",
    "/team/performance",
    "/team/estimates",
    "/team/reports",
    "/team/reports/{report}",
    "/activity/conflicts",
    "/activity/unmatched",
    "/inbox",
    "/bell",
    "/settings/profile",
    "/settings/notifications",
    "/settings/security",
    "/settings/tokens",
    "/settings/calendar",
    "/settings/team",
    "/settings/channels",
    "/settings/sources",
    "/settings/forms",
    "/settings/webhooks",
    "/settings/learning",
    "/settings/retention",
    "/settings/data",
    "/settings/audit",
)


def measure(place: Place, folder: Path) -> dict[str, float]:
    """By page the median seconds at many over those at few, and the slowest page at many in milliseconds.

    Few and many are asked in turn, so that a machine that slows down for a while slows both.
    """
    with contextlib.ExitStack() as stack:
        filled = [
            stack.enter_context(filled_with(place, folder / str(tasks), contacts, tasks))
            for contacts, tasks in (FEW, MANY)
        ]
        rounds = [[times(environment) for environment in filled] for _ in range(ROUNDS)]
    ratios, taken = {}, {}
    for path in PATHS:
        ratios[f"{path}: many / few"] = statistics.median(many[path] / few[path] for few, many in rounds)
        taken[path] = statistics.median(many[path] for _, many in rounds)
    return ratios | {
        "pages: worst many / few": max(ratios.values()),
        "slowest page of many, ms": 1000 * max(taken.values()),
        "median page of many, ms": 1000 * statistics.median(taken.values()),
    }


@contextlib.contextmanager
def filled_with(place: Place, folder: Path, contacts: int, tasks: int) -> Iterator[dict[str, str]]:
    with migrated(place, folder) as environment:
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "collectstatic", "--noinput", "-v0"], cwd=processes.ROOT, env=environment, check=True)
        python_in(environment, FILL.format(contacts=contacts, tasks=tasks))
        yield environment


def times(environment: dict[str, str]) -> dict[str, float]:
    """By page the median seconds of this round."""
    found: dict[str, float] = json.loads(python_in(environment, ASK.format(paths=PATHS, requests=REQUESTS)))
    return found
