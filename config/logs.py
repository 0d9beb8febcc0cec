"""Log lines for people (console) or for machines (json): one event a line, with its request or job id."""

import logging
import re
from http import HTTPStatus
from typing import Any

import structlog

_SECRET = re.compile(r"(/(?:hooks/mail/[^/\s]+|hooks/messages|calendar|go|unsubscribe)/)[^/\s?\"']+")
"""What is secret of an address; all that lead to somebody's own are here."""


def without_secrets(_logger: Any, _method: str, line: dict[str, Any]) -> dict[str, Any]:
    """Libraries write down the address of a request that failed, and some are keys themselves."""
    return {name: _SECRET.sub(r"\1…", value) if isinstance(value, str) else value for name, value in line.items()}


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    without_secrets,
]


class Faults(logging.Filter):
    """Lets through what is a fault: that something is not installed (501) is said to whoever asks for it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != HTTPStatus.NOT_IMPLEMENTED


def configuration(log_format: str) -> dict[str, Any]:
    """The `logging.config` dictionary; also routes structlog's own loggers through it."""
    renderer: Any = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            }
        },
        "filters": {"faults": {"()": Faults}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "nextmove": {"level": "INFO"},
            "django.request": {"level": "ERROR", "filters": ["faults"]},
            "axes": {"level": "ERROR"},
            "urllib3": {"level": "INFO"},  # below that it writes down addresses, of which some are secrets
        },
    }
