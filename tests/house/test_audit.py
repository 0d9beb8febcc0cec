"""What `make audit` makes of the auditor's report: what nobody looked up is never taken for clean."""

import json
from typing import Any

import pytest

from tests import audit

CLEAN = {"name": "django", "version": "5.2.9", "vulns": []}
WEAK = {"name": "vine", "version": "5.1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["5.1.2"], "aliases": []}]}
SKIPPED = {"name": "amqp", "skip_reason": "could not be audited"}


@pytest.mark.parametrize(
    ("dependencies", "code", "said"),
    [
        ([CLEAN], 0, "1 libraries looked up, none with a known weakness"),
        ([CLEAN, WEAK], 1, "vine 5.1.0: PYSEC-1, mended in 5.1.2"),
        ([CLEAN, SKIPPED], 2, "1 of 2 libraries could not be looked up: amqp"),
        ([WEAK, SKIPPED], 1, "could not be looked up: amqp"),
        ([], 2, "names no library"),
    ],
)
def test_a_report_is_told_and_ends_with_its_own_code(dependencies: list[Any], code: int, said: str) -> None:
    lines, ends = audit.told(json.dumps({"dependencies": dependencies, "fixes": []}))
    assert ends == code
    assert said in "\n".join(lines)


@pytest.mark.parametrize("report", ["", "Traceback", "[]"])
def test_no_report_is_no_clean_one(report: str) -> None:
    lines, ends = audit.told(report)
    assert ends == audit.NOT_LOOKED
    assert "could not" in "\n".join(lines)
