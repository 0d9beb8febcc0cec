"""Rules, sequences, and the engine that turns what happened into work.

The three team names are exported lazily: Django imports this package before its models exist.
"""

from typing import Any

_HOMES = {
    "TaskAutomationEngine": "automation.team",
    "PerformanceCalculator": "automation.team",
    "WorkloadBalancer": "automation.team",
}

__all__ = ["PerformanceCalculator", "TaskAutomationEngine", "WorkloadBalancer"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
