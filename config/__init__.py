"""Wires the rooms together: settings, Celery, URLs, the command line and the supervisor."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
