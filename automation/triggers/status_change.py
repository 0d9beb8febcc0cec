"""A contact's status changed, from and to given words or any."""

from typing import Any

from crm.models import Activity, Contact

KIND = "status_change"
STATUSES = tuple(status for status, _ in Contact.STATUSES)


def check(config: dict[str, Any]) -> list[str]:
    unknown = set(config) - {"from_status", "to_status"}
    faults = [f"Unknown setting {name!r}: this trigger takes from_status and to_status." for name in sorted(unknown)]
    faults += [
        f"{name} is {config[name]!r}: use one of {', '.join(STATUSES)}, or leave it out for any."
        for name in ("from_status", "to_status")
        if config.get(name) not in (None, "", *STATUSES)
    ]
    if not faults and config.get("from_status") and config.get("from_status") == config.get("to_status"):
        faults.append("from_status and to_status are the same: such a change never happens.")
    return faults


def sentence(config: dict[str, Any]) -> str:
    old, new = config.get("from_status"), config.get("to_status")
    if old and new:
        return f"a contact goes from {old} to {new}"
    if new:
        return f"a contact becomes {new}"
    return f"a contact leaves {old}" if old else "a contact's status changes"


def matches(config: dict[str, Any], event: Activity) -> bool:
    if event.activity_type != Activity.STATUS_CHANGED:
        return False
    old, new = config.get("from_status"), config.get("to_status")
    return (not old or event.data.get("old_status") == old) and (not new or event.data.get("new_status") == new)
