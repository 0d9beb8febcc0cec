"""Wires the rooms together: settings, Celery, URLs, the command line and the supervisor."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
