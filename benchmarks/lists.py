"""What the last page of a list takes beside its first, where the team has 1,000,000 tasks and as many contacts.

Asked through the API's own paging, of the rows that a manager and a member may see, without turning rows into an
answer, which costs the same on every page; the whole request is measured beside it. A member owns a hundredth of the
contacts and holds a hundredth of the tasks.
"""

import json
from pathlib import Path

from benchmarks import costs
from benchmarks.places import Place, migrated, python_in

ROWS, PEOPLE, LIMIT = 1_000_000, 100, 50
BLOCKS, TIMES = 9, 10
KINDS, WHO = ("tasks", "contacts"), ("manager", "member")

FILL = """
from datetime import timedelta
from django.db import connection, transaction
from django.utils import timezone
from crm.models import Contact
from people.models import User
from tests import volume
from work.models import Task

now, rows = timezone.now(), {rows}
with transaction.atomic():
    team = volume.fill(2_000, people={people}, now=now)
    people = volume.spread(list(User.objects.filter(team=team).order_by("pk").values_list("pk", flat=True)))
    contact = Contact(team=team, name="x", created_at=now, status="lead")
    named = dict(name="'Contact ' || i", email="'list' || i || '@example.com'")
    more = rows - Contact.objects.filter(team=team).count()
    volume.multiply(contact, more, owner_id=people, seen_owner_id=people, **named)
    first = Contact.objects.filter(team=team).order_by("pk").values_list("pk", flat=True)[0]
    task = Task(team=team, title="Call", created_at=now - timedelta(days=3), due_date=now + timedelta(days=3))
    more = rows - Task.objects.filter(team=team).count()
    state = volume.spread(["done"] * 9 + ["todo"])
    volume.multiply(task, more, assignee_id=people, owner_id=people, contact_id=f"{{first}} + i", status=state)
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
"""

MEASURE = """
import json, time
from django.test import Client, RequestFactory
from django.utils import timezone
from api import paging
from crm.models import Contact
from people import tokens
from people.models import User
from work.models import Task

orders = {{"tasks": (Task, ("-id",)), "contacts": (Contact, ("name", "id"))}}
client, factory, limit = Client(SERVER_NAME="localhost"), RequestFactory(), {limit}
manager = User.objects.filter(role="manager").order_by("pk").first()
people = {{"manager": manager, "member": User.objects.filter(team=manager.team, role="member").order_by("pk").last()}}

def before_last(rows, order):
    # The row after which exactly one page is left.
    row = rows.order_by(*paging._flipped(order))[limit]
    return paging.write_cursor(order, paging.Place([getattr(row, name.lstrip("-")) for name in order]))

def page(user, kind, cursor):
    model, order = orders[kind]
    rows, asked = model.objects.visible_to(user), factory.get(f"/api/{{kind}}")
    said = paging.page(asked, rows, limit=limit, cursor=cursor, shown=list, order=order)
    assert len(said["results"]) == limit and (said["next"] is None) == (cursor is not None)

def request(token, kind, cursor):
    query = dict(limit=limit) | (dict(cursor=cursor) if cursor else {{}})
    answer = client.get(f"/api/{{kind}}", query, headers={{"Authorization": f"Bearer {{token}}"}})
    assert answer.status_code == 200 and len(answer.json()["results"]) == limit
    assert (answer.json()["next"] is None) == (cursor is not None)

def ms(step, times):
    started = time.perf_counter()
    for _ in range(times):
        step()
    return 1000 * (time.perf_counter() - started) / times

for kind, (model, order) in orders.items():
    for who, user in people.items():
        token = tokens.issue(user, name="lists", now=timezone.now())[1]
        last = before_last(model.objects.visible_to(user), order)
        for name, step in (
            ("page", lambda cursor: page(user, kind, cursor)),
            ("request", lambda cursor: request(token, kind, cursor)),
        ):
            for block in range({blocks} + 1):
                times = {times} if name == "page" else 2
                taken = {{}}
                for cursor in (None, last) if block % 2 else (last, None):
                    taken[cursor is not None] = ms(lambda: step(cursor), times)
                if block:  # the first warms up
                    print(json.dumps([kind, who, name, taken[False], taken[True]]))
"""


def measure(place: Place, folder: Path) -> dict[str, float]:
    """Milliseconds of a page, and how many times as long the last takes as the first, over paired blocks."""
    with migrated(place, folder) as surroundings:
        python_in(surroundings, FILL.format(rows=costs.size("ROWS", ROWS), people=PEOPLE))
        said = python_in(surroundings, MEASURE.format(limit=LIMIT, blocks=BLOCKS, times=TIMES))
    rounds = [json.loads(line) for line in said.splitlines()]
    figures: dict[str, float] = {}
    for kind in KINDS:
        for who in WHO:
            for name, words in (("page", f"{kind}, {who}"), ("request", f"{kind}, {who}, whole request")):
                taken = [one[3:] for one in rounds if one[:3] == [kind, who, name]]
                first, last = zip(*taken, strict=True)
                figures |= costs.spread(f"{words}: first page, ms", first)
                figures |= costs.spread(f"{words}: last / first page", costs.over(last, first))
    return figures
