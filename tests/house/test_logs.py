"""Log lines: for people and for machines, and none holds a key."""

import json
import logging
import logging.config
from typing import Any

import pytest

from config import logs

SECRETS = (
    "/hooks/mail/sendgrid/s3cr3t",
    "/hooks/mail/sendgrid/s3cr3t/inbound",
    "/hooks/messages/s3cr3t",
    "/calendar/s3cr3t",
    "/go/s3cr3t?act=done",
    "/unsubscribe/s3cr3t",
)


def written(form: str, record: logging.LogRecord) -> str:
    asked: dict[str, Any] = logs.configuration(form)["formatters"]["line"]
    made = dict(asked)
    return str(made.pop("()")(**made).format(record))


@pytest.mark.parametrize("path", SECRETS)
@pytest.mark.parametrize("form", ["console", "json"])
def test_an_address_that_is_a_key_is_not_written_down(form: str, path: str) -> None:
    try:
        raise ValueError(f"no answer for {path}")
    except ValueError as error:
        fault = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("django.request", logging.ERROR, "x.py", 1, "Bad gateway: %s", (path,), fault)
    line = written(form, record)
    assert "s3cr3t" not in line
    assert path.split("s3cr3t")[0] in line, "which one it was stays readable"


def test_a_line_for_machines_is_one_object() -> None:
    record = logging.LogRecord("nextmove.jobs", logging.WARNING, "x.py", 1, "job failed\nbadly", (), None)
    line = written("json", record)
    assert "\n" not in line
    assert json.loads(line)["event"] == "job failed\nbadly"
