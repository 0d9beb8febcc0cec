"""A backup is one file and one command, and a restore gives back what it holds, on both databases."""

import hashlib
import json
import sqlite3
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from typer.testing import CliRunner

from config import cli
from crm.models import Contact
from people.models import User
from tests import builders
from tests.processes import until
from work.models import Task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, list(arguments))


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Of an installation with one contact, Ann; since then she became Bob, and Eve came."""
    contact = builders.make_contact(name="Ann Ångström's")
    path = tmp_path / "kept" / "it.zip"
    answer = run("backup", str(path), "--json")
    assert (answer.exit_code, json.loads(answer.output)) == (0, {"file": str(path)}), answer.exception
    Contact.objects.filter(pk=contact.pk).update(name="Bob")
    builders.make_contact(name="Eve")
    return path


def names() -> list[str]:
    return list(Contact.objects.order_by("pk").values_list("name", flat=True))


def test_what_was_there_is_there_again_and_goes_on(backup: Path) -> None:
    answer = run("restore", str(backup), "--replace", "--json")
    assert answer.exit_code == 0, (answer.output, answer.exception)
    assert names() == ["Ann Ångström's"]
    assert builders.make_contact(name="Eve").pk not in Contact.objects.filter(name="Ann Ångström's").values_list("pk")
    assert len(names()) == 2
    assert json.loads(answer.output)["notes"] == []


class Writer(threading.Thread):
    """Writes a contact and its task in one transaction, again and again, both under the number of the transaction."""

    def __init__(self, owner: User) -> None:
        super().__init__(daemon=True)
        self.owner = owner
        self.written = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            name = f"{self.name} {self.written}"
            with transaction.atomic():
                contact = builders.make_contact(self.owner, name=name)
                builders.make_task(self.owner, contact=contact, title=name)
            self.written += 1
        connections.close_all()

    def kept(self, rows: list[str]) -> list[int]:
        return sorted(int(row.rpartition(" ")[2]) for row in rows if row.startswith(f"{self.name} "))


def test_while_others_write_it_holds_one_instant_and_is_restored_as_it_was(tmp_path: Path) -> None:
    builders.make_rule(builders.make_manager())
    writers = [Writer(builders.make_user()) for _ in range(2)]
    for one in writers:
        one.start()

    def each_writes(more: int) -> list[int]:
        enough = [one.written + more for one in writers]
        until(lambda: all(one.written >= n for one, n in zip(writers, enough, strict=True)), seconds=60)
        return [one.written for one in writers]

    before, path = each_writes(3), tmp_path / "it.zip"
    made = run("backup", str(path), "--json")
    after = each_writes(3)
    for one in writers:
        one.ended.set()
        one.join(60)
    assert made.exit_code == 0, made.exception
    figures = []
    for _ in range(2):
        restored = run("restore", str(path), "--replace", "--json")
        assert restored.exit_code == 0, restored.exception
        contacts, tasks = (list(rows) for rows in (
            Contact.objects.values_list("name", flat=True), Task.objects.values_list("title", flat=True)
        ))  # fmt: skip
        for one, least, most in zip(writers, before, after, strict=True):
            numbers = one.kept(contacts)
            assert numbers == one.kept(tasks) == list(range(len(numbers))), "whole transactions, and none left out"
            assert least <= len(numbers) <= most
        figures.append(rows_of_all())
        builders.make_contact(name="Eve")  # gone by the second time
    assert figures[0] == figures[1]


def rows_of_all() -> dict[str, str]:
    """By table a word that changes with any value in it."""
    found = {}
    with connection.cursor() as cursor:
        own = {*connection.introspection.django_table_names(include_views=False), "django_migrations"}
        for name in own & set(connection.introspection.table_names(cursor)):
            cursor.execute(f'SELECT * FROM "{name}"')
            found[name] = hashlib.sha256(repr(sorted(map(repr, cursor.fetchall()))).encode()).hexdigest()
    return found


def test_the_file_is_whole_private_and_never_written_over(backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in backup.parent.iterdir()] == [backup.name]
    with zipfile.ZipFile(backup) as archive:
        assert archive.read("secret_key").decode() == settings.SECRET_KEY
    again = run("backup", str(backup))
    assert again.exit_code == 1
    assert "another name" in str(again.exception)


def test_without_a_name_it_goes_into_the_data_folder() -> None:
    path = Path(json.loads(run("backup", "--json").output)["file"])
    assert path.parent == settings.DATA_DIR / "backups"
    path.unlink()


@pytest.mark.parametrize("case", ["in use", "no file", "no backup", "damaged", "cut", "another kind", "newer"])
def test_what_cannot_be_restored_is_refused_and_changes_nothing(backup: Path, case: str) -> None:
    options = [] if case == "in use" else ["--replace"]
    if case == "no file":
        backup.unlink()
    elif case == "no backup":
        backup.write_text("hello")
    elif case == "damaged":
        whole = bytearray(backup.read_bytes())
        whole[len(whole) // 2] ^= 0xFF
        backup.write_bytes(whole)
    elif case != "in use":
        change(backup, case)
    refused = run("restore", str(backup), *options)
    assert refused.exit_code == 1
    said = {
        "in use": "--replace",
        "no file": "cannot be read",
        "no backup": "nextmove backup",
        "damaged": "damaged",
        "cut": "not replaced",
        "another kind": "NEXTMOVE_DATABASE_URL",
        "newer": "install that one",
    }
    assert said[case] in str(refused.exception)
    assert names() == ["Bob", "Eve"]


@pytest.mark.parametrize("what", ["content", "flags", "method"])
def test_a_damage_behind_the_database_is_found_before_that_is_replaced(backup: Path, what: str) -> None:
    """In the last part of the archive, or in what its end says of that."""
    whole, part = bytearray(backup.read_bytes()), "secret_key"
    with zipfile.ZipFile(backup) as archive:
        content = archive.getinfo(part).header_offset + 30 + len(part) + 5
    entry = whole.rindex(part.encode()) - 46
    whole[{"content": content, "flags": entry + 8, "method": entry + 10}[what]] ^= 0xFF
    backup.write_bytes(whole)
    refused = run("restore", str(backup), "--replace")
    assert "damaged" in str(refused.exception), refused.exception
    assert names() == ["Bob", "Eve"]


def change(backup: Path, case: str) -> None:
    with zipfile.ZipFile(backup) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(parts["about.json"])
    match case:
        case "cut":
            parts["database"] = parts["database"][: len(parts["database"]) // 2]
        case "another kind":
            about["engine"] = "oracle"
        case _:
            about["migrations"].append("crm.9999_of_tomorrow")
    parts["about.json"] = json.dumps(about).encode()
    with zipfile.ZipFile(backup, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_while_somebody_writes_it_is_refused(backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.backups.WAIT_SECONDS", 1)
    if connection.vendor == "sqlite":
        holder: Any = sqlite3.connect(str(connection.settings_dict["NAME"]), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
    else:
        holder = connection.copy()
        holder.set_autocommit(False)
        holder.cursor().execute("SELECT * FROM crm_contact")
    try:
        refused = run("restore", str(backup), "--replace")
        assert refused.exit_code == 1
        assert "Stop Nextmove" in str(refused.exception)
        assert "lock" in str(refused.exception)
        assert "NOTICE" not in str(refused.exception)
    finally:
        holder.close()
    assert names() == ["Bob", "Eve"]
