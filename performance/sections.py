"""A daily report as people read it: sections of rows that the page, the mail, its text and the CSV file share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from domain import calendars

Data = Mapping[str, Any]

WHY_WAITING = {
    "": ("Not looked at yet", "not looked at yet"),
    "NO_SKILLED_PERSON": ("Nobody has the skills", "nobody has the skills"),
    "NO_CAPACITY_BEFORE_DUE": ("Nobody has the hours before it is due", "nobody has the hours before it is due"),
    "OUTRANKED": ("Outranked by other tasks", "outranked"),
    "DEPENDENCY": ("Waits for other tasks", "waits"),
}
"""Of each code the words for all tasks together, and those for one, which its numbers follow."""


@dataclass(frozen=True)
class Row:
    """What it is about, who, how much of which unit, and a remark; `path` is the page of it.

    `suggestion_id` is that of a move that can be applied. With `named`, what it is about is a name that people gave.
    """

    what: str
    who: str = ""
    value: float | None = None
    unit: str = ""
    detail: str = ""
    path: str = ""
    suggestion_id: int | None = None
    named: bool = False

    @property
    def figure(self) -> str:
        """The value with its unit: 12.5 h, 80 %, 1 task."""
        if self.value is None:
            return ""
        unit = (
            self.unit.removesuffix("s")
            if self.value == 1 and self.unit in ("tasks", "days", "jobs", "moves")
            else self.unit
        )
        return f"{self.value:,.10g} {unit}".strip()


@dataclass(frozen=True)
class Section:
    """Rows under a heading; `nothing` is said when there are none."""

    key: str
    title: str
    rows: tuple[Row, ...]
    nothing: str = ""

    @property
    def who(self) -> bool:
        """Whether any row is about somebody."""
        return any(row.who for row in self.rows)

    @property
    def figures(self) -> bool:
        return any(row.value is not None for row in self.rows)


def of(data: Data) -> list[Section]:
    """All sections of a report, in the order of what a lead can do about them.

    A report of an older release has fewer parts: a section whose part is missing is left out.
    """
    return [
        section
        for make in (
            _yesterday,
            _week,
            _overdue,
            _waiting,
            _workload,
            _suggestions,
            _stuck,
            _performance,
            _paused_rules,
            _failed_jobs,
        )
        if (section := make(data)) is not None
    ]


def _yesterday(data: Data) -> Section | None:
    day = data.get("yesterday")
    if day is None:
        return None
    rows = [
        Row("Finished", value=day["finished"], unit="tasks", detail=f"{day['hours']:g} h" if day["hours"] else ""),
        Row("On time", value=day["on_time"], unit="tasks"),
        Row("Late", value=day["late"], unit="tasks"),
    ]
    if day["undated"]:
        rows.append(Row("Without a due date", value=day["undated"], unit="tasks"))
    for one in day.get("people", ()):
        late = f", {one['late']} late" if one["late"] else ""
        detail = f"{one['hours']:g} h{late}"
        rows.append(Row("Finished", one["name"], one["finished"], "tasks", detail))
    return Section("yesterday", f"Yesterday, {_day(date.fromisoformat(day['on']))}", tuple(rows))


def _week(data: Data) -> Section | None:
    week, before = data.get("week"), data.get("week_before")
    if week is None or before is None:
        return None
    rows = [Row("Finished", value=week["finished"], unit="tasks", detail=f"{before['finished']} in the week before")]
    shares = [_on_time(one) for one in (week, before)]
    if shares[0] is not None:
        earlier = "" if shares[1] is None else f"{shares[1]:g} % in the week before"
        rows.append(Row("On time, of what had a due date", value=shares[0], unit="%", detail=earlier))
    return Section("week", "The last seven days", tuple(rows))


def _on_time(counts: Data) -> float | None:
    dated = counts["on_time"] + counts["late"]
    return round(100 * counts["on_time"] / dated, 1) if dated else None


def _overdue(data: Data) -> Section | None:
    late = data.get("overdue")
    if late is None:
        return None
    zone = _zone(data)
    rows = [
        Row(
            task["title"],
            task["name"] or "nobody",
            task["days"],
            "days",
            f"due {_moment(task['due_date'], zone)}",
            _task(task),
            named=True,
        )
        for task in late["tasks"]
    ]
    return Section("overdue", "Overdue", (*rows, *_rest(late, rows)), "Nothing is overdue.")


def _waiting(data: Data) -> Section | None:
    waiting = data.get("waiting")
    if waiting is None:
        return None
    codes = [Row(_why(code)[0], value=count, unit="tasks") for code, count in waiting["codes"].items()]
    rows = [
        Row(task["title"], detail=why_not(task["code"], task["reason"]), path=_task(task), named=True)
        for task in waiting["tasks"]
    ]
    return Section("waiting", "Waiting for somebody", (*codes, *rows, *_rest(waiting, rows)), "Nothing waits.")


def _why(code: str) -> tuple[str, str]:
    return WHY_WAITING.get(code, (code, code))


def why_not(code: str, sentence: str) -> str:
    """The run's sentence with words for the code that it begins with."""
    return f"{_why(code)[1]}{sentence.removeprefix(f'Nobody: {code}').rstrip('.')}"


