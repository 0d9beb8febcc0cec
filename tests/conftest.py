"""Fixtures that every test may use."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test.utils import setup_databases, teardown_databases
from django.utils import translation
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from tests import migrated, processes, servers

# At home each run tries other cases; CI tries the same ones each time, so that a failure there is of the change.
hypothesis_settings.register_profile("nextmove", deadline=None, derandomize="CI" in os.environ)
hypothesis_settings.load_profile("nextmove")


def _missing(what: str) -> None:
    """Skips, or fails where everything must be there."""
    if servers.required():
        pytest.fail(f"NEXTMOVE_TEST_REQUIRE=all, and {what}")
    pytest.skip(what)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts those of the domain first, as long as the migrations take, and then the long ones.

    pytest-django has put all that use no database last. Those of a file stay together.
    """
    long = {item.path for item in items if {"long", "flow"} & {mark.name for mark in item.iter_markers()}}
    items.sort(key=lambda item: (item.path.parent.name != "domain", item.path not in long))


def pytest_unconfigure() -> None:
    """The data folder that `tests.settings` made; also in each worker of xdist."""
    made = sys.modules.get("tests.settings")
    if made is not None:
        shutil.rmtree(made.folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests recorded as their "figures", whichever worker they ran on and whether they passed or not."""
    reports = [one for way in ("passed", "failed") for one in terminalreporter.getreports(way)]
    for text in [text for one in reports for name, text in one.user_properties if name == "figures"]:
        terminalreporter.section("Figures")
        terminalreporter.write_line(str(text))


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """pytest-django's own, on a copy of the migrated database."""
    with django_db_blocker.unblock():
        migrated.for_django()
        made = setup_databases(verbosity=0, interactive=False, keepdb=True, serialized_aliases=())
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def nothing_of_other_tests() -> None:
    """What tests of a process share: the cache with its counts per address, rules, and the last page's language."""
    from automation import rulebook  # once Django is set up

    cache.clear()
    rulebook._kept.clear()
    translation.deactivate()


@pytest.fixture(autouse=True)
def a_busy_machine_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine ends a batch by the number of its records, however long they take."""
    monkeypatch.setattr("automation.engine.BATCH_SECONDS", 3600.0)
    monkeypatch.setattr("automation.engine._seconds_each", {})
    monkeypatch.setattr("automation.engine.DRAIN_SECONDS", 3600.0)
    monkeypatch.setattr("automation.engine.DRAIN_SECONDS_WITH_BROKER", 3600.0)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that answers. Use keys and queues named `test_nextmove...` only, and delete what you made."""
    url, words = (os.environ.get("NEXTMOVE_TEST_USE_REDIS", ""), "") if _chosen() else servers.redis_server()
    if not url:
        _missing(words or "this run uses no Redis")
    yield url
    servers.forget_keys(url, f"{servers.OURS}_{os.getpid()}:")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        _missing("there is no Chromium (apt-get install chromium)")
    return str(found)


def _chosen() -> bool:
    """Whether `tests.run` decided what this run uses."""
    return "NEXTMOVE_TEST_RUN" in os.environ


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Site]:
    """The product with its demo: embedded, or on PostgreSQL + Redis + worker + beat where `tests.run` says so."""
    folder: Path = tmp_path_factory.mktemp("site")
    database = os.environ.get("NEXTMOVE_TEST_USE_DATABASE", "")
    broker = os.environ.get("NEXTMOVE_TEST_USE_REDIS", "")
    with processes.serving(folder, database_server=database, redis_url=broker, demo=True) as site:
        yield site
