"""What is kept of files and for how long, what an erased person leaves in them, and the commands."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from typer.testing import CliRunner

from automation import cancelling
from config import cli
from crm import erase
from crm.files import imports
from crm.files.models import Import, ImportPart
from crm.models import Contact
from jobs import hooks, queue, running
from jobs.models import Job
from tests import builders
from tests.api.conftest import Caller, World
from tests.files.conftest import bring_in, counted, run_jobs, upload
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_an_erased_person_is_in_no_file_any_more(world: World) -> None:
    manager = Caller(world.manager)
    eve = builders.make_contact(world.member, name="Eve Adams", email="eve@x.org")
    sent = upload(manager, "Name,E-mail\nEve Adams,EVE@x.org\nAda,ada@x.org\n").json()
    manager.post(f"/api/imports/{sent['id']}/check")
    done = bring_in(manager, "Name,E-mail,Status\nEve Adams,eve@x.org,odd eve@x.org\n")
    assert counted(done) == {"refused": 1}
    erase.erase(eve, by=world.manager, now=timezone.now())
    kept = str([*Import.objects.values(), *ImportPart.objects.values()])
    assert "eve" not in kept.lower()
    assert "ada@x.org" in kept
    manager.post(f"/api/imports/{sent['id']}/run")
    run_jobs()
    assert counted(manager.get(f"/api/imports/{sent['id']}").json()) == {"created": 1, "refused": 1}
    assert not Contact.objects.filter(email__iexact="eve@x.org").exists()


def test_files_are_forgotten(world: World) -> None:
    manager, now = Caller(world.manager), timezone.now()
    waiting = upload(manager, "Name\nA\n").json()["id"]
    done = bring_in(manager, "Name\nB\n")["id"]
    assert imports.forget_old(now=now + timedelta(days=6)) == 0
    imports.forget_old(now=now + timedelta(days=8))
    assert Import.objects.get(pk=waiting).state == Import.CANCELLED
    assert not ImportPart.objects.exists()
    assert Import.objects.filter(pk=done).exists()
    imports.forget_old(now=now + timedelta(days=200))
    assert not Import.objects.exists()


def test_a_job_that_was_given_up_leaves_an_import_that_can_go_on(world: World, parts_of_three: None) -> None:
    manager = Caller(world.manager)
    sent = upload(manager, "Name\n" + "".join(f"N{n}\n" for n in range(7))).json()
    address = f"/api/imports/{sent['id']}"
    manager.post(f"{address}/run")
    imports.carry_on(Import.objects.get().pk, 0, now=timezone.now())
    job = Job.objects.filter(name=imports.RUN_JOB).latest("created_at")
    Job.objects.filter(name=imports.RUN_JOB).update(state=Job.DEAD)
    for callback in hooks.over_callbacks:
        callback(job, timezone.now())
    assert manager.get(address).json()["state"] == "failed"
    manager.post(f"{address}/run")
    run_jobs()
    assert counted(manager.get(address).json()) == {"created": 7}
    assert Contact.objects.filter(name__startswith="N").count() == 7


def large(monkeypatch: pytest.MonkeyPatch, manager: Caller) -> str:
    """The address of an import that is read by a job."""
    monkeypatch.setattr(imports, "SMALL", 0)
    monkeypatch.setattr(imports, "AT_ONCE", 0)
    sent = upload(manager, "Name\n" + "".join(f"N{n}\n" for n in range(7))).json()
    return f"/api/imports/{sent['id']}"


def cancelled(name: str, world: World) -> Job:
    job = Job.objects.get(name=name, state=Job.PENDING)
    assert cancelling.cancel(job, by=world.manager, now=timezone.now())
    return job


def test_the_job_of_each_step_is_cancelled_and_put_back_and_its_import_goes_on(
    world: World, parts_of_three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Caller(world.manager)
    address = large(monkeypatch, manager)
    steps = [
        ("", imports.READ_JOB, "failed", "upload it again", "reading", "read"),
        ("/check", imports.CHECK_JOB, "read", "try it again", "checking", "checked"),
        ("/run", imports.RUN_JOB, "failed", "it goes on", "running", "done"),
    ]
    for verb, name, stopped, said, under_way, done in steps:
        if verb:
            manager.post(address + verb)
        assert manager.get(address).json()["state"] == under_way
        job = cancelled(name, world)
        found = manager.get(address).json()
        assert (found["state"], said in found["error"]) == (stopped, True), found
        assert cancelling.put_back(job, by=world.manager, now=timezone.now())
        found = manager.get(address).json()
        assert (found["state"], found["error"]) == (under_way, "")
        run_jobs()
        assert manager.get(address).json()["state"] == done
    assert counted(manager.get(address).json()) == {"created": 7}
    assert Contact.objects.filter(name__startswith="N").count() == 7


def test_a_job_that_was_given_up_and_is_run_again_takes_its_import_along(
    world: World, parts_of_three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Caller(world.manager)
    address = large(monkeypatch, manager)
    run_jobs()
    manager.post(f"{address}/run")
    job = Job.objects.get(name=imports.RUN_JOB)
    running._give_up(job, "RuntimeError()", timezone.now())
    assert manager.get(address).json()["state"] == "failed"
    assert queue.retry(job, now=timezone.now())
    run_jobs()
    assert counted(manager.get(address).json()) == {"created": 7}


def test_a_job_that_is_put_back_late_leaves_the_import_to_whoever_went_on_or_ended_it(
    world: World, parts_of_three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Caller(world.manager)
    address = large(monkeypatch, manager)
    run_jobs()
    manager.post(f"{address}/check")
    comparing = cancelled(imports.CHECK_JOB, world)
    manager.post(f"{address}/run")
    carrying = cancelled(imports.RUN_JOB, world)
    manager.post(f"{address}/run")
    run_jobs()
    other = upload(manager, "Name\nZ\n").json()["id"]
    run_jobs()
    manager.post(f"/api/imports/{other}/run")
    stopped = cancelled(imports.RUN_JOB, world)
    manager.post(f"/api/imports/{other}/cancel")
    for job in (comparing, carrying, stopped):
        assert cancelling.put_back(job, by=world.manager, now=timezone.now())
    run_jobs()
    assert counted(manager.get(address).json()) == {"created": 7}
    assert manager.get(f"/api/imports/{other}").json()["state"] == "cancelled"
    assert not Contact.objects.filter(name="Z").exists()


def command(*words: Any, code: int = 0, **more: Any) -> Any:
    result = CliRunner().invoke(cli.app, [*map(str, words), "--json"], **more)
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.output)


def test_the_commands(world: World, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("Name;Address\nAda;ada@x.org\nEve;nonsense\n")
    asked = ("contact", "import", file, "--as", world.manager.username, "--column", "Address=email")
    tried = command(*asked, "--dry-run", code=1)
    assert (tried["created"], tried["refused"], tried["faults"][0]["line"]) == (1, 1, 3)
    assert not Contact.objects.filter(email="ada@x.org").exists()
    done = command(*asked, "--owner", world.member.username, code=1)
    assert (done["state"], done["created"]) == ("done", 1)
    assert Contact.objects.get(email="ada@x.org").owner == world.member
    text = CliRunner().invoke(cli.app, [*map(str, asked)]).output
    assert "1 unchanged, 1 refused" in text
    assert "write it as" in " ".join(text.split())
    tasks = ("task", "import", "-", "--as", world.manager.username, "--day-first")
    done = command(*tasks, input="Title,Due\nCall,03/04/2026\n")
    assert done["created"] == 1
    assert Task.objects.get(title="Call").due_date.month == 4
    file.write_bytes("Name;Company\nGrüße, Zoë;x\n".encode("cp850"))
    told = (
        "contact",
        "import",
        file,
        "--as",
        world.manager.username,
        "--encoding",
        "cp850",
        "--delimiter",
        "semicolon",
    )
    assert command(*told)["created"] == 1
    assert Contact.objects.filter(name="Grüße, Zoë").exists()
    missing = CliRunner().invoke(cli.app, ["contact", "import", str(tmp_path / "gone")])
    assert "cannot be read" in str(missing.exception)
