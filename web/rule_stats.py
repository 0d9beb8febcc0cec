"""Statistics of automation: what each rule, sequence and campaign did, and what became of its tasks."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from automation import statistics, tallies
from web import rule_figures
from web.access import Request, signed_in

SUMS = ("fired", "suppressed", "failed", "waiting", "completed", "on_time", "open")
SHARES = {"created": ("fired", "runs"), "done": ("completed", "fired"), "punctual": ("on_time", "completed")}


@require_GET
@signed_in
def page(request: Request) -> HttpResponse:
    now = timezone.now()
    found = tallies.of_team(request.user.team, now=now)
    today = rule_figures.today(request.user.team, now)
    rows = [rule_figures.dressed(row, today=today) for row in found["rules"]]
    rows.sort(key=lambda row: (-row["fired"], row["name"]))
    context = {
        "rows": rows,
        "sums": _sums(rows),
        "programmes": [
            rule_figures.dressed(row, today=today) | {"of": of}
            for of in ("sequences", "campaigns")
            for row in found[of]
            if row["fired"]
        ],
        "days": statistics.DAYS,
        "as_of": found["counted_at"] if found["counted_at"] != now else None,
    }
    return render(request, "web/rules/stats.html", context)


def _sums(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All rules together: the events they judged, the tasks they made, and those that were done."""
    sums: dict[str, Any] = {name: sum(row[name] for row in rows) for name in SUMS}
    sums["runs"] = sum(row["runs"] for row in rows)
    for name, (part, whole) in SHARES.items():
        sums[f"{name}_share"] = 100 * sums[part] / sums[whole] if sums[whole] else None
    return sums
