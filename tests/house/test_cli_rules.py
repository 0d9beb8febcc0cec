"""`nextmove rule`: tried, asked, switched, sent out and brought in; words for people, JSON for programs, exit codes."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from typer.testing import CliRunner

from automation.exchange import writing
from automation.models import Firing, TaskAutomationRule
from config import cli
from crm.models import Activity, Contact
from people.models import User
from tests import builders
from work.models import Task

pytestmark = pytest.mark.django_db


def run(*words: Any, code: int = 0, **more: Any) -> str:
    result = CliRunner().invoke(cli.app, ["rule", *map(str, words)], **more)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output or str(result.exception or "")


def answer(*words: Any, code: int = 0) -> Any:
    return json.loads(run(*words, "--json", code=code))


@pytest.fixture
def ada() -> User:
    return builders.make_manager(username="ada", is_superuser=True)


@pytest.fixture
def contact(ada: User) -> Contact:
    made = builders.make_contact(ada, name="Grace [bold]", email="grace@example.com", lead_score=40)
    at = timezone.now() - timedelta(days=2)
    builders.make_activity(made, activity_type=Activity.EMAIL_CLICKED, occurred_at=at, received_at=at)
    return made


@pytest.fixture
def rule(ada: User) -> TaskAutomationRule:
    return builders.make_rule(ada, name="Clicked", condition="contact.lead_score > 80", is_active=False)


def test_the_list_says_which_are_on_off_or_cannot_run(rule: TaskAutomationRule) -> None:
    builders.make_rule(rule.owner, name="Odd", parked_reason="no such trigger")
    listed = answer("list")
    assert [(one["name"], one["owner"], one["scope"], one["is_active"]) for one in listed] == [
        ("Clicked", "ada", "team", False),
        ("Odd", "ada", "team", True),
    ]
    assert "no such" in run("list")


def test_a_dry_run_names_the_condition_that_does_not_hold_and_writes_nothing(
    rule: TaskAutomationRule, contact: Contact
) -> None:
    told = run("dry-run", rule.pk)
    assert "0 to make, 1 not matching" in told
    assert "Grace [bold]" in told
    Contact.objects.update(lead_score=90)
    assert answer("dry-run", rule.pk)["would_create"] == 1
    assert "Call Grace [bold]" in run("dry-run", rule.pk)
    assert not Task.objects.exists()
    assert not Firing.objects.exists()


def test_a_backtest_takes_days_with_the_last_one_included(rule: TaskAutomationRule, contact: Contact) -> None:
    Contact.objects.update(lead_score=90)
    day = (timezone.now() - timedelta(days=2)).date()
    told = answer("backtest", rule.pk, "--from", day, "--to", day)
    assert (told["created"], told["really_created"], told["by_day"][0]["owner"]) == (1, 0, "ada")
    assert told["end"][:10] == str(day + timedelta(days=1))
    assert "1 made. It really made 0." in run("backtest", rule.pk, "--from", day, "--to", day)
    assert (
        answer("backtest", rule.pk, "--from", day - timedelta(days=9), "--to", day - timedelta(days=3))["created"] == 0
    )
    run("backtest", rule.pk, "--from", "May", "--to", day, code=2)
    run("backtest", rule.pk, "--from", day, "--to", day - timedelta(days=5), code=2)


def test_explain_finds_the_contact_by_id_or_address(rule: TaskAutomationRule, contact: Contact) -> None:
    rule.is_active = True
    rule.save()
    by_mail, by_id = (answer("explain", rule.pk, "--contact", key) for key in ("Grace@example.com", contact.pk))
    assert by_mail == by_id
    assert by_mail["conditions"] == [
        {"text": "contact.lead_score > 80", "holds": False, "values": {"contact.lead_score": 40}, "fault": ""}
    ]
    assert "contact.lead_score is 40" in run("explain", rule.pk, "--contact", contact.pk)
    assert "give its id or its e-mail" in run("explain", rule.pk, "--contact", "nobody@example.com", code=1)
    stranger = builders.make_contact()
    run("explain", rule.pk, "--contact", stranger.pk, code=1)


def test_on_says_how_many_match_and_off_takes_also_what_cannot_run(rule: TaskAutomationRule, contact: Contact) -> None:
    Contact.objects.update(lead_score=90)
    assert answer("activate", rule.pk)["matching_now"] == 1
    assert answer("activate", rule.pk)["job_id"] is None
    assert "1 record matches already and gets its task (job " in run("activate", rule.pk, "--apply")
    TaskAutomationRule.objects.update(trigger_config={"odd": 1})
    assert "cannot run" in run("activate", rule.pk, code=1)
    assert answer("off", rule.pk) == {"rule_id": rule.pk, "is_active": False, "was_active": True}
    rule.refresh_from_db()
    assert rule.off_since is not None
    assert "was off already" in run("off", rule.pk)


def test_firings_tell_what_was_held_back_and_why(rule: TaskAutomationRule, contact: Contact) -> None:
    builders.make_firing(rule, contact=contact, outcome=Firing.SUPPRESSED, reason="its task is still open")
    builders.make_firing(rule, contact=contact, task=builders.make_task(rule.owner, contact=contact))
    (held,) = answer("firings", rule.pk, "--outcome", "suppressed")
    assert (held["reason"], held["contact_id"]) == ("its task is still open", contact.pk)
    assert len(answer("firings", rule.pk)) == 2
    assert len(answer("firings", rule.pk, "--limit", 1)) == 1
    run("firings", rule.pk, "--outcome", "lost", code=2)


@pytest.mark.parametrize("words", ["dry-run", "firings", "activate", "off"])
def test_an_unknown_rule_is_told_where_to_look(words: str) -> None:
    assert "nextmove rule list" in run(words, 404, code=1)
    run(words, "seven", code=2)


def test_out_and_in_again(rule: TaskAutomationRule, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    assert str(file) in run("export", "--output", file)
    assert file.read_text() == run("export") == answer("export")["document"] == writing.export(rule.team)
    assert answer("import", file)["unchanged"][0]["id"] == rule.pk
    file.write_text(file.read_text().replace("hours: 4", "hours: 6"))
    assert "differs: rule" in run("import", file, code=1)
    assert "would be updated" in run("import", file, "--update", "--dry-run")
    rule.refresh_from_db()
    assert rule.delay_hours == 4
    assert answer("import", file, "--update")["updated"][0]["fields"] == ["delay"]
    rule.refresh_from_db()
    assert rule.delay_hours == 6


def test_it_is_imported_as_somebody_and_refusals_say_the_line(ada: User, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    entry = "- name: A\n  trigger_type: overdue\n  task_title_template: x\n"
    file.write_text(f"nextmove: 1\nrules:\n{entry}  owner: ada\n")
    member = builders.make_user(team=ada.team, username="mia")
    told = run("import", file, "--as", "mia", code=1)
    assert "line 6, /rules/0/owner" in told
    assert "take owner out" in told
    assert answer("import", file)["created"][0]["owner"] == "ada"
    run("import", "-", "--as", "mia", input=f"nextmove: 1\nrules:\n{entry}")
    assert TaskAutomationRule.objects.filter(owner=member, is_active=False).count() == 1
    assert "There are: ada, mia" in run("import", file, "--as", "eve", code=1)
    assert "cannot be read" in run("import", tmp_path / "none.yaml", code=1)
    file.write_text("a: [")
    assert "Line" in run("import", file, code=1)


def test_of_several_teams_one_is_named(rule: TaskAutomationRule) -> None:
    other = builders.make_rule(name="Theirs")
    assert "--team" in run("export", code=1)
    assert "Theirs" in run("export", "--team", other.team.name)
    assert "There is no team" in run("export", "--team", "Nowhere", code=1)
