"""What the two source documents name and this release does not have yet. The list may only shrink."""

LATER: dict[str, str] = {
    "trigger_type cadence": "cadence rules; contact cadences themselves work",
    "trigger_type time": "time rules",
    "trigger_type overdue": "overdue rules; the daily urgent task itself works",
}
