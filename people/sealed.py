"""Columns of secrets: sealed in the database, themselves again in memory."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import models

from people import sealing

MARK = "sealed:"
"""Before what is sealed: what was written past the program, or before there were seals, is read as it is."""


@dataclass(frozen=True)
class Locked:
    """One that cannot be opened here; written back as it was."""

    kept: str


class SealedKeys(models.JSONField):
    """An object whose values may be any JSON; their names are no secret."""

    def deconstruct(self) -> Any:
        """To the schema it is what it is made of, so that migrations see what is kept."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs

    def get_prep_value(self, value: Any) -> Any:
        return sealed(value) if isinstance(value, dict) else super().get_prep_value(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        read = super().from_db_value(value, expression, connection)
        return opened(read) if isinstance(read, dict) else read


class SealedText(models.TextField):
    """A text; an empty one has no seal, so that it can be asked for."""

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Locked):
            return value.kept
        text = super().get_prep_value(value)
        return MARK + sealing.seal(json.dumps(text)) if text else text

    def from_db_value(self, value: Any, _expression: Any, _connection: Any) -> Any:
        return _opened(value)


def sealed(keys: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.kept if isinstance(value, Locked) else MARK + sealing.seal(json.dumps(value))
        for name, value in keys.items()
    }


def opened(kept: dict[str, Any]) -> dict[str, Any]:
    """The secrets again; a Locked for each that was sealed with another NEXTMOVE_SECRET_KEY."""
    return {name: _opened(value) for name, value in kept.items()}


def _opened(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(MARK):
        return value
    try:
        return json.loads(sealing.unseal(value.removeprefix(MARK)))
    except sealing.Unreadable:
        return Locked(value)
