"""Webhooks by API: made with a secret that is shown once, changed, tested, listed with what became of each event."""

from typing import Any

import pytest

from people import sealing
from tests import builders
from tests.api.conftest import Caller, World, problem
from webhooks import endpoints
from webhooks.models import Dispatch, Endpoint

pytestmark = pytest.mark.django_db
PATH = "/api/webhooks"
NEW = {"url": "https://hooks.example.org/nextmove", "kinds": ["task.completed", "task.created"]}


@pytest.fixture
def boss(world: World) -> Caller:
    return Caller(world.manager)


def test_the_secret_is_said_when_it_is_made_and_never_again(world: World, boss: Caller) -> None:
    made = boss.post(PATH, NEW).json()
    assert made["secret"].startswith("whsec_")
    assert (made["kinds"], made["is_active"], made["made_by_id"]) == (
        ["task.created", "task.completed"],
        True,
        world.manager.pk,
    )
    renewed = boss.post(f"{PATH}/{made['id']}/rotate-secret").json()
    row = Endpoint.objects.get()
    assert sealing.unseal(row.secret) == renewed["secret"] != made["secret"]
    assert sealing.unseal(row.old_secret) == made["secret"]
    assert renewed["old_secret_until"]
    answers = [boss.get(PATH), boss.get(f"{PATH}/{made['id']}"), boss("PATCH", f"{PATH}/{made['id']}", {})]
    assert not any("whsec_" in answer.content.decode() or row.secret in answer.content.decode() for answer in answers)


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"url": "http://hooks.example.org/"}, "/url", "https://"),
        ({"url": "https://192.168.0.1/"}, "/url", "not a public address"),
        ({"url": "hooks.example.org"}, "/url", "whole web address"),
        ({"kinds": []}, "/kinds", ""),
        ({"kinds": ["task.deleted"]}, "/kinds/0", ""),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_write(
    boss: Caller, change: dict[str, Any], pointer: str, words: str
) -> None:
    (error,) = problem(boss.post(PATH, NEW | change), 422)["errors"]
    assert error["pointer"] == pointer
    assert words in error["message"]
    kept = boss.post(PATH, NEW).json()["id"]
    problem(boss("PATCH", f"{PATH}/{kept}", change), 422)


def test_a_team_has_only_so_many(boss: Caller, world: World) -> None:
    for _ in range(endpoints.MOST):
        builders.make_webhook(world.team)
    assert "delete one" in problem(boss.post(PATH, NEW), 409)["detail"]


def test_a_test_and_the_log(boss: Caller, world: World) -> None:
    made = boss.post(PATH, NEW).json()
    ping = boss.post(f"{PATH}/{made['id']}/test").json()
    assert (ping["kind"], ping["state"], ping["webhook_id"]) == ("ping", "queued", made["id"])
    endpoint = Endpoint.objects.get()
    failed = builders.make_dispatch(endpoint, state=Dispatch.FAILED, status=500, answer="oh no", sent_at=None, tries=11)
    log = boss.get(f"{PATH}/{made['id']}/deliveries").json()["results"]
    assert [row["id"] for row in log] == [str(failed.pk), ping["id"]]
    (row,) = boss.get(f"{PATH}/{made['id']}/deliveries?state=failed").json()["results"]
    assert (row["status"], row["answer"], row["tries"], row["event_id"]) == (500, "oh no", 11, str(failed.event_id))
    problem(boss.get(f"{PATH}/{made['id']}/deliveries?state=lost"), 422)
    first = boss.get(f"{PATH}/{made['id']}/deliveries?limit=1").json()
    assert [row["id"] for row in first["results"] + boss.get(first["next"]).json()["results"]] == [
        row["id"] for row in log
    ]
    again = boss.post(f"{PATH}/deliveries/{failed.pk}/resend").json()
    assert (again["state"], again["tries"], again["event_id"]) == ("queued", 0, str(failed.event_id))
    Dispatch.objects.filter(pk=failed.pk).update(state=Dispatch.SENDING)
    problem(boss.post(f"{PATH}/deliveries/{failed.pk}/resend"), 409)
    Dispatch.objects.filter(pk=failed.pk).update(state=Dispatch.FAILED)
    boss("PATCH", f"{PATH}/{made['id']}", {"is_active": False})
    assert "switch it on" in problem(boss.post(f"{PATH}/deliveries/{failed.pk}/resend"), 409)["detail"]
