"""Celery's result backend, read from the Job rows; nothing is stored here and nothing grows."""

from typing import Any

from celery.backends.base import BaseBackend
from celery.states import PENDING


class JobFailed(Exception):
    """The error of a job that was given up."""


class JobBackend(BaseBackend):
    supports_native_join = False
    persistent = True

    def __init__(self, app: Any = None, url: str | None = None, **kwargs: Any) -> None:  # noqa: ARG002 (Celery's)
        super().__init__(app=app, **kwargs)

    def as_uri(self, include_password: bool = True) -> str:  # noqa: ARG002 (Celery's)
        return "jobs://"

    def store_result(self, *args: Any, **kwargs: Any) -> Any:
        """The row is written by `jobs.running`, in the transaction of the effects."""

    def _get_task_meta_for(self, task_id: str) -> dict[str, Any]:
        from uuid import UUID

        from jobs.models import Job

        try:
            job = Job.objects.filter(pk=UUID(str(task_id))).first()
        except ValueError:
            job = None
        if job is None:
            return {"status": PENDING, "result": None, "traceback": None, "children": []}
        result = JobFailed(job.error) if job.is_over else job.result
        return {
            "status": job.status,
            "result": result,
            "traceback": None,
            "children": [],
            "retries": job.retries,
            "date_done": job.done_at,
            "name": job.name,
            "args": job.args,
            "kwargs": job.kwargs,
        }
