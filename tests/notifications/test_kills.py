"""Killed between send and mark: by a service that knows a message again it goes again, by all others it is unknown."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.notifications.kills import MAIL, NOTICES, TEAM_HOOK
from tests.notifications.reaching import KNOW_AGAIN, SERVICES

ROOT = Path(__file__).resolve().parents[2]
ALL = (MAIL, *SERVICES, TEAM_HOOK)
REPORT = ("twilio", "whatsapp-twilio", "cloud")
SENT_ONCE = {"sent": 1, "arrived": 1, "state": "sent"}


def expected(service: str, point: str) -> dict[str, Any]:
    """What SEMANTICS I says: sent again only where the other side dedupes, else unknown, and shown as that."""
    if point in ("claimed, not marked", "sent and marked, job not done"):
        found = SENT_ONCE
    elif service in (*KNOW_AGAIN, TEAM_HOOK):
        found = SENT_ONCE | {"sent": 2 if point == "sent, not marked" else 1}
    else:
        times = 1 if point == "sent, not marked" else 0
        found = {"sent": times, "arrived": times, "state": "unknown"}
    return found | {"reported": "sent" if service in REPORT and found["sent"] else ""}


@pytest.mark.database
@pytest.mark.long
def test_a_killed_send_does_what_its_service_allows(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    name = f"{os.environ.get('NEXTMOVE_TEST_RUN', os.getpid())}_sends"
    done = subprocess.run(
        [sys.executable, "-m", "tests.notifications.kills"],
        cwd=ROOT,
        env=os.environ | {"NEXTMOVE_TEST_RUN": name},
        capture_output=True,
        text=True,
        timeout=480,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes = {(one["service"], one["point"]): one for one in map(json.loads, done.stdout.splitlines())}
    record_property("figures", table(list(outcomes.values())))
    assert set(outcomes) == {(service, point) for service in ALL for point in NOTICES}
    assert {key for key, one in outcomes.items() if not one["killed"]} == set(), "each child ended at its line"
    assert {key for key, one in outcomes.items() if not one["leased"]} == set(), "nobody sends under the lease"
    assert {key: one["refused"] for key, one in outcomes.items() if one["refused"]} == {}, "logins and signatures"
    told = ("sent", "arrived", "state", "reported")
    assert {key: {name: one[name] for name in told} for key, one in outcomes.items()} == {
        key: expected(*key) for key in outcomes
    }


def table(outcomes: list[dict[str, Any]]) -> str:
    """Doubled and lost are counted where a person looks: what a service drops as known is no second message."""
    lines = ["Killed while sending, and what came of it after the lease"]
    lines.append(
        f"{'service':<16} {'killed when':<30} {'sent':>4} {'doubled':>7} {'lost':>4}  {'state':<8} after its report"
    )
    for one in outcomes:
        doubled, lost = max(one["arrived"] - 1, 0), int(not one["arrived"])
        lines.append(
            f"{one['service']:<16} {one['point']:<30} {one['sent']:>4} {doubled:>7} {lost:>4}  {one['state']:<8} "
            f"{one['reported'] or '-'}"
        )
    doubled = sum(max(one["arrived"] - 1, 0) for one in outcomes)
    lost = [one for one in outcomes if not one["arrived"]]
    said = sum(one["state"] == "unknown" for one in lost)
    lines.append(f"{len(outcomes)} kills: {doubled} doubled, {len(lost)} not sent outside, of which {said} say unknown")
    return "\n".join(lines)