def _workload(data: Data) -> Section | None:
    work = data.get("workload")
    if work is None:
        return None
    booked = f"{work['total_utilized_hours']:g} of {work['total_capacity_hours']:g} h"
    rows = [Row("Planned of this week", value=work["utilization_rate"], unit="%", detail=booked)]
    for key, what in (("overloaded", "Over 100 %"), ("underutilized", "Under 50 %")):
        rows += [
            Row(
                what,
                one["name"],
                None if one["utilization"] is None else round(one["utilization"], 1),
                "%",
                f"{one['used_hours']:g} of {one['max_hours']:g} h",
                "/team/workload",
            )
            for one in data.get(key, ())
        ]
    return Section("workload", "This week's load", tuple(rows))


def _suggestions(data: Data) -> Section | None:
    if "suggestions" not in data:
        return None
    rows = [
        Row(
            one.get("title") or f"Task {one['task_id']}",
            f"{one.get('from_name', one['from_user_id'])} → {one.get('to_name', one['to_user_id'])}",
            one["hours"],
            "h",
            _loads(one["loads"]),
            _task(one),
            one["id"],
            named="title" in one,
        )
        for one in data["suggestions"]
    ]
    more = data.get("more_suggestions", 0)
    rest = [Row("And more", value=more, unit="moves")] if more else []
    nothing = "No move would help." if data.get("stuck") else "No move is needed."
    return Section("suggestions", "Suggested moves", (*rows, *rest), nothing)


def _loads(loads: Data) -> str:
    def change(who: str) -> str:
        before, after = loads.get(f"{who}_before"), loads.get(f"{who}_after")
        return "no hours" if before is None or after is None else f"{before:g} → {after:g} %"

    return f"load {change('from')} and {change('to')}"


def _stuck(data: Data) -> Section | None:
    if not data.get("stuck"):
        return None
    rows = (Row("Stays overloaded", one["user"], detail=one["reason"]) for one in data["stuck"])
    return Section("stuck", "Who stays overloaded, and why", tuple(rows))


def _performance(data: Data) -> Section | None:
    figures = data.get("performance")
    if figures is None:
        return None
    return Section("performance", "Performance", tuple(_scores(figures)), "There is not enough data for scores yet.")


def _scores(figures: Data) -> Iterator[Row]:
    """Whatever figures there were when the report was made."""
    path = "/team/performance"
    if figures.get("team_average") is not None:
        yield Row("Average score", value=figures["team_average"], detail=_trend(figures.get("trend")), path=path)
    if figures.get("on_time_share") is not None:
        yield Row("On time, 90 days", value=figures["on_time_share"], unit="%", path=path)
    for key, what in (("high_performers", "Over 80"), ("at_risk", "May need help, under 50")):
        for one in figures.get(key, ()):
            yield Row(what, one["name"], one["performance_score"], path=path)


def _trend(points: Any) -> str:
    """How the average moved in seven days; empty when it was not known then."""
    known = [one for one in points or () if one.get("performance_score") is not None]
    if not known:
        return ""
    newest = known[-1]
    until = date.fromisoformat(newest["on"]).toordinal() - 7
    earlier = [one for one in known if date.fromisoformat(one["on"]).toordinal() <= until]
    if not earlier:
        return ""
    change = round(newest["performance_score"] - earlier[-1]["performance_score"], 1)
    return f"{change:+g} in a week" if change else "as a week ago"


def _paused_rules(data: Data) -> Section | None:
    if not data.get("paused_rules"):
        return None
    rows = (
        Row(one["name"], detail=one["reason"], path=f"/automations/task-scheduling/{one['rule_id']}", named=True)
        for one in data["paused_rules"]
    )
    return Section("paused_rules", "Rules that paused themselves", tuple(rows))


def _failed_jobs(data: Data) -> Section | None:
    failed = data.get("failed_jobs")
    if not failed or not failed["count"]:
        return None
    path = "/automations/jobs?state=dead"
    rows = [Row(one["name"].capitalize(), detail=one["error"], path=path) for one in failed["jobs"]]
    return Section("failed_jobs", "Failed jobs", (*rows, *_rest(failed, rows, "jobs")))


def _rest(counted: Data, rows: list[Row], unit: str = "tasks") -> list[Row]:
    more = counted["count"] - len(rows)
    return [Row("And more", value=more, unit=unit)] if more > 0 else []


def _task(line: Data) -> str:
    return f"/tasks/{line['task_id']}"


def _zone(data: Data) -> ZoneInfo:
    return calendars.first_zone(data.get("zone")).zone


def _day(on: date) -> str:
    return f"{on:%a} {on.day} {on:%b}"


def _moment(iso: str, zone: ZoneInfo) -> str:
    local = datetime.fromisoformat(iso).astimezone(zone)
    return f"{_day(local.date())}, {local:%H:%M}"
