"""Writing events down in the transaction of their cause, each once, with who is to be told of them.

A team without an endpoint costs one query and leaves no row; a batch costs as many statements as a single fact.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from jobs import queue
from jobs.announcing import Fact
from jobs.rows import insert_new
from webhooks import shapes
from webhooks.models import Dispatch, Endpoint, Event

SEND_JOB = "automation.tasks.send_webhook"
AT_ONCE = 500
"""Rows of one statement: databases have a limit to its parameters."""

Wishes = dict[tuple[int, str], list[int]]
"""Ids of the endpoints that want a kind, by team and kind."""


def record(facts: Sequence[Fact]) -> None:
    """Keeps what somebody wants to hear of, and queues it for each of them."""
    wishes = _wishes({fact.team_id for fact in facts})
    wanted = [fact for fact in facts if (fact.team_id, fact.kind) in wishes] if wishes else []
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        write(_events(part), {fact.key: wishes[fact.team_id, fact.kind] for fact in part})


def write(events: Sequence[Event], endpoints: dict[str, list[int]]) -> list[Dispatch]:
    """Inserts what is new of these events, with a dispatch for each of their endpoints, by the event's key."""
    new = {_uuid(pk) for (pk,) in insert_new(events, returning=("id",))}
    dispatches = [
        Dispatch(
            id=uuid.uuid5(queue.NAMESPACE, f"dispatch:{event.key}:{endpoint_id}"),
            event=event,
            endpoint_id=endpoint_id,
            created_at=event.created_at,
            next_try_at=event.created_at,
        )
        for event in events
        if event.pk in new
        for endpoint_id in endpoints[event.key]
    ]
    for start in range(0, len(dispatches), AT_ONCE):
        part = dispatches[start : start + AT_ONCE]
        insert_new(part)
        queue.enqueue(*(job(one, one.event.team_id) for one in part), now=part[0].created_at)
    return dispatches


def event_id(key: str) -> uuid.UUID:
    """It follows from the key, so the same fact is the same event to whoever receives it."""
    return uuid.uuid5(queue.NAMESPACE, f"event:{key}")


def job(dispatch: Dispatch, team_id: int) -> queue.Request:
    """The one that tries it in its present turn."""
    return queue.Request(
        SEND_JOB,
        [str(dispatch.pk), dispatch.turn],
        key=f"webhook:{dispatch.pk}:{dispatch.turn}",
        run_at=dispatch.next_try_at,
        team_id=team_id,
    )


def instant(at: datetime) -> str:
    """Part of a key that tells one change from the next."""
    return f"{at:%Y%m%dT%H%M%S%f}"


def _wishes(team_ids: Iterable[int]) -> Wishes:
    """Held until the transaction ends, so that none is deleted before its dispatches are committed; they may change."""
    ids = list(team_ids)
    statement = (
        "SELECT id, team_id, kinds FROM webhooks_endpoint "  # noqa: S608 (places for values)
        f"WHERE is_active AND team_id IN ({', '.join(['%s'] * len(ids))}) ORDER BY id"
    )
    if connection.vendor == "postgresql":  # on SQLite whoever writes is alone
        statement += " FOR KEY SHARE"
    wishes: Wishes = defaultdict(list)
    for endpoint in Endpoint.objects.raw(statement, ids):
        for kind in endpoint.kinds:
            wishes[endpoint.team_id, kind].append(endpoint.pk)
    return wishes


def _events(facts: Sequence[Fact]) -> list[Event]:
    """One for each fact whose row is there."""
    ids: dict[str, set[int]] = defaultdict(set)
    for fact in facts:
        ids[fact.subject].add(fact.subject_id)
    told = {subject: shapes.read(subject, wanted) for subject, wanted in ids.items()}
    return [
        Event(
            id=event_id(fact.key),
            team_id=fact.team_id,
            kind=fact.kind,
            key=fact.key,
            subject_id=fact.subject_id,
            contact_id=fact.contact_id,
            data=_data(fact, told[fact.subject][fact.subject_id]),
            at=fact.at,
            created_at=fact.at,
        )
        for fact in facts
        if fact.subject_id in told[fact.subject]
    ]


def _data(fact: Fact, shape: shapes.Shape) -> dict[str, Any]:
    path = shapes.PATHS[fact.subject].format(id=fact.subject_id)
    return {"id": fact.subject_id, "path": path, **fact.details, fact.subject: shape}


def _uuid(kept: Any) -> uuid.UUID:
    """As a driver answers it: SQLite keeps one as text."""
    return kept if isinstance(kept, uuid.UUID) else uuid.UUID(kept)
