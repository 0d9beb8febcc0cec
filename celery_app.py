"""The names that `celery -A celery_app` and scripts use: the application and the team jobs.

Importing this module in plain Python sets Django up, so `celery_app.AsyncResult(id)` works in any script.
"""

import os

import django
from django.apps import apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if not apps.ready:
    django.setup()

from automation.tasks import (
    assign_next_task_for_user,
    cleanup_old_assignments,
    find_and_assign_tasks_for_available_users,
    generate_daily_reports,
    recalculate_team_performance,
    send_performance_update_notification,
    send_task_assignment_notification,
    suggest_team_rebalancing,
    update_user_performance_metrics,
)
from config.celery import app as celery_app

__all__ = [
    "assign_next_task_for_user",
    "celery_app",
    "cleanup_old_assignments",
    "find_and_assign_tasks_for_available_users",
    "generate_daily_reports",
    "recalculate_team_performance",
    "send_performance_update_notification",
    "send_task_assignment_notification",
    "suggest_team_rebalancing",
    "update_user_performance_metrics",
]
