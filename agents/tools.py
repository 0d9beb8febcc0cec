"""What an agent may do: each tool has a name, arguments, the scopes that show it, and the requests that it is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from django.utils import timezone
from pydantic import Field, StringConstraints, model_validator

from agents.asking import Api
from api.automation import CompleteIn
from api.fields import Id, In
from api.tasks import TaskIn
from people import tokens
from people.models import ApiToken, User

LINE = ("id", "title", "description", "priority", "status", "due_date", "contact_id", "estimated_hours", "notes")
"""Of a task in a list: what one needs to choose, since all of it is read by a model."""
RULE_LINE = ("id", "name", "is_active", "scope", "trigger_type", "trigger_config", "condition", "task_title_template")
CONTACT_LINE = ("id", "name", "email", "company", "status", "lead_score", "owner_id")
SAMPLES = 5
"""Of each outcome of a dry run."""
Limit = Annotated[int, Field(ge=1, le=100, description="How many at most")]


@dataclass(frozen=True)
class Told:
    """A result: one sentence, and the data that it is about."""

    sentence: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Tool:
    name: str
    title: str
    description: str
    arguments: type[In]
    scopes: tuple[str, ...]
    """Any one of them shows the tool; the API asks again for the one that each request needs."""
    run: Callable[[Api, User, Any], Told]
    ends_something: bool = False

    @property
    def writes(self) -> bool:
        return all(scope.endswith(":write") for scope in self.scopes)

    def allowed(self, token: ApiToken) -> bool:
        return any(tokens.allows(token, scope) for scope in self.scopes)


class Writing(In):
    idempotency_key: Annotated[str, StringConstraints(pattern=r"^[ -~]{1,255}$")] | None = Field(
        None, description="Any words of your own. Sent again with the same ones, it happens once"
    )


class MyWork(In):
    limit: Limit = 20


class CompleteTask(CompleteIn, Writing):
    task_id: Id


class CreateTask(TaskIn, Writing):
    pass


class Why(In):
    task_id: Id | None = Field(None, description="Why this task is whose it is")
    rule_id: Id | None = Field(None, description="With contact_id: why this rule did or did not fire for the contact")
    contact_id: Id | None = None

    @model_validator(mode="after")
    def one_question(self) -> "Why":
        of_task, of_rule = self.task_id is not None, self.rule_id is not None and self.contact_id is not None
        if of_task == of_rule or (of_task and (self.rule_id or self.contact_id)):
            raise ValueError("give task_id alone, or rule_id and contact_id together")
        return self


class RuleDryRun(In):
    rule_id: Id
    changes: dict[str, Any] = Field(
        {}, description="Fields of the rule to try as if saved, such as condition, trigger_config or delay_hours"
    )


class Workload(In):
    user_id: Id | None = Field(None, description="A member of the team; left out, the team for leads, else yourself")


class ListRules(In):
    is_active: bool | None = None
    limit: Limit = 50


class FindContacts(In):
    q: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        description="Part of a name, an e-mail address or a company"
    )
    limit: Limit = 20


def my_work(api: Api, me: User, wanted: MyWork) -> Told:
    rows = sorted(api.every("/api/tasks", assignee_id=me.pk, status="open"), key=_urgency)
    late = sum(1 for row in rows if row["due_date"] and _instant(row["due_date"]) < timezone.now())
    shown = [_line(row, LINE) for row in rows[: wanted.limit]]
    sentence = f"{_count(len(rows), 'open task')}, {late} overdue, in the order to do them."
    return Told(sentence, {"open": len(rows), "overdue": late, "tasks": shown})


def next_task(api: Api, me: User, wanted: Writing) -> Told:
    given = api.post(f"/automation/users/{me.pk}/next-task", key=wanted.idempotency_key)
    if given["assigned"] is None:
        return Told(given["reason"], {**given, "task": None})
    task = api.get(f"/api/tasks/{given['assigned']}")
    return Told(f"Task {task['id']} is yours now: {given['reason']}", {**given, "task": _line(task, LINE)})


def complete_task(api: Api, me: User, wanted: CompleteTask) -> Told:  # noqa: ARG001 (as all tools are called)
    path = f"/automation/tasks/{wanted.task_id}/complete"
    done = api.post(path, _body(wanted, "task_id"), key=wanted.idempotency_key)
    sentence = f"Task {wanted.task_id} is done. Its score and the next task follow by themselves: look at my_work."
    return Told(sentence, done)


def create_task(api: Api, me: User, wanted: CreateTask) -> Told:
    task = api.post("/api/tasks", _body(wanted), key=wanted.idempotency_key)
    holder = {None: "it waits for whoever fits best", me.pk: "it is yours"}.get(
        task["assignee_id"], f"user {task['assignee_id']} has it"
    )
    return Told(f"Task {task['id']} is made; {holder}. {task['warning']}".strip(), task)


def why(api: Api, me: User, wanted: Why) -> Told:  # noqa: ARG001
    if wanted.task_id is None:
        told = api.post(f"/api/task-automation/rules/{wanted.rule_id}/explain", {"contact_id": wanted.contact_id})
        return Told(told["sentence"], told)
    task = api.get(f"/api/tasks/{wanted.task_id}")
    held = task["assignment"]
    whose = f"Assigned to {held['user']}. {held['sentence']}" if held else "Nobody has held this task yet."
    made_by = f" Rule {task['rule_id']} made it." if task["rule_id"] else ""
    return Told(whose.strip() + made_by, task)


def rule_dry_run(api: Api, me: User, wanted: RuleDryRun) -> Told:  # noqa: ARG001
    path = f"/api/task-automation/rules/{wanted.rule_id}/dry-run"
    run = api.post(path, {"changes": wanted.changes} if wanted.changes else {})
    sentence = (
        f"Of {_count(run['examined'], 'record')} it would make {_count(run['would_create'], 'task')}, hold back "
        f"{run['suppressed']}, and not match {run['no_match']}. Nothing was written."
    )
    return Told(sentence, run | {"samples": {outcome: rows[:SAMPLES] for outcome, rows in run["samples"].items()}})


def workload(api: Api, me: User, wanted: Workload) -> Told:
    if wanted.user_id is None and me.leads:
        team = api.get("/automation/workload/team/status")
        sentence = (
            f"{team['total_utilized_hours']:g} of {team['total_capacity_hours']:g} hours are used in the team's week; "
            f"{team['overloaded_members']} of {_count(team['total_team_members'], 'member')} overloaded."
        )
        return Told(sentence, {"team": team})
    week = api.get(f"/automation/workload/user/{wanted.user_id or me.pk}/capacity")
    sentence = f"{week['used_hours']:g} of {week['max_hours']:g} hours of this week are used."
    return Told(sentence + (" That is too much." if week["is_overloaded"] else ""), {"user": week})


def list_rules(api: Api, me: User, wanted: ListRules) -> Told:  # noqa: ARG001
    active = None if wanted.is_active is None else str(wanted.is_active).lower()
    page = api.get("/api/task-automation/rules/", is_active=active, limit=wanted.limit)
    return _rows("rule", "rules", page, RULE_LINE)


def find_contacts(api: Api, me: User, wanted: FindContacts) -> Told:  # noqa: ARG001
    page = api.get("/api/contacts", q=wanted.q, limit=wanted.limit)
    return _rows("contact", "contacts", page, CONTACT_LINE)


def _rows(word: str, name: str, page: dict[str, Any], fields: tuple[str, ...]) -> Told:
    rows = [_line(row, fields) for row in page["results"]]
    more = " There are more: ask for more at once, or narrower." if page["next"] else ""
    return Told(f"{_count(len(rows), word)}.{more}", {name: rows, "more": page["next"] is not None})


def _body(wanted: Writing, *path: str) -> dict[str, Any]:
    return wanted.model_dump(mode="json", exclude_unset=True, exclude={"idempotency_key", *path})


def _line(row: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in fields}


def _urgency(row: dict[str, Any]) -> tuple[bool, Any, int]:
    """As My work has them: by due date, those without one last."""
    due = row["due_date"]
    return due is None, due and _instant(due), row["id"]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            "my_work",
            "My work",
            "The open tasks that are yours, the most urgent first, with how many are overdue.",
            MyWork,
            ("tasks:read",),
            my_work,
        ),
        Tool(
            "next_task",
            "Next task",
            "Makes the waiting task most worth your time yours, and says why; or why there is none.",
            Writing,
            ("tasks:write",),
            next_task,
        ),
        Tool(
            "complete_task",
            "Complete a task",
            "Finishes a task that is yours. The hours it took make scores and estimates better: give them if known.",
            CompleteTask,
            ("tasks:write",),
            complete_task,
            ends_something=True,
        ),
        Tool(
            "create_task",
            "Create a task",
            "Makes a task. Without assignee_id it waits for whoever fits best; only managers give tasks to others.",
            CreateTask,
            ("tasks:write",),
            create_task,
        ),
        Tool(
            "why",
            "Why",
            "Says why a task is whose it is (task_id), or why a rule did or did not fire for a contact (rule_id with "
            "contact_id).",
            Why,
            ("tasks:read", "rules:read"),
            why,
        ),
        Tool(
            "rule_dry_run",
            "Try a rule",
            "Says what a rule would do with the records as they stand, also with changes to it. Writes nothing.",
            RuleDryRun,
            ("rules:read",),
            rule_dry_run,
        ),
        Tool(
            "workload",
            "Workload",
            "How full the week is, in hours: the team's for leads and managers, else your own.",
            Workload,
            ("workload:read",),
            workload,
        ),
        Tool(
            "list_rules",
            "List rules",
            "The team's automation rules with their ids, for why and rule_dry_run.",
            ListRules,
            ("rules:read",),
            list_rules,
        ),
        Tool(
            "find_contacts",
            "Find contacts",
            "Contacts by a part of name, e-mail address or company, with their ids, for create_task and why.",
            FindContacts,
            ("contacts:read",),
            find_contacts,
        ),
    )
}
