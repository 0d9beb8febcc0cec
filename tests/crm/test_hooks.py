"""What providers send: each event by itself, and nothing that cannot be kept."""

import json
import random
import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from crm.models import Activity, Contact, InboundSource
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def source() -> InboundSource:
    return InboundSource.objects.create(team=builders.make_team(), provider="sendgrid", name="SendGrid")


def event(**more: Any) -> dict[str, Any]:
    return {"email": "ann@example.com", "event": "click", "timestamp": 1760000000, "sg_event_id": "e1"} | more


def post(source: InboundSource, body: str | bytes) -> Any:
    return Client().post(f"/hooks/mail/sendgrid/{source.secret}", body, content_type="application/json")


@pytest.mark.parametrize(
    "bad",
    [
        '{"email": {"a": 1}, "event": "click", "timestamp": 1760000000}',
        '{"email": "a@example.com", "event": "click", "timestamp": 1e30}',
        '{"email": "a@example.com", "event": "click", "timestamp": "soon"}',
        '{"email": "a@example.com", "event": "click", "timestamp": 1760000000, "sg_event_id": "\\ud800"}',
        '{"email": "a@example.com", "event": "click", "timestamp": 1760000000, "useragent": 1e999}',
        '{"email": "a\\u0000@example.com", "event": "click", "timestamp": 1760000000}',
        '{"email": "a@example.com", "event": "click", "timestamp": 1760000000, "url": "\\u0000"}',
        '{"event": "click", "timestamp": 1760000000}',
        "7",
    ],
)
def test_one_bad_event_stops_no_other(source: InboundSource, bad: str) -> None:
    answer = post(source, f"[{bad}, {json.dumps(event())}]")
    assert answer.status_code == 202, answer.content
    assert (answer.json()["accepted"], [one["index"] for one in answer.json()["rejected"]]) == (1, [0])
    assert Activity.objects.get().source_key == "e1"
    assert post(source, f"[{bad}]").status_code in (202, 400)
    assert Activity.objects.count() == 1


@pytest.mark.parametrize("body", ["{", "null", '"x"', '{"a": 1}', "[1, 2]", "[NaN]", b"\xff\xfe", "[" * 5000])
def test_what_is_no_event_list_is_refused(source: InboundSource, body: str | bytes) -> None:
    answer = post(source, body)
    assert answer.status_code == 400, answer.content
    assert "Error" not in answer.json()["detail"]


def test_an_unknown_address_is_kept_or_becomes_a_contact(source: InboundSource) -> None:
    post(source, json.dumps([event()]))
    assert Activity.objects.get().contact is None
    InboundSource.objects.update(creates_contacts=True)
    post(source, json.dumps([event(sg_event_id="e2"), event(sg_event_id="e3", email="ANN@example.com")]))
    contact = Contact.objects.get()
    assert contact.email.lower() == "ann@example.com"
    assert contact.activities.count() == 2


def test_a_machines_open_is_marked(source: InboundSource) -> None:
    post(source, json.dumps([event(event="open", sg_machine_open=True)]))
    assert Activity.objects.get().signal == Activity.MACHINE


def test_numbers_out_of_range_in_the_api_are_refused() -> None:
    user = builders.make_manager()
    contact = builders.make_contact(user)
    body = f'{{"contact_id": {contact.pk}, "activity_type": "call", "data": {{"a": 1e999}}}}'
    headers = {"authorization": f"Bearer {builders.make_token(user)}"}
    answer = Client(headers=headers).post("/api/activities", body, content_type="application/json")
    assert answer.status_code == 422, answer.content


def test_an_event_that_names_its_contact_twice_teaches_the_other_systems_id() -> None:
    user = builders.make_manager()
    contact, other = builders.make_contact(user), builders.make_contact(user)
    client = Client(headers={"authorization": f"Bearer {builders.make_token(user)}"})

    def record(**named: Any) -> Any:
        body = {"activity_type": "call", "source": "erp"} | named
        return client.post("/api/activities", body, content_type="application/json")

    assert record(contact_external_id="C-7").status_code == 422, "nobody is known by it yet"
    assert record(contact_external_id="C-7", contact_email=contact.email).status_code == 202
    assert record(contact_external_id="C-7").status_code == 202
    assert record(contact_external_id="C-7", contact_id=other.pk).status_code == 202, "taken ids stay whose they are"
    assert record(contact_external_id="C-7").status_code == 202
    assert (contact.activities.count(), other.activities.count()) == (3, 1)
    assert (
        client.post(
            "/api/activities",
            {"activity_type": "call", "source": "other", "contact_external_id": "C-7"},
            content_type="application/json",
        ).status_code
        == 422
    ), "ids are those of one source"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["provider", "api"])
def test_lists_that_arrive_at_once_in_other_orders_are_stored_once(way: str) -> None:
    """Each waits for rows of the other: the database ends such a pair, and the one it stopped goes on by itself."""
    user = builders.make_manager()
    source = builders.make_source(user.team, creates_contacts=True)
    token = builders.make_token(user)
    contacts = [builders.make_contact(user) for _ in range(40)] if way == "api" else []
    refused: list[bytes] = []
    starting = threading.Barrier(4)

    def tell(seed: int) -> None:
        shuffled = random.Random(seed).sample(range(40), 40)
        try:
            for part in range(3):
                starting.wait(timeout=60)
                if way == "api":
                    said = [
                        {"contact_id": contacts[n].pk, "activity_type": "call", "source_key": f"{part}:{n}"}
                        for n in shuffled
                    ]
                    headers = {"authorization": f"Bearer {token}"}
                    answer = Client(headers=headers).post("/api/activities", said, content_type="application/json")
                else:
                    events = [event(email=f"p{n}@{part}.example.com", sg_event_id=f"{part}:{n}") for n in shuffled]
                    answer = post(source, json.dumps(events))
                if answer.status_code != 202 or answer.json()["rejected"]:
                    refused.append(answer.content)
        finally:
            connection.close()

    threads = [threading.Thread(target=tell, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert refused == []
    assert Activity.objects.count() == 120
    assert Contact.objects.count() == (40 if way == "api" else 120)
