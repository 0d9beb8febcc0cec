"""The first run of an empty installation: who may walk through it, what each step leaves, and when it is over."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from automation.models import Firing, TaskAutomationRule
from crm.models import Contact
from people.models import Change, Team, User
from tests import builders
from tests.web.test_audit import RULE_FORM
from web import first_run
from web.rule_templates import TEMPLATES
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
FORM = {"first_name": "Ada", "last_name": "Byron", "team": "Analytical", "timezone": "Europe/Berlin", "start": "empty"}


@pytest.fixture
def admin() -> User:
    team = Team.objects.default()
    return builders.make_manager(
        team=team, username="admin", is_superuser=True, is_staff=True, password="printed once 1"
    )


@pytest.fixture
def browser(admin: User, browser_of: Any) -> Client:
    client: Client = browser_of(admin)
    return client


def test_it_is_where_one_arrives_while_there_is_nothing(browser: Client) -> None:
    assert browser.get("/")["Location"] == "/setup"
    assert browser.get("/setup").status_code == 200


def test_it_is_for_the_superuser_alone(admin: User, browser_of: Any, client: Client) -> None:
    manager = browser_of(builders.make_manager(team=admin.team))
    assert manager.get("/").status_code == 200
    for name in ("setup", "setup-rule", "setup-see", "setup-leave"):
        assert manager.post(reverse(f"web:{name}"), FORM).status_code == 404
        assert client.post(reverse(f"web:{name}"), FORM).status_code == 302
    assert not Change.objects.exists()


@pytest.mark.parametrize("make", [builders.make_contact, builders.make_task, builders.make_rule])
def test_once_there_is_something_it_is_gone(make: Any, admin: User, browser: Client) -> None:
    make(admin)
    assert browser.get("/").status_code == 200
    assert browser.get("/setup").status_code == 404
    assert browser.post("/setup", FORM).status_code == 404


def test_the_first_form_names_person_and_team_and_their_lines_are_kept(admin: User, browser: Client) -> None:
    assert browser.post("/setup", FORM | {"password": "one of my own 2"})["Location"] == "/setup"
    admin.refresh_from_db()
    assert (admin.display_name, admin.team.name, admin.team.timezone) == ("Ada Byron", "Analytical", "Europe/Berlin")
    assert admin.check_password("one of my own 2")
    assert {(line.kind, line.actor) for line in Change.objects.all()} == {("team", admin), ("member", admin)}
    html = browser.get("/setup").content.decode()
    assert html.count('name="template"') == len(TEMPLATES) == 6, "still signed in"


@pytest.mark.parametrize(
    "wrong", [{"timezone": "Moon/Crater"}, {"password": "short"}, {"first_name": ""}, {"start": "other"}]
)
def test_what_cannot_be_is_said_and_nothing_is_changed(wrong: dict[str, str], admin: User, browser: Client) -> None:
    assert browser.post("/setup", FORM | wrong).status_code == 422
    admin.team.refresh_from_db()
    assert admin.team.name != "Analytical"
    assert not Change.objects.exists()


def test_sample_data_comes_once_and_the_person_keeps_the_name_given(
    admin: User, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fills: list[Any] = []
    monkeypatch.setattr(first_run, "_fills", [lambda now: (fills.append(now), builders.make_contact(admin))])
    for _ in range(2):
        browser.post("/setup", FORM | {"start": "sample"})
    admin.refresh_from_db()
    assert len(fills) == 1
    assert admin.first_name == "Ada"
    assert browser.get("/setup").status_code == 200, "goes on although there is something now"


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_template_makes_a_rule_that_can_run(name: str, admin: User, browser: Client) -> None:
    browser.post("/setup", FORM)
    browser.post("/setup/rule", {"template": name})
    rule = TaskAutomationRule.objects.get()
    assert rule.is_active
    assert rule.owner == admin
    assert rule.name == str(TEMPLATES[name].name)
    browser.post("/setup/see")
    fired = Firing.objects.filter(rule=rule, outcome=Firing.FIRED).count()
    assert fired == (1 if first_run.shows_at_once(rule) else 0)
    html = browser.get("/setup").content.decode()
    assert (Task.objects.get().title in html) if fired else ("waits for time to pass" in html)


def test_an_unknown_template_is_none(browser: Client) -> None:
    browser.post("/setup", FORM)
    assert browser.post("/setup/rule", {"template": "nonsense"}).status_code == 404
    assert not TaskAutomationRule.objects.exists()


def test_the_sample_contact_is_made_once(admin: User, browser: Client) -> None:
    browser.post("/setup", FORM)
    browser.post("/setup/rule", {"template": "form"})
    for _ in range(2):
        browser.post("/setup/see")
    assert Contact.objects.get().owner == admin
    assert Task.objects.count() == 2, "this rule answers every form"


def test_skipped_it_leads_nowhere_any_more(browser: Client) -> None:
    assert browser.post("/setup/leave")["Location"] == "/"
    assert browser.get("/").status_code == 200


def test_who_writes_their_own_first_rule_sees_it_at_work_too(admin: User, browser: Client) -> None:
    """A new installation has no contact that could set it off: without this one would have to make up both."""
    browser.post("/setup", FORM)
    written = browser.post("/automations/task-scheduling/new", RULE_FORM)
    assert written["Location"] == "/setup"
    rule = TaskAutomationRule.objects.get()
    assert browser.get("/setup").context["rule"] == rule
    browser.post("/setup/see")
    assert Task.objects.get().title == "Call Ada Example"
    browser.post("/setup/leave")
    another = browser.post("/automations/task-scheduling/new", RULE_FORM | {"title": "Another"})
    assert another["Location"].startswith("/automations/task-scheduling/")
