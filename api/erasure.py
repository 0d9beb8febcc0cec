"""Erasing a person from the answers that are kept for repeated requests."""

import json

from django.db.models import Q

from api.models import IdempotentAnswer
from crm import erase
from people.models import User
from people.sealed import Locked
from work.models import Task

GONE = json.dumps(
    {
        "type": "/problems/not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "What this request was about was erased since. Nothing was done again.",
        "instance": "",
        "request_id": "",
        "errors": [],
    }
)


def wipe(subject: erase.Subject) -> None:
    """An answer that says anything of them is not given again; its key stays taken, so nothing is done twice."""
    redaction = subject.redaction()
    tasks = set(Task.objects.filter(contact__in=subject.ids).values_list("pk", flat=True))
    users = User.objects.filter(team_id=subject.team_id)
    kept = IdempotentAnswer.objects.filter(~Q(body=""), Q(user__in=users))
    for answer in kept.iterator(chunk_size=erase.CHUNK):
        locked = isinstance(answer.body, Locked)  # whoever it speaks of, it is never given again
        try:
            said = None if locked else json.loads(answer.body)
        except ValueError:
            said = answer.body
        if locked or redaction.found_in(said) or _is_about(said, set(subject.ids), tasks):
            rows = IdempotentAnswer.objects.filter(pk=answer.pk)
            rows.update(status=404, content_type="application/problem+json", body=GONE)


def _is_about(said: object, contacts: set[int], tasks: set[int]) -> bool:
    """Whether any object in an answer is one of the contacts or tasks, or names one by its id."""
    if isinstance(said, list):
        return any(_is_about(one, contacts, tasks) for one in said)
    if not isinstance(said, dict):
        return False
    own = contacts if "lead_score" in said else tasks if "title" in said else set()
    if said.get("contact_id") in contacts or said.get("task_id") in tasks or said.get("id") in own:
        return True
    return any(_is_about(one, contacts, tasks) for one in said.values())
