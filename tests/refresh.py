"""Writes the checked-in snapshots anew: the OpenAPI document, the addresses, the query counts.

.venv/bin/python -m tests.refresh
"""

import os
import subprocess
import sys


def main() -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "tests/api/test_snapshots.py"]
    return subprocess.run(command, env=os.environ | {"NEXTMOVE_TEST_REFRESH": "1"}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
