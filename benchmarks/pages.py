"""What the server takes for each page when there is a hundred times the work: 1,200 tasks beside 100,000.

Not asked: a backtest, whose work is what happened between its dates, so it grows with that and not with the page; what
answers a POST by sending on to one of these pages; the first run (`/setup`), which is only there before there are rows;
pages of a sign-in (`/accounts`), which know no rows of a team.
"""

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.costs import size
from benchmarks.places import Place, migrated, python_in
from tests import processes

FEW = 1_000, 1_200
MANY = size("PAGES_CONTACTS", 20_000), size("PAGES_TASKS", 100_000)
"""Contacts and tasks."""
ROUNDS, REQUESTS = size("PAGES_ROUNDS", 5), 5
"""So often both are asked in turn, with so many requests for each page."""

FILL = """
from datetime import timedelta
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from assignment import runs
from automation.models import Firing, Sequence
from automation.programmes import sequences
from crm.files import imports
from crm.files.models import Import
from crm.models import InboundForm
from people.models import User
from tests import builders, volume
from work.models import Task

now = timezone.now()
with transaction.atomic():
    team = volume.fill({contacts}, rules=40, people=20, now=now)
    people = list(User.objects.filter(team=team).order_by("pk"))
    first = team.contacts.order_by("pk").first().pk
    Task.objects.filter(status="todo").update(status="done", completed_at=now - timedelta(days=40))
    left = {tasks} - Task.objects.count() - 40
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
    builders.make_source(team)
    builders.make_webhook(team)
    InboundForm.objects.create(team=team, name="Website")
    User.objects.create_superuser("operator", "operator@example.com", None, team=team)
    builders.make_unmatched(team)
    builders.make_conflict(builders.make_activity(team.contacts.first(), processed_at=now))
    programme = Sequence.objects.get(team=team)
    sequences.update(programme, now=now, steps=[*programme.steps, builders.step(24 * 9)])  # all are on the older ones
    # However much there is, forty tasks wait for somebody.
    for _ in range(40):
        builders.make_task(None, team=team, contact=team.contacts.first(), due_date=now + timedelta(days=9))
    runs.run(team, now=now, dry_run=True, by=people[0])
    file = chr(10).join(["name,email", *(f"New {{n}},new{{n}}@example.com" for n in range(200))])
    for compared in (False, True):
        brought = imports.upload(file.encode(), by=people[0], kind=Import.CONTACTS, now=now, file_name="new.csv")
        if compared:
            brought = imports.check(brought, now=now)
            imports.compare(brought.pk, brought.round, now=now)
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
"""

ASK = """
import json, statistics, time
from django.test import Client
from django.utils import timezone
from assignment.models import Run
from automation.models import Campaign, Sequence, TaskAutomationRule
from crm.files.models import Import
from crm.models import Activity, Contact, InboundForm, InboundSource
from jobs.models import Job
from people.models import User
from performance.models import DailyReport
from webhooks.models import Endpoint
from work.models import Task

manager = User.objects.filter(role="manager").order_by("pk").first()
client = Client(headers={{"host": "127.0.0.1"}})
operator = User.objects.get(username="operator")
clients = {{False: client, True: Client(headers={{"host": "127.0.0.1"}})}}
for asks, user in ((clients[False], manager), (clients[True], operator)):
    asks.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
taken, rule = {{}}, {form}
for name in {paths}:
    path = name.format(
        task=Task.objects.filter(assignee=manager, status="todo").order_by("pk").first().pk,
        contact=Contact.objects.filter(owner=manager).order_by("pk").first().pk,
        rule=TaskAutomationRule.objects.order_by("pk").first().pk,
        timed=TaskAutomationRule.objects.filter(trigger_type="time").order_by("pk").first().pk,
        member=manager.pk,
        today=timezone.localdate(),
        plan=Run.objects.first().pk,
        read=Import.objects.get(state=Import.READ).pk,
        compared=Import.objects.get(state=Import.CHECKED).pk,
        source=InboundSource.objects.first().pk,
        form=InboundForm.objects.first().pk,
        webhook=Endpoint.objects.first().pk,
        unmatched=Activity.objects.filter(contact=None).first().pk,
        activity=Activity.objects.order_by("pk").first().pk,
        sequence=Sequence.objects.order_by("pk").first().pk,
        campaign=Campaign.objects.order_by("pk").first().pk,
        job=Job.objects.filter(state="dead").first().pk,
        report=DailyReport.objects.first().pk,
    )
    each, asks = [], clients[path.startswith("/admin/")]
    verb, _, path = path.rpartition(" ")
    for _ in range({requests} + 2):
        started = time.perf_counter()
        answer = asks.post(path, rule) if verb == "POST" else asks.get(path)
        each.append(time.perf_counter() - started)
        assert answer.status_code == (302 if path.endswith("/plans") else 200), (path, answer.status_code)
    taken[name] = statistics.median(each[2:])  # the first ones load what is loaded once
print(json.dumps(taken))
"""

