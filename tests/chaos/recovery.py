"""How long it takes until all is well again, with the product's own waits: a worker killed in its job, a broker that is
away while events come in, three days of downtime."""

import itertools
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config import supervisor
from tests import processes
from tests.chaos import driver, installation, scene, trial
from tests.chaos.database import AWAY
from tests.chaos.inside import Wishes
from tests.chaos.installation import Installation

KILLS = 4
HEALTHY_SECONDS = supervisor.SETTLED_SECONDS + 2
"""The kernel says to about a second when a process was started."""
PROMISED_SECONDS = {"embedded": 3.0, "redis": 35.0}
"""From the kill of who runs a job until it is done by another."""
UP_SECONDS, DOWN_SECONDS = 60.0, 600.0
PROMISED_MORE_MS = 1100.0
POSTS_A_SECOND = 5
EVENTS = scene.TEAMS * round(POSTS_A_SECOND * (UP_SECONDS + DOWN_SECONDS))
"""Each post is of another contact, all of them of the first team."""
DOWNTIME = timedelta(days=3)
CONTACTS = 180
DRAINED_SECONDS = 600


def measure(*, seed: int, share: float, logs: Path | None) -> dict[str, Any]:
    """Raises own_servers.NotInstalled. Nothing here is drawn, so the seed changes nothing."""
    found: dict[str, Any] = {"seed": seed}
    with tempfile.TemporaryDirectory(prefix="nextmove-recovery-") as scratch:
        folder = logs / "recovery" if logs else Path(scratch)
        for place in PROMISED_SECONDS:
            slow = folder / f"{place}-slow"
            wishes = Wishes(slow_file=str(slow))
            with installation.running(place, folder / place, events=EVENTS, wishes=wishes) as here:
                found[f"redone after s, {place}"] = redone(here, slow, max(1, round(KILLS * share)))
                if here.broker is not None:
                    found["broker down"] = without_broker(here, UP_SECONDS * share, DOWN_SECONDS * share)
        with installation.running("embedded", folder / "downtime", events=CONTACTS, wishes=Wishes()) as here:
            found["downtime"] = downtime(here)
    return found


def redone(here: Installation, slow: Path, kills: int) -> list[float]:
    """Seconds from each kill to the job's end: of who runs it, and of its leader with it, in turn."""
    waits = []
    for number in range(kills):
        processes.until(lambda: _is_healthy(here), seconds=60, why="parts that have lived for a while")
        Path(f"{slow}.pid").unlink(missing_ok=True)  # the one who did the last job to its end wrote it again
        slow.touch()
        key = here.database.enqueue("chaos.slow")
        runs = processes.until(lambda: _written(Path(f"{slow}.pid")), seconds=60, why="somebody who runs it")
        for victim in [runs] if number % 2 else _with_family(_leader(here, runs)):
            os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        slow.unlink()
        processes.until(lambda key=key: _is_done(here, key), seconds=120, why="the job done by another")  # type: ignore[misc]
        waits.append(round(time.monotonic() - killed, 2))
    return waits


def _is_healthy(here: Installation) -> bool:
    """What is killed again and again the supervisor starts again ever later; here each kill is a first one."""
    leaders = [pid for name in ("web", "worker", "jobs") for pid in here.part(name)]
    working = [pid for leader in here.part("jobs") for pid in processes.family(leader)]
    return here.is_whole() and all(processes.age(pid) > HEALTHY_SECONDS for pid in [*leaders, *working])


def _written(file: Path) -> int:
    return int(file.read_text() or 0) if file.exists() else 0


def _with_family(leader: int) -> list[int]:
    """Children last: what has lost its leader would go on with its job to the end."""
    return [leader, *processes.family(leader)]


def _leader(here: Installation, pid: int) -> int:
    leaders = [*here.part("worker"), *here.part("jobs")]
    return next((one for one in leaders if pid in processes.family(one)), pid)


def _is_done(here: Installation, key: str) -> bool:
    try:
        return bool(here.database.rows("SELECT 1 FROM jobs_job WHERE key = %s AND state = 'done'", key))
    except AWAY:
        return False


