"""Conditions of rules: CEL expressions over contact, activity, task and team, checked when saved, bounded when run.

conditions.check(source)                                     # when a rule is saved
conditions.compiled(source).holds({"contact": {...}}, now=now)   # when it is judged
"""

from domain.conditions.catalogue import CATALOGUE, Field
from domain.conditions.errors import ConditionError, ConditionFailed
from domain.conditions.evaluation import Condition, check, compiled
from domain.conditions.explaining import Clause, explain, sentence
from domain.conditions.fields import Values
from domain.conditions.operators import operators_for
from domain.conditions.reading import to_rows
from domain.conditions.row_json import rows_from_json, rows_to_json
from domain.conditions.rows import Row, Rows, from_rows

__all__ = [
    "CATALOGUE",
    "Clause",
    "Condition",
    "ConditionError",
    "ConditionFailed",
    "Field",
    "Row",
    "Rows",
    "Values",
    "check",
    "compiled",
    "explain",
    "from_rows",
    "operators_for",
    "rows_from_json",
    "rows_to_json",
    "sentence",
    "to_rows",
]
