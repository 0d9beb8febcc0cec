"""Rows as JSON and back."""

import json
from collections.abc import Mapping
from typing import Final

from domain.conditions.errors import ConditionError
from domain.conditions.fields import shown
from domain.conditions.rows import Row, Rows, from_rows

_KEYS: Final = ("field", "operator", "value")


def rows_to_json(rows: Rows) -> dict[str, object]:
    """JSON-ready: {"match": "all", "rows": [{"field": …, "operator": …, "value": …}]}."""
    return {"match": rows.match, "rows": [_row_to_json(row) for row in rows.rows]}


def _row_to_json(row: Row) -> dict[str, object]:
    value = list(row.value) if isinstance(row.value, tuple) else row.value
    return {"field": row.field, "operator": row.operator, "value": value}


def rows_from_json(data: object) -> Rows:
    """The rows in what `rows_to_json` gives, or in its JSON text. Raises ConditionError naming the row at fault."""
    if isinstance(data, str | bytes):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ConditionError(f"The rows are not JSON: {error}.") from None
    if not isinstance(data, Mapping) or not isinstance(data.get("rows", []), list | tuple):
        raise ConditionError('Rows are given as {"match": "all", "rows": [{"field": …, "operator": …, "value": …}]}.')
    rows = tuple(_row_from_json(number, item) for number, item in enumerate(data.get("rows", []), start=1))
    found = Rows(data.get("match", "all"), rows)
    from_rows(found)
    return found


def _row_from_json(number: int, item: object) -> Row:
    if not isinstance(item, Mapping):
        raise ConditionError(f"Row {number} is {shown(item)}: give its field, operator and value.")
    for key in ("field", "operator"):
        if not isinstance(item.get(key), str):
            raise ConditionError(f"Row {number} has no {key}: give it as text.")
    for key in item:
        if key not in _KEYS:
            raise ConditionError(f"Row {number} has {shown(key)}, which means nothing: a row has {', '.join(_KEYS)}.")
    return Row(item["field"], item["operator"], item.get("value"))
