"""The Celery application and the whole beat schedule.

Nothing long waits in the broker: a message names a row of the jobs table, and every due time is a column.
"""

import sys
from pathlib import Path
from typing import Any

from celery import Celery
from celery.schedules import crontab

LOCAL_BROKER = "redis://localhost:6379/0"


class Nextmove(Celery):
    """Celery, with job state read from the jobs table.

    The class attribute is the only way that CELERY_RESULT_BACKEND in the environment does not override.
    """

    backend_cls = "jobs.backend:JobBackend"
    task_cls = "jobs.tasks:JobTask"


def configuration() -> dict[str, Any]:
    """Read when Celery first needs it, so that importing this module needs no Django settings."""
    from django.conf import settings

    broker = settings.BROKER_URL
    if not broker and Path(sys.argv[0]).name == "celery":
        broker = settings.BROKER_URL = LOCAL_BROKER
        sys.stderr.write(f"No CELERY_BROKER_URL is set: using {LOCAL_BROKER}\n")
    # The environment wins over the configuration inside Celery; an empty one would name no transport.
    options: dict[str, Any] = {"visibility_timeout": 3600, "socket_connect_timeout": 1, "socket_timeout": 5}
    if settings.BROKER_KEY_PREFIX:
        options["global_keyprefix"] = settings.BROKER_KEY_PREFIX
    return {
        "broker_url": broker or "memory://",
        "broker_transport_options": options if broker.startswith("redis") else {},
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 1,
        "task_default_queue": settings.QUEUE_NAME,
        "task_publish_retry": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_max_tasks_per_child": 1000,
        "worker_soft_shutdown_timeout": 30.0,
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Below the lease of calls to the outside, so that a late worker never meets its successor.
        "task_time_limit": 240,
        "task_soft_time_limit": 210,
        "beat_scheduler": "jobs.beat:Scheduler",
        "imports": ["automation.tasks"],
        "timezone": "UTC",
    }


app = Nextmove("nextmove")
app.add_defaults(configuration)
app.conf.beat_schedule = {
    "auto-schedule-overdue-tasks": {
        "task": "automation.tasks.auto_schedule_overdue_tasks",
        "schedule": crontab(hour=9, minute=0),
    },
    "process-automation-workflows": {
        "task": "automation.tasks.process_automation_workflows",
        "schedule": crontab(minute="*/15"),
    },
    "schedule-recurring-tasks": {
        "task": "automation.tasks.schedule_recurring_contact_tasks",
        "schedule": crontab(hour=8, minute=0),
    },
    "send-task-reminders": {
        "task": "automation.tasks.send_task_reminders",
        "schedule": crontab(minute="*/15"),
    },
    "find-and-assign-tasks": {
        "task": "automation.tasks.find_and_assign_tasks_for_available_users",
        "schedule": crontab(minute=0),
    },
    "cleanup-old-assignments": {
        "task": "automation.tasks.cleanup_old_assignments",
        "schedule": crontab(hour=2, minute=0),
    },
    "learn-from-outcomes": {
        "task": "automation.tasks.learn_from_outcomes",
        "schedule": crontab(hour=3, minute=0),
    },
    "generate-daily-reports": {
        "task": "automation.tasks.generate_daily_reports",
        "schedule": crontab(hour=8, minute=0),
    },
    "suggest-team-rebalancing": {
        "task": "automation.tasks.suggest_team_rebalancing",
        "schedule": crontab(hour=8, minute=0),
    },
}
