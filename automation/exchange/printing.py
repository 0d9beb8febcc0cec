"""Plain values as YAML text that people like to read: multi-line texts as blocks, small maps and lists on one line.

The same value always gives the same bytes. What `parsing` would read as something else stands in quotes.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import yaml

from automation.exchange import parsing

_WIDE = 1_000_000  # no line is ever folded
_NUMBER_LIKE = re.compile(r"[-+.]?[0-9][0-9a-fA-FxoXOeE_.:+-]*")
_TIME_OF_DAY = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?")
_NEEDS_ESCAPES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_OLD_WORDS = frozenset({"yes", "no", "on", "off", "y", "n"})
"""Truth values to older readers of YAML."""
_ON_ONE_LINE = frozenset({"delay", "exits", "every"})
"""Maps that are short enough for one line."""


def listed(item: Mapping[str, Any]) -> str:
    """The map as one entry of a list, such as "- name: Call\\n  owner: ada\\n"."""
    entry = yaml.SequenceNode("tag:yaml.org,2002:seq", [_map(item, "")], flow_style=False)
    text: str = yaml.serialize(entry, Dumper=yaml.SafeDumper, width=_WIDE, allow_unicode=True)
    return text


def value(one: Any, name: str) -> str:
    """What stands behind the field's name; nothing for one that is left out."""
    if one is None:
        return ""
    if isinstance(one, str):
        return one
    text: str = yaml.serialize(_node(one, name), Dumper=yaml.SafeDumper, width=_WIDE, allow_unicode=True)
    return text.removesuffix("...\n").strip("\n")


def _node(value: Any, name: str) -> yaml.Node:
    if isinstance(value, Mapping):
        return _map(value, name)
    if isinstance(value, list | tuple):
        return _list(value, name)
    if value is None:
        return yaml.ScalarNode("tag:yaml.org,2002:null", "null")
    if isinstance(value, bool):
        return yaml.ScalarNode("tag:yaml.org,2002:bool", "true" if value else "false")
    if isinstance(value, int):
        return yaml.ScalarNode("tag:yaml.org,2002:int", str(value))
    if isinstance(value, Decimal):
        text = plain_number(value)
        return yaml.ScalarNode(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)
    return _text(str(value))


def _map(value: Mapping[str, Any], name: str) -> yaml.MappingNode:
    pairs = [(_text(str(key)), _node(one, str(key))) for key, one in value.items()]
    flow = not value or name in _ON_ONE_LINE or (name == "required_skills" and "skill" in value)
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=flow)


def _list(value: list[Any] | tuple[Any, ...], name: str) -> yaml.SequenceNode:
    """Words stand on one line; what is longer, or is made of parts, has a line each."""
    flow = all(isinstance(one, str | int) and len(str(one)) <= 60 and "\n" not in str(one) for one in value)
    return yaml.SequenceNode("tag:yaml.org,2002:seq", [_node(one, name) for one in value], flow_style=flow)


def _text(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    """None lets the emitter choose between plain and single quotes."""
    if _NEEDS_ESCAPES.search(text) or _TIME_OF_DAY.fullmatch(text):
        return '"'
    if "\n" in text:
        # Blank lines at the end would run into those between the entries.
        return '"' if text.endswith("\n\n") or text == "\n" else "|"
    if not parsing.is_plain(text) or _NUMBER_LIKE.fullmatch(text) or text.lower() in _OLD_WORDS:
        return "'"
    return None


def plain_number(value: Decimal) -> str:
    """4 rather than 4.00, and never 4E+2."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
