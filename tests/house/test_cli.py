"""The command line: JSON for programs, exit codes, and the mend in every refusal."""

import json
import subprocess
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from typer.testing import CliRunner

from automation import activation, rules
from config import cli
from jobs.models import Job
from people import tokens
from people.models import Change, Team
from tests import processes
from tests.builders import make_contact, make_manager, make_rule, make_source, make_task, make_team, make_user


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, list(arguments))


def answer(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.output)


def make_job(**fields: Any) -> Job:
    now = timezone.now()
    own = {
        "key": f"k{Job.objects.count()}",
        "name": "automation.tasks.x",
        "run_at": now,
        "send_at": now,
        "created_at": now,
    }
    return Job.objects.create(**own | fields)


@pytest.mark.django_db
def test_a_token_is_printed_alone_and_works():
    user = make_user(username="ada")
    printed = answer("token", "create", "ada")
    assert list(printed) == ["token"]
    assert tokens.authenticate(printed["token"], now=timezone.now()).user == user
    assert run("token", "create", "ada").output.startswith("nm_")


@pytest.mark.django_db
def test_a_token_for_nobody_is_refused_with_the_names_there_are():
    make_user(username="ada")
    result = run("token", "create", "bob")
    assert result.exit_code == 1
    assert "ada" in str(result.exception)


@pytest.mark.django_db
def test_an_unknown_scope_is_a_wrong_question():
    make_user(username="ada")
    assert run("token", "create", "ada", "--scope", "moon:read").exit_code == 2


@pytest.mark.django_db
def test_jobs_are_listed_and_a_dead_one_runs_again():
    dead, done = make_job(state=Job.DEAD, error="no route"), make_job(state=Job.DONE)
    assert {row["id"] for row in answer("job", "list")} == {str(dead.pk), str(done.pk)}
    assert [row["error"] for row in answer("job", "list", "--state", "dead")] == ["no route"]
    assert str(dead.pk) in run("job", "list").output, "an id is shown whole"
    assert answer("job", "retry", str(dead.pk)) == {"id": str(dead.pk), "status": "PENDING"}
    dead.refresh_from_db()
    assert dead.state == Job.PENDING
    assert run("job", "retry", str(done.pk)).exit_code == 1
    assert run("job", "retry", "seven").exit_code == 2
    assert run("job", "list", "--state", "lost").exit_code == 2


@pytest.mark.django_db
def test_a_job_that_waits_is_cancelled_and_put_back_and_the_audit_log_says_so():
    waiting, done = make_job(run_at=timezone.now() + timedelta(hours=1)), make_job(state=Job.DONE)
    assert answer("job", "cancel", str(waiting.pk)) == {"id": str(waiting.pk), "status": "FAILURE"}
    assert [row["id"] for row in answer("job", "list", "--state", "revoked")] == [str(waiting.pk)]
    for pk in (waiting.pk, done.pk):
        refused = run("job", "cancel", str(pk))
        assert (refused.exit_code, "only one that waits" in str(refused.exception)) == (1, True)
    assert "There is no job" in str(run("job", "cancel", str(uuid.uuid4())).exception)
    assert run("job", "cancel", "seven").exit_code == 2
    due = waiting.run_at
    assert answer("job", "retry", str(waiting.pk)) == {"id": str(waiting.pk), "status": "PENDING"}
    waiting.refresh_from_db()
    assert (waiting.state, waiting.run_at) == (Job.PENDING, due), "it runs when it was to run"
    lines = Change.objects.filter(kind="job", subject_id=str(waiting.pk)).order_by("pk")
    assert [(line.verb, line.actor_id) for line in lines] == [("cancelled", None), ("put back", None)]


@pytest.mark.django_db
def test_no_rules_is_an_empty_list():
    assert answer("rule", "list") == []


@pytest.mark.django_db
def test_the_doctor_names_what_is_wrong_and_the_mend():
    now = timezone.now()
    make_team()
    Team.objects.update(created_at=now)
    assert answer("doctor")["ok"], "a young installation has no periodic job yet"
    Team.objects.update(created_at=now - timedelta(hours=1))
    assert run("doctor").exit_code == 1, "nobody made one for an hour"
    make_job(key="cron:x:1")
    assert answer("doctor")["ok"]
    make_job(state=Job.DEAD, key="cron:x:2")
    make_job(run_at=now - timedelta(hours=1), key="late")
    make_task(make_user(), due_date=now - timedelta(minutes=7))
    result = run("doctor", "--json")
    assert result.exit_code == 1
    bad = {finding["name"]: finding for finding in json.loads(result.output)["findings"] if not finding["ok"]}
    assert set(bad) == {"work", "given up", "due work"}
    assert "overdue: the oldest that is due waits for 7 min" in bad["due work"]["says"]
    assert all(finding["mend"] for finding in bad.values())


@pytest.mark.django_db
def test_the_doctor_sees_that_the_clock_was_set_back():
    make_team()
    Job.objects.filter(pk=make_job(key="cron:x:1").pk).update(created_at=timezone.now() + timedelta(hours=3))
    (found,) = (one for one in json.loads(run("doctor", "--json").output)["findings"] if one["name"] == "clock")
    assert not found["ok"]
    assert "clock right" in found["mend"]


