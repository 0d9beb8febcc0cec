"""Programs are answered in English, whatever language the pages speak."""

from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import translation

from people.models import User
from tests import builders
from tests.api.conftest import Caller, World

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def after_a_german_page() -> None:
    """What Django leaves behind in a thread that has shown one."""
    translation.activate("de")


ASKED = (
    ("POST", "/api/contacts", {"name": "Ada", "email": "nonsense"}),
    ("POST", "/api/tasks", {"title": "Call", "estimated_hours": 0}),
    ("PATCH", "/api/team", {"timezone": "Nowhere/There"}),
    ("GET", "/api/people", None),
    ("GET", "/api/tasks/999999999", None),
    ("GET", "/api/automation/workload", None),
)


def answers(user: User, language: str) -> list[tuple[int, Any]]:
    ask, found = Caller(user), []
    for method, path, body in ASKED:
        response = ask(method, path, body, Accept_Language=language)
        told = response.json()
        if isinstance(told, dict):
            told.pop("request_id", None)
        found.append((response.status_code, told))
    return found


@pytest.mark.parametrize("stack", ["MIDDLEWARE", "PROGRAM_MIDDLEWARE"])
def test_whoever_reads_german_gets_the_same_answer(
    stack: str, world: World, settings: Any, after_a_german_page: None
) -> None:
    with override_settings(MIDDLEWARE=getattr(settings, stack)):
        german = answers(world.manager, "de")
        translation.activate("en")
        assert german == answers(world.manager, "en")


@pytest.mark.parametrize("stack", ["MIDDLEWARE", "PROGRAM_MIDDLEWARE"])
def test_the_language_while_an_answer_is_made(
    stack: str, world: World, settings: Any, monkeypatch: pytest.MonkeyPatch, after_a_german_page: None
) -> None:
    seen = []
    was = User.leads.fget
    monkeypatch.setattr(User, "leads", property(lambda user: seen.append(translation.get_language()) or was(user)))
    with override_settings(MIDDLEWARE=getattr(settings, stack)):
        assert Caller(world.manager).get("/api/tasks", Accept_Language="de").status_code == 200
    assert set(seen) == {"en"}


def test_a_page_is_shown_in_the_language_asked_for(world: World) -> None:
    browser = Client(headers={"Accept-Language": "de"})
    browser.force_login(builders.make_user(), backend="allauth.account.auth_backends.AuthenticationBackend")
    assert '<html lang="de"' in browser.get("/").content.decode()


def test_the_language_of_a_person_is_told_and_set_by_managers(world: World) -> None:
    manager = Caller(world.manager)
    path = f"/api/users/{world.member.pk}"
    assert manager("PATCH", path, {"language": "de"}).json()["language"] == "de"
    assert Caller(world.member).get("/api/me").json()["language"] == "de"
    refused = manager("PATCH", path, {"language": "tlh"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/language")
    assert manager("PATCH", path, {"language": ""}).json()["language"] == ""
    assert Caller(world.member)("PATCH", path, {"language": "de"}).status_code == 403
