"""The product's settings, cut off from this machine: no `.env`, a data folder of its own, no broker unless told.

Where to test is decided by `tests.run`, through NEXTMOVE_TEST_USE_DATABASE and NEXTMOVE_TEST_USE_REDIS.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

for name in [name for name in os.environ if name.startswith(("NEXTMOVE_", "CELERY_"))]:
    if not name.startswith("NEXTMOVE_TEST_"):
        del os.environ[name]

# Removed by conftest.py, since xdist's workers leave without atexit; by atexit where no pytest runs.
folder = Path(tempfile.mkdtemp(prefix="nextmove-tests-"))
(folder / "static").mkdir()
atexit.register(shutil.rmtree, folder, ignore_errors=True)

os.environ |= {
    "DJANGO_SETTINGS_MODULE": "tests.settings",
    "NEXTMOVE_ENV_FILE": os.devnull,
    "NEXTMOVE_DATA_DIR": str(folder),
    "NEXTMOVE_SECRET_KEY": "only for tests",
    "NEXTMOVE_DATABASE_URL": os.environ.get("NEXTMOVE_TEST_USE_DATABASE", ""),
    "NEXTMOVE_QUEUE": f"test_nextmove_{os.getpid()}",
    "NEXTMOVE_REDIS_KEY_PREFIX": f"test_nextmove_{os.getpid()}:",
}

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

# A file, so that threads and processes of a test see the same rows; pytest-django adds each xdist worker's name.
DATABASES["default"]["TEST"] = {
    "NAME": str(folder / "test.sqlite3")
    if "sqlite" in DATABASES["default"]["ENGINE"]
    else f"test_nextmove_{os.environ.get('NEXTMOVE_TEST_RUN', os.getpid())}_db"
}
DATABASES["default"]["CONN_MAX_AGE"] = 0
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
ALLOWED_HOSTS = ["*"]