FORM = {
    "kind": "status_change",
    "to_status": "lead",
    "title": "Call {{contact_name}}",
    "delay": "4",
    "delay_unit": "hours",
    "priority": "medium",
    "assign": "owner",
    "repeat_policy": "once_while_open",
    "try_on": "now",
}
"""A rule as its form sends it to be tried."""

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
    "/tasks/import",
    "/side",
    "/contacts",
    "/contacts?q=contact",
    "/contacts?q=nowhere",
    "/contacts/{contact}",
    "/contacts/{contact}/edit",
    "/contacts/{contact}/merge",
    "/contacts/{contact}/erase",
    "/contacts/new",
    "/contacts/import",
    "/imports/{read}",
    "/imports/{compared}",
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
    "/automations/task-scheduling/{rule}/backtest",
    "/automations/task-scheduling/{timed}/activate",
    "/automations/task-scheduling/import",
    "POST /automations/task-scheduling/new/dry-run",
    "/automations/sequences",
    "/automations/sequences/{sequence}",
    "/automations/sequences/{sequence}/edit",
    "/automations/sequences/{sequence}/migrate",
    "/automations/sequences/{sequence}/forecast",
    "/automations/sequences/new",
    "/automations/campaigns",
    "/automations/campaigns/{campaign}",
    "/automations/campaigns/{campaign}/edit",
    "/automations/campaigns/{campaign}/migrate",
    "/automations/campaigns/{campaign}/forecast",
    "/automations/campaigns/new",
    "/automations/stats",
    "/automations/jobs",
    "/automations/jobs/{job}",
    "/team/workload",
    "/team/workload/tasks/{task}",
    "/team/workload/people/{member}/{today}",
    "/team/workload/balance",
    "POST /team/workload/plans",
    "/team/workload/plans/{plan}",
    "/team/members/{member}",
    "/team/performance",
    "/team/estimates",
    "/team/reports",
    "/team/reports/{report}",
    "/activity/conflicts",
    "/activity/unmatched",
    "/activity/unmatched/{unmatched}",
    "/inbox",
    "/bell",
    "/settings/profile",
    "/settings/notifications",
    "/settings/notifications?chat=telegram",
    "/settings/security",
    "/settings/security/two-step",
    "/settings/tokens",
    "/settings/calendar",
    "/settings/team",
    "/settings/channels",
    "/settings/sources",
    "/settings/sources/{source}",
    "/settings/forms",
    "/settings/forms/{form}",
    "/settings/webhooks",
    "/settings/webhooks/{webhook}",
    "/settings/learning",
    "/settings/retention",
    "/settings/data",
    "/settings/audit",
    "/admin/",
    "/admin/work/task/",
    "/admin/crm/contact/",
    "/admin/crm/activity/",
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
    found: dict[str, float] = json.loads(python_in(environment, ASK.format(paths=PATHS, requests=REQUESTS, form=FORM)))
    return found
