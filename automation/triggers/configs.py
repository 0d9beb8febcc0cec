"""What the settings of triggers have in common: a schema each, whose faults are told to people."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

Word = Annotated[str, StringConstraints(pattern=r"\S", max_length=60)]
Words = Annotated[list[Word], Field(max_length=100)]
Ids = Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Field(max_length=100)]


class Config(BaseModel):
    """Settings of one kind of trigger. What is not there is refused, so that a typing error never passes for a wish."""

    model_config = ConfigDict(extra="forbid", strict=True)


WORDS = {
    "list_type": "give a list",
    "string_type": "give a text",
    "int_type": "give a whole number",
    "string_pattern_mismatch": "give a word",
    "dict_type": "give an object",
    "missing": "give it, it is needed",
}
"""What pydantic says in its own language, in ours."""


def one(words: str) -> str:
    """The words with the article that they are spoken with."""
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"


def faults(schema: type[Config], config: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings, in words; empty when nothing is."""
    try:
        schema.model_validate(config)
    except ValidationError as failure:
        return [_told(schema, error) for error in failure.errors()]
    return []


def _told(schema: type[Config], error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = ", ".join(schema.model_fields) or "no settings"
        return f"Unknown setting {name!r}: this trigger takes {known}."
    text = WORDS.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ").removesuffix(".")
    return f"{name.replace('_', ' ')}: {text}." if name else f"{text}."