def without_broker(here: Installation, up_seconds: float, down_seconds: float) -> dict[str, Any]:
    """Events posted while the broker is up, then while it is away; then it comes back, empty."""
    assert here.broker is not None
    numbers = itertools.count(step=scene.TEAMS)
    up = _posted(here, numbers, up_seconds)
    processes.until(here.is_quiet, seconds=DRAINED_SECONDS, why="what came while the broker was up")
    here.broker.kill()
    down = _posted(here, numbers, down_seconds)
    waiting = here.pending()
    here.broker.start()
    back = time.monotonic()
    processes.until(here.is_quiet, seconds=DRAINED_SECONDS, why="the backlog drained")
    return {
        "down_seconds": down_seconds,
        "posted": len(up) + len(down),
        "refused": sum(status != 202 for status, _ in [*up, *down]),
        "up_ms": _rounded(up),
        "down_ms": _rounded(down),
        "p99_more_ms": round(_rounded(down)["p99"] - _rounded(up)["p99"], 1),
        "waiting_when_back": waiting,
        "drained_after_s": round(time.monotonic() - back, 1),
    }


def _posted(here: Installation, numbers: Iterator[int], seconds: float) -> list[tuple[int, float]]:
    """Status and seconds of each, one after the other."""
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        asked = time.monotonic()
        status, _ = here.site.request("POST", here.teams[0]["path"], driver.event(next(numbers)))
        found.append((status, time.monotonic() - asked))
        time.sleep(max(0.0, 1 / POSTS_A_SECOND - found[-1][1]))
    return found


def _rounded(found: list[tuple[int, float]]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in trial.percentiles([took for _, took in found]).items()}


def downtime(here: Installation) -> dict[str, Any]:
    """Contacts to be touched daily; then nothing runs for three days."""
    here.database.rows("UPDATE crm_contact SET contact_cadence = 'daily'")
    planned = "SELECT COUNT(*) FROM crm_contact WHERE next_touch_at IS NOT NULL"
    processes.until(_asking(here, planned, lambda count: count == CONTACTS), seconds=120, why="a plan for each contact")
    here.stop()
    (here.clocks / "all").write_text(str(DOWNTIME.total_seconds()))
    back = datetime.now(UTC) + DOWNTIME
    due = {pk for pk, at in here.database.rows("SELECT id, next_touch_at FROM crm_contact") if _instant(at) <= back}
    here.start()
    touched = "SELECT COUNT(DISTINCT contact_id) FROM work_task"
    processes.until(_asking(here, touched, lambda count: count >= len(due)), seconds=180, why="a task for each contact")
    processes.until(here.is_quiet, seconds=180, why="all was done")
    here.stop()
    tasks = Counter(pk for (pk,) in here.database.rows("SELECT contact_id FROM work_task"))
    keys = [key for (key,) in here.database.rows("SELECT key FROM jobs_job WHERE key LIKE 'cron:%'")]
    daily = Counter(key.rsplit(":", 1)[0] for key in keys if len(key.rsplit(":", 1)[1]) == len("2026-01-01"))
    ahead = Counter(
        (owner, _instant(at).date())
        for owner, at in here.database.rows("SELECT owner_id, next_touch_at FROM crm_contact")
        if at and _instant(at) > back
    )
    return {
        "days": DOWNTIME.days,
        "series_due": len(due),
        "series_caught_up": len(tasks),
        "tasks_beyond_one_a_series": sum(count - 1 for count in tasks.values()),
        "daily_entries": len(daily),
        "daily_entries_run_more_than_once": sum(count > 1 for count in daily.values()),
        "most_touches_planned_for_a_person_and_day": max(ahead.values(), default=0),
        "touches_a_day_allowed": here.database.one("SELECT MAX(touches_per_day) FROM people_team"),
    }


def _asking(here: Installation, statement: str, enough: Callable[[int], bool]) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            return enough(here.database.one(statement))
        except AWAY:
            return False

    return ask


def _instant(said: Any) -> datetime:
    """SQLite keeps instants as words, in UTC."""
    instant = said if isinstance(said, datetime) else datetime.fromisoformat(said)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def faults(found: dict[str, Any]) -> list[str]:
    """Where the figures are not what is promised."""
    wrong = [
        f"redone after {max(found[f'redone after s, {place}'])} s, {place}: {most} s are promised"
        for place, most in PROMISED_SECONDS.items()
        if max(found[f"redone after s, {place}"]) > most
    ]
    broker, down = found["broker down"], found["downtime"]
    if broker["refused"]:
        wrong.append(f"{broker['refused']} webhooks refused while the broker was away")
    if broker["p99_more_ms"] > PROMISED_MORE_MS:
        wrong.append(f"p99 {broker['p99_more_ms']} ms more while the broker was away")
    if down["series_caught_up"] < down["series_due"] or down["tasks_beyond_one_a_series"]:
        wrong.append("series not caught up once each")
    if down["daily_entries_run_more_than_once"]:
        wrong.append("an entry of the schedule caught up more than once")
    if down["most_touches_planned_for_a_person_and_day"] > down["touches_a_day_allowed"]:
        wrong.append("the touches after a downtime are not spread")
    return wrong