@pytest.mark.django_db
def test_sources_are_listed_with_the_address_to_give_away():
    source = make_source(provider="sendgrid", secret="s3cret")
    (row,) = answer("source", "list")
    assert row["path"] == "/hooks/mail/sendgrid/s3cret"
    assert row["team"] == source.team.name
    assert "/hooks/mail/sendgrid/s3cret" in run("source", "list").output


def test_help_needs_no_settings_and_no_database(tmp_path: Path):
    surroundings = processes.environment(
        tmp_path / "no", NEXTMOVE_DATABASE_URL="nonsense", CELERY_BROKER_URL="nonsense"
    )
    for words in (["--help"], ["serve", "--help"], ["token", "create", "--help"]):
        done = subprocess.run(
            [*processes.NEXTMOVE, *words], env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "Usage: nextmove" in done.stdout
        assert "\x1b" not in done.stdout
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    "words", [["rule", "dry-run", "x"], ["job", "retry", "x"], ["rule", "nope"], ["job", "list", "--limit", "0"]]
)
def test_what_was_asked_wrongly_is_answered_in_json_too(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["nextmove", *words, "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = json.loads(capsys.readouterr().out)["error"]
    assert said
    assert "nextmove " in said, "it says where to look"
    monkeypatch.setattr("sys.argv", ["nextmove", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "Usage: nextmove" in capsys.readouterr().err


def test_wrong_settings_and_no_schema_have_their_own_exit_codes(tmp_path: Path):
    command = [*processes.NEXTMOVE, "job", "list", "--json"]
    wrong = processes.environment(tmp_path, NEXTMOVE_LOG_FORMAT="loud", CELERY_TASK_SERIALIZER="pickle")
    done = subprocess.run(command, env=wrong, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "NEXTMOVE_LOG_FORMAT" in done.stderr
    assert "CELERY_TASK_SERIALIZER" in done.stderr
    empty = processes.environment(tmp_path)
    done = subprocess.run(command, env=empty, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "nextmove doctor" in json.loads(done.stdout)["error"]


@pytest.mark.django_db
def test_a_source_is_made_and_answers(client: Any):
    path = answer("source", "create", "Newsletter")["path"]
    assert client.post(path, b"[]", content_type="application/json").status_code == 202
    assert answer("source", "list")[0]["name"] == "Newsletter"
    assert run("source", "create", "x", "--provider", "pigeon").exit_code == 1


def test_a_data_folder_that_cannot_be_written_is_told_with_the_mend(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    environment = processes.environment(blocked / "data")
    done = subprocess.run([*processes.NEXTMOVE, "doctor"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "NEXTMOVE_DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.django_db
def test_contacts_are_merged_parted_and_erased_by_command():
    owner = make_user()
    one, other = make_contact(owner), make_contact(owner)
    merged = answer("contact", "merge", str(one.pk), str(other.pk))
    assert run("contact", "merge", str(one.pk), str(other.pk)).exit_code == 1
    assert answer("contact", "unmerge", str(merged["merge_id"])) == {"contact_id": other.pk}
    assert "confirm" in str(run("contact", "erase", str(one.pk), "--confirm", "somebody").exception)
    assert answer("contact", "erase", str(one.pk), "--confirm", one.name) == {"contact_id": one.pk}
    one.refresh_from_db()
    assert one.erased_at is not None


@pytest.mark.django_db
def test_what_was_changed_is_listed_with_what_it_was_and_is():
    assert answer("audit", "list") == []
    manager = make_manager(username="ada")
    rule = make_rule(manager, name="Clicked")
    activation.activate(rule, now=timezone.now())
    assert run("rule", "off", str(rule.pk)).exit_code == 0
    rules.update(rule, by=manager, delay_hours=5)
    changed, off = answer("audit", "list", "--kind", "rule", "--subject", str(rule.pk))
    assert (changed["actor"], changed["before"], changed["after"]) == (
        "ada",
        {"delay_hours": 4.0},
        {"delay_hours": 5.0},
    )
    assert (off["actor"], off["before"], off["after"]) == (None, {"is_active": True}, {"is_active": False})
    assert answer("audit", "list", "--kind", "weather") == []
    assert "Clicked" in run("audit", "list").output


@pytest.mark.django_db
def test_what_the_command_line_makes_and_imports_is_told(tmp_path: Path):
    manager = make_manager(username="ada")
    file = tmp_path / "rules.yaml"
    file.write_text("nextmove: 1\nrules:\n  - name: Filed\n    trigger_type: cadence\n    task_title_template: Call\n")
    run("token", "create", "ada")
    run("source", "create", "Mail")
    run("form", "create", "Contact us")
    assert run("rule", "import", str(file), "--as", "ada").exit_code == 0
    told = [(row["kind"], row["verb"], row["actor"]) for row in answer("audit", "list")]
    assert told == [
        ("rule", "created", "ada"),
        ("form", "created", None),
        ("source", "created", None),
        ("token", "created", None),
    ]
    assert run("rule", "import", str(file), "--as", "ada", "--dry-run").exit_code == 0
    assert len(answer("audit", "list")) == 4
    assert manager.team.rules.count() == 1
