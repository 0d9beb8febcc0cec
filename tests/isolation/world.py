"""Two teams full of rows that belong to people at random. Each row's name says what it is, so that an answer can be
searched for every row it tells of.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from assignment import runs
from assignment.models import Run, Suggestion
from automation.models import Backtest, Campaign, Enrolment, Sequence, TaskAutomationRule
from automation.programmes import enrolling
from crm.files import imports
from crm.files.models import Import
from crm.models import Activity, Contact, InboundForm, InboundSource
from jobs.models import Job
from notifications.models import Delivery, Notification
from people.models import ApiToken, SavedView, Skill, Team, User
from performance import scores
from performance.models import DailyReport
from tests import builders
from webhooks.models import Endpoint
from work.models import Task

FILE = b"Name,E-mail\nAda,ada@x.org\n"


def _inbound(model: Any) -> Callable[[User], QuerySet[Any]]:
    """What managers set up has no `visible_to` of its own."""
    return lambda user: model.objects.filter(team_id=user.team_id) if user.manages else model.objects.none()


def _seen(model: Any) -> Callable[[User], QuerySet[Any]]:
    return lambda user: model.objects.visible_to(user)


SEEN: dict[str, Callable[[User], QuerySet[Any]]] = {
    "task": _seen(Task),
    "contact": _seen(Contact),
    "activity": _seen(Activity),
    "rule": _seen(TaskAutomationRule),
    "sequence": _seen(Sequence),
    "campaign": _seen(Campaign),
    "enrolment": _seen(Enrolment),
    "notification": _seen(Notification),
    "delivery": _seen(Delivery),
    "user": _seen(User),
    "team": _seen(Team),
    "skill": _seen(Skill),
    "token": _seen(ApiToken),
    "webhook": _seen(Endpoint),
    "report": _seen(DailyReport),
    "job": _seen(Job),
    "run": _seen(Run),
    "import": _seen(Import),
    "suggestion": _seen(Suggestion),
    "view": _seen(SavedView),
    "backtest": _seen(Backtest),
    "source": _inbound(InboundSource),
    "form": _inbound(InboundForm),
}
MARK = re.compile(rf"mk({'|'.join(SEEN)})(\d+)x", re.IGNORECASE)
"""Who may see which rows, by kind: what everything that is answered is held against."""
NAMES = {
    "task": "title",
    "contact": "name",
    "rule": "name",
    "sequence": "name",
    "campaign": "name",
    "notification": "title",
    "user": "first_name",
    "team": "name",
    "skill": "name",
    "token": "name",
    "view": "name",
    "source": "name",
    "form": "name",
}
"""The column that is shown of each kind of which a name is shown."""


@dataclass
class World:
    """`rows` are the ids of everything, by kind and team."""

    teams: list[Team] = field(default_factory=list)
    people: dict[int, list[User]] = field(default_factory=dict)
    rows: dict[tuple[str, int], list[Any]] = field(default_factory=dict)

    def of(self, kind: str, team: Team) -> list[Any]:
        return self.rows[kind, team.pk]

    def ids(self, kind: str) -> set[str]:
        """Of what was made here; what the product itself told people in the course of it has names of its own."""
        return {str(pk) for team in self.teams for pk in self.of(kind, team)}

    def everybody(self) -> Iterator[User]:
        for team in self.teams:
            yield from self.people[team.pk]


def seen_by(user: User) -> dict[str, set[str]]:
    return {kind: {str(pk) for pk in rows(user).values_list("pk", flat=True)} for kind, rows in SEEN.items()}


def named_to(user: User) -> dict[str, set[str]]:
    """What may be named to somebody: all that they see, and the contacts that their tasks are about, since whoever does
    a task has to know for whom. Those contacts' own pages are not theirs.
    """
    named = seen_by(user)
    about = SEEN["task"](user).exclude(contact=None).values_list("contact", flat=True)
    return named | {"contact": named["contact"] | set(map(str, about))}


def named_in(text: str) -> set[tuple[str, str]]:
    """Kind and id of every row that a text tells of."""
    return {(kind.lower(), pk) for kind, pk in MARK.findall(text)}


def make(seed: int) -> World:
    chance, world = random.Random(seed), World()
    for _ in range(2):
        team = builders.make_team(timezone="UTC")
        people = [builders.make_user(team=team) for _ in range(3)]
        people += [builders.make_lead(team=team), builders.make_manager(team=team)]
        world.teams.append(team)
        world.people[team.pk] = people
        for kind, rows in _filled(team, people, chance).items():
            for row in rows:
                if kind in NAMES:
                    type(row)._base_manager.filter(pk=row.pk).update(**{NAMES[kind]: f"Mk{kind}{row.pk}x"})
            world.rows[kind, team.pk] = [row.pk for row in rows]
    for user in world.everybody():
        user.refresh_from_db()
    return world


def _filled(team: Team, people: list[User], chance: random.Random) -> dict[str, list[Any]]:
    now, manager = timezone.now(), people[-1]
    anybody = lambda: chance.choice(people)  # noqa: E731 (asked for again and again)
    contacts = [builders.make_contact(anybody()) for _ in range(6)]
    contacts += [builders.make_contact(team=team, owner=None)]
    skills = [builders.make_skill(anybody()) for _ in range(2)]
    tasks = [
        builders.make_task(
            assignee=chance.choice([None, anybody()]),
            owner=anybody(),
            contact=chance.choice([None, *contacts]),
            team=team,
            due_date=now + timedelta(days=chance.randint(-3, 3)),
            estimated_hours=2,
            skills={chance.choice(skills): 1},
        )
        for _ in range(10)
    ]
    tasks += [builders.make_done_task(anybody(), contact=chance.choice(contacts)) for _ in range(2)]
    rules = [builders.make_rule(anybody()) for _ in range(3)]
    for task in tasks:
        builders.make_firing(chance.choice(rules), task=task)
    activities = [builders.make_activity(chance.choice(contacts), processed_at=now) for _ in range(5)]
    for row in activities:
        Activity.objects.filter(pk=row.pk).update(data={"note": f"Mkactivity{row.pk}x"})
    activities += [builders.make_unmatched(team)]
    sequences = [builders.make_sequence(anybody()) for _ in range(2)]
    notifications = [builders.make_notification(anybody(), task=chance.choice([None, *tasks])) for _ in range(6)]
    held = [task for task in tasks if task.assignee and task.is_open]
    for person in people:
        scores.recompute(person, now=now)
        builders.make_token(person)
        SavedView.objects.create(user=person, page=SavedView.TASKS, name=f"Mine {person.pk}", query="q=x")
    given = imports.check(imports.upload(FILE, by=manager, kind="contacts", now=now), now=now)
    webhook = builders.make_webhook(team)
    builders.make_dispatch(webhook)
    return {
        "team": [team],
        "user": people,
        "contact": contacts,
        "task": tasks,
        "rule": rules,
        "activity": activities,
        "sequence": sequences,
        "campaign": [builders.make_campaign(manager)],
        "enrolment": [enrolling.enrol(sequences[0], one, owner=one.owner, now=now) for one in contacts[:2]],
        "notification": notifications,
        "delivery": [builders.make_delivery(one.user, notification=one) for one in notifications],
        "skill": skills,
        "token": list(ApiToken.objects.filter(user__in=people)),
        "view": list(SavedView.objects.filter(user__in=people)),
        "backtest": [builders.make_backtest(rule, by=rule.owner) for rule in rules],
        "webhook": [webhook],
        "report": [builders.make_report(team)],
        "job": [builders.make_job(anybody()) for _ in range(4)],
        "run": [runs.plan(team, now=now)],
        "import": [given],
        "suggestion": [builders.make_suggestion(one, to=anybody()) for one in held[:2]],
        "source": [builders.make_source(team)],
        "form": [InboundForm.objects.create(team=team, name="Contact us")],
    }
