"""/automation/assignments: giving out all of a team's waiting work at once, looking at such runs, and undoing them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from pydantic import Field

from api.auth import caller, need, scope
from api.errors import conflict
from api.fields import In, Out, one
from api.paging import Cursor, Limit, Page, page
from assignment import runs
from assignment.models import Run

router = Router(tags=["automation"])

GIVE_OUT = "give out the team's work"


class RunIn(In):
    dry_run: bool = Field(False, description="Show the plan, change nothing; it can be carried out later")
    replan: bool = Field(
        False, description="Also move what people hold and have not started, unless pinned, where that is worth it"
    )


class Given(Out):
    task_id: int
    user_id: int
    from_user_id: int | None = Field(description="Whose it was, if it is moved")
    reason: str


class NotGiven(Out):
    task_id: int
    code: str
    reason: str


class RunOut(Out):
    run_id: UUID
    team_id: int
    state: str = Field(description="planned, applying, done, undoing or undone")
    dry_run: bool
    replan: bool
    value: int = Field(description="Value per hour times quarter hours, less what load costs")
    bound: int = Field(description="No plan is worth more")
    gap: float = Field(description="At most this share of the bound is missing")
    passes: int
    solver: str
    version: int = Field(description="Of the engine: the same input has the same plan within one version")
    fault: str = Field(description="Why the solver was of no use; empty when it was, or was not needed")
    input_hash: str = Field(description="The same for the same team, work and hours")
    assigned: list[Given]
    unassigned: list[NotGiven]


class Undone(RunOut):
    kept: list[int] = Field(description="Tasks that stay where they are: started, moved or edited since")


class RunLine(Out):
    run_id: UUID = Field(alias="id")
    state: str
    created_at: datetime
    ended_at: datetime | None
    by_id: int | None
    value: int
    bound: int
    gap: float
    solver: str


@router.post("/automation/assignments/run", auth=scope("workload:write"), response=RunOut)
def run_assignments(request: HttpRequest, payload: RunIn | None = None) -> dict[str, Any]:
    """Gives out all waiting work of the team; with dry_run it shows the plan and changes nothing."""
    user = caller(request)
    need(user, "manage_team", GIVE_OUT)
    dry_run, replan = bool(payload and payload.dry_run), bool(payload and payload.replan)

    def made() -> dict[str, Any]:
        run = runs.run(user.team, now=timezone.now(), dry_run=dry_run, replan=replan, by=user)
        return runs.as_dict(run, dry_run=dry_run)

    return _done(made)


@router.get("/automation/assignments/runs", auth=scope("workload:read"), response=Page[RunLine])
def list_runs(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """The team's runs, the newest first."""
    user = caller(request)
    need(user, "view_team", "see how work was given out")
    rows = Run.objects.visible_to(user)
    return page(request, rows, limit=limit, cursor=cursor, shown=_lines, order=("-created_at", "-id"))


@router.get("/automation/assignments/runs/{uuid:id}", auth=scope("workload:read"), response=RunOut)
def read_run(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """One run, with each decision and its reason."""
    return runs.as_dict(_run(request, id, "view_team"))


@router.post("/automation/assignments/runs/{uuid:id}/apply", auth=scope("workload:write"), response=RunOut)
def apply_run(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """Carries a dry run out: each task that nobody touched since goes to whom it was planned for."""
    found = _run(request, id, "manage_team")
    return _done(lambda: runs.as_dict(runs.apply(found, now=timezone.now())))


@router.post("/automation/assignments/runs/{uuid:id}/undo", auth=scope("workload:write"), response=Undone)
def undo_run(request: HttpRequest, id: UUID) -> dict[str, Any]:
    """Takes back what a run gave, but for tasks that were started, moved or edited since."""
    found, user = _run(request, id, "manage_team"), caller(request)
    return _done(lambda: runs.undo(found, by=user, now=timezone.now()))


def _lines(found: Sequence[Run]) -> list[RunLine]:
    return [RunLine.model_validate(run, from_attributes=True) for run in found]


def _run(request: HttpRequest, id: UUID, right: str) -> Run:
    user = caller(request)
    need(user, right, GIVE_OUT)
    return one(Run.objects.visible_to(user), id, "run")


def _done(verb: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return verb()
    except runs.Busy as busy:
        raise conflict(str(busy), code="busy") from None
    except runs.NotThis as refused:
        raise conflict(str(refused), code="state") from None
