"""Addresses, accounts and tests by the API: written, never read back, limited in rate."""

import pytest

from notifications.models import Address, Gateway
from people import sealing
from tests import builders
from tests.api.conftest import Caller, World, problem

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PATH = "/api/notifications"
BOT = "123456789:AAFsecretsecretsecretsecretsecret00"


def test_an_address_is_entered_masked_changed_and_taken_away(world: World) -> None:
    member, path = Caller(world.member), f"{PATH}/addresses/chat"
    sent = {"service": "telegram", "fields": {"token": BOT, "chat_id": "12345"}}
    entered = member("PUT", path, sent).json()
    assert entered["fields"] == {"token": "••••et00", "chat_id": "12345"}
    assert entered["confirmed_at"]
    assert member.get(path).json() == entered
    sent["fields"] = {"chat_id": "54321"}
    assert member("PUT", path, sent).json()["fields"] == {"token": "••••et00", "chat_id": "54321"}
    assert Address.objects.get().config["token"] == BOT
    assert BOT not in str(Address.objects.values())
    assert member("DELETE", path).status_code == 204
    problem(member.get(path), 404)


@pytest.mark.parametrize(
    ("sent", "pointer", "says"),
    [
        ({"service": "fax", "fields": {}}, "/service", "use one of slack"),
        ({"service": "slack", "fields": {"url": "https://example.org/"}}, "/fields/url", "hooks.slack.com"),
        ({"service": "webhook", "fields": {"url": "https://127.0.0.1/"}}, "/fields/url", "public address"),
        ({"service": "ntfy", "fields": {"topic": "a", "host": "b"}}, "/fields/host", "no such field"),
    ],
)
def test_what_cannot_be_is_pointed_at(world: World, sent: dict, pointer: str, says: str) -> None:
    (fault,) = problem(Caller(world.member)("PUT", f"{PATH}/addresses/chat", sent), 422)["errors"]
    assert fault["pointer"] == pointer
    assert says in fault["message"]


def test_a_phone_is_confirmed_by_its_code(world: World) -> None:
    member, path = Caller(world.member), f"{PATH}/addresses/sms"
    sent = {"service": "phone", "fields": {"phone": "+49 170 1234567"}}
    assert "a manager enters it" in problem(member("PUT", path, sent), 409)["detail"]
    builders.make_gateway(world.team)
    entered = member("PUT", path, sent).json()
    assert (entered["fields"], entered["confirmed_at"]) == ({"phone": "••••567"}, None)
    (fault,) = problem(member("POST", f"{path}/confirm", {"code": "nothing"}), 422)["errors"]
    assert fault["pointer"] == "/code"
    code = sealing.unseal(Address.objects.get().code)
    for answer in (member.get(f"{PATH}/deliveries"), member.get(PATH), member.get(path)):
        assert code not in answer.content.decode()
    assert member("POST", f"{path}/confirm", {"code": code}).json()["confirmed_at"]


def test_a_test_goes_the_way_of_all_notices_five_times_an_hour(world: World) -> None:
    member = Caller(world.member)
    assert "enter it first" in problem(member("POST", f"{PATH}/test", {"channel": "chat"}), 409)["detail"]
    assert "mail server" in problem(member("POST", f"{PATH}/test", {"channel": "email"}), 409)["detail"]
    assert "use one of" in problem(member("POST", f"{PATH}/test", {"channel": "fax"}), 422)["detail"]
    builders.make_address(world.member)
    for _ in range(5):
        made = member("POST", f"{PATH}/test", {"channel": "chat"}).json()
        assert (made["state"], made["kind"], made["channel"]) == ("queued", "test", "chat")
    assert member.get(f"{PATH}/deliveries/{made['id']}").json() == made
    answer = member("POST", f"{PATH}/test", {"channel": "chat"})
    assert "try again in" in problem(answer, 429)["detail"]
    assert 0 < int(answer["Retry-After"]) <= 3600
    assert not member.get(f"{PATH}?unread=true").json()["results"], "nobody has to read that a test was sent"


def test_accounts_are_the_managers(world: World) -> None:
    manager, path = Caller(world.manager), f"{PATH}/gateways/sms"
    assert manager("PUT", path, {"service": "twilio", "fields": builders.TWILIO}).json()["fields"] == {
        "account_sid": builders.TWILIO["account_sid"], "auth_token": "••••1111", "sender": "+15551234567",
    }  # fmt: skip
    assert Gateway.objects.get().made_by == world.manager
    problem(manager.get(f"{PATH}/gateways/chat"), 404)
    problem(manager.get(f"{PATH}/addresses/email"), 404)
    assert manager("DELETE", path).status_code == 204
