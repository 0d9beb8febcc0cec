"""Forms of other sites: one submission is one event, bots get nothing, scripts of other sites neither."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from api import limits
from crm.models import Activity, ActivityConflict, Contact, InboundForm
from people.models import User
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def _no_limits_left_over() -> Iterator[None]:
    limits.reset()
    yield
    limits.reset()


@pytest.fixture
def owner() -> User:
    return builders.make_manager(team=builders.make_team(country="DE"))


def make_form(owner: User, **fields: Any) -> InboundForm:
    defaults = {
        "team": owner.team,
        "owner": owner,
        "name": "Contact us",
        "mapping": {"First": "name", "Last": "name", "E-Mail": "email", "Tel": "phone", "Budget": "data.budget"},
        "honeypot": "website",
    }
    return InboundForm.objects.create(**defaults | fields)


def post(form: InboundForm, values: Any, *, status: int = 202, kind: str = "application/json", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client = Client(raise_request_exception=False, headers=named)
    if kind == "multipart":
        answer = client.post(f"/hooks/forms/{form.key}", values)
    elif kind == "application/json":
        body = values if isinstance(values, str | bytes) else json.dumps(values)
        answer = client.generic("POST", f"/hooks/forms/{form.key}", body, content_type=kind)
    else:
        answer = client.generic("POST", f"/hooks/forms/{form.key}", values, content_type=kind)
    assert answer.status_code == status, answer.content
    return answer


VALUES = {
    "First": "Ann",
    "Last": "Lee",
    "E-Mail": "ann@example.com",
    "Tel": "0170 1234567",
    "Budget": 5000,
    "Note": "Hi",
}


def test_one_submission_is_one_event_and_a_contact(owner: User) -> None:
    form = make_form(owner)
    post(form, VALUES)
    activity = Activity.objects.get()
    assert activity.activity_type == Activity.FORM_SUBMITTED
    assert activity.processed_at is None
    assert activity.data["values"] == VALUES
    assert activity.data["budget"] == 5000
    assert activity.data["form"] == "Contact us"
    contact = Contact.objects.get()
    assert activity.contact == contact
    assert (contact.name, contact.email, contact.phone_e164) == ("Ann Lee", "ann@example.com", "+491701234567")
    assert contact.owner == owner
    post(form, VALUES)
    assert Activity.objects.count() == 2, "the same words again are another submission"


@pytest.mark.parametrize("kind", ["multipart", "application/x-www-form-urlencoded"])
def test_as_browsers_send_it(owner: User, kind: str) -> None:
    form = make_form(owner, redirect_url="https://www.example.org/thanks")
    values: Any = {"First": "Ann", "E-Mail": "ann@example.com", "Topic": ["a", "b"]}
    if kind != "multipart":
        values = "First=Ann&E-Mail=ann%40example.com&Topic=a&Topic=b&redirect_url=https%3A%2F%2Fevil.example"
    answer = post(form, values, kind=kind, status=303, Accept="text/html,*/*")
    assert answer["Location"] == "https://www.example.org/thanks", "never a place that the post names"
    assert Activity.objects.get().data["values"]["Topic"] == ["a", "b"]
    post(form, values, kind=kind, Accept="application/json")
    InboundForm.objects.update(redirect_url="", name="<script>")
    page = post(form, values, kind=kind, status=200, Accept="text/html")
    assert b"Thank you" in page.content
    assert b"<script>" not in page.content


def test_an_existing_contact_gets_only_what_was_empty(owner: User) -> None:
    known = builders.make_contact(owner, name="Ann B. Lee", email="ANN@example.com", phone="", company="")
    form = make_form(owner)
    post(form, VALUES | {"E-Mail": "ann@example.com"})
    known.refresh_from_db()
    assert (known.name, known.email, known.phone) == ("Ann B. Lee", "ANN@example.com", "0170 1234567")
    assert Activity.objects.get().contact == known
    by_phone = builders.make_contact(owner, name="Bob", email="", phone="+49 171 2222222")
    post(form, {"E-Mail": "bob@example.com", "Tel": "0171 2222222"})
    by_phone.refresh_from_db()
    assert by_phone.email == "bob@example.com"
    assert Contact.objects.count() == 2


def test_an_address_for_a_name_is_replaced(owner: User) -> None:
    known = builders.make_contact(owner, name="ann@example.com", email="ann@example.com")
    post(make_form(owner), VALUES)
    known.refresh_from_db()
    assert known.name == "Ann Lee"


def test_nobody_named_waits_in_the_list(owner: User) -> None:
    post(make_form(owner), {"First": "Ann", "Note": "call me"})
    form = make_form(owner, creates_contacts=False)
    post(form, VALUES)
    assert not Contact.objects.exists()
    assert Activity.objects.filter(contact=None, processed_at__isnull=False).count() == 2


def test_a_phone_that_cannot_be_dialled_is_still_somebodys(owner: User) -> None:
    """A team without a country reads no number without its code."""
    form = make_form(owner)
    post(form, {"First": "Ann", "Tel": "ask at the desk"})
    contact, activity = Contact.objects.get(), Activity.objects.get()
    assert (contact.name, contact.phone) == ("Ann", "ask at the desk")
    assert (activity.contact, activity.processed_at) == (contact, None)


def test_a_phone_that_several_have_makes_nobody_new(owner: User) -> None:
    for name in ("Ann", "Bob"):
        builders.make_contact(owner, name=name, email="", phone="+49 171 2222222")
    form = make_form(owner)
    post(form, {"First": "Ann", "Tel": "0171 2222222"})
    assert Contact.objects.count() == 2
    assert Activity.objects.get().contact is None, "a person says which of them it was"
    post(form, {"First": "Cid", "Tel": "0171 2222222", "E-Mail": "cid@example.com"})
    assert Contact.objects.get(email="cid@example.com").activities.count() == 1


def test_the_honeypot_says_yes_and_keeps_nothing(owner: User) -> None:
    form = make_form(owner)
    honest = post(form, VALUES | {"website": ""})
    trapped = post(form, VALUES | {"website": "https://spam.example"})
    assert (honest.content, honest.status_code) == (trapped.content, trapped.status_code)
    form.refresh_from_db()
    assert (Activity.objects.count(), form.trapped) == (1, 1)


@pytest.mark.parametrize("how", ["field", "header"])
def test_the_same_submission_counts_once(owner: User, how: str) -> None:
    form = make_form(owner)
    values, headers = dict(VALUES), {}
    if how == "field":
        values["submission_id"] = "s-1"
    else:
        headers["Idempotency_Key"] = "s-1"
    assert post(form, values, **headers).json() == {"accepted": True, "duplicate": False}
    Contact.objects.update(phone="")
    assert post(form, values, **headers).json() == {"accepted": True, "duplicate": True}
    assert Activity.objects.count() == 1
    assert Contact.objects.get().phone == "", "a duplicate changes nothing"
    assert not ActivityConflict.objects.exists()
    post(form, values | {"Note": "Other words"}, **headers)
    assert ActivityConflict.objects.count() == 1
    post(make_form(owner), values, **headers)
    assert Activity.objects.count() == 2, "ids are those of one form"


def test_sites_that_are_listed_and_others(owner: User) -> None:
    form = make_form(owner, allowed_origins=["https://www.example.org"])
    answer = post(form, VALUES, Origin="https://www.example.org")
    assert answer["Access-Control-Allow-Origin"] == "https://www.example.org"
    wrong = post(form, {"E-Mail": "no"}, Origin="https://www.example.org", status=422)
    assert wrong["Access-Control-Allow-Origin"] == "https://www.example.org"
    for origin in ("https://evil.example", "null", "https://www.example.org.evil.example"):
        assert "Access-Control-Allow-Origin" not in post(form, VALUES, Origin=origin, status=403)
    post(form, VALUES)
    asked = Client().options(f"/hooks/forms/{form.key}", headers={"origin": "https://www.example.org"})
    assert asked.status_code == 204
    assert asked["Access-Control-Allow-Methods"] == "POST"
    assert "Access-Control-Allow-Origin" not in post(make_form(owner), VALUES, Origin="https://x.example")


@pytest.mark.parametrize(
    ("values", "status", "pointer"),
    [
        ({"E-Mail": "ann@"}, 422, "/E-Mail"),
        ({}, 422, ""),
        ([1], 422, ""),
        ("{", 400, None),
        ('{"First": "\\u0000"}', 422, ""),
        ('{"First": "\\ud800"}', 400, None),
        ({"Note": {"a": 1}}, 422, "/Note"),
        ({"Note": "x" * 5001}, 422, "/Note"),
        ({"First": "x" * 201}, 422, "/First"),
        ({f"f{n}": "x" for n in range(101)}, 422, ""),
        ({"x" * 101: "x"}, 422, ""),
        ({"Note": "x", "submission_id": [1]}, 422, "/submission_id"),
    ],
)
def test_what_cannot_be_taken(owner: User, values: Any, status: int, pointer: str | None) -> None:
    answer = post(make_form(owner), values, status=status).json()
    assert answer["detail"].endswith((".", "?"))
    if pointer:
        assert answer["errors"][0]["pointer"] == pointer
    assert not Activity.objects.exists()
    assert not Contact.objects.exists()


def test_limits(owner: User) -> None:
    form = make_form(owner, rate_per_minute=3)
    post(form, {"Note": "x" * 70_000}, status=413)
    post(form, "a=b", kind="text/plain", status=415)
    for _ in range(2):
        post(form, VALUES)
    answer = post(form, VALUES, status=429)
    assert int(answer["Retry-After"]) > 0
    post(make_form(owner), VALUES)
    off = make_form(owner, is_active=False)
    post(off, VALUES, status=404)
    assert Client().post("/hooks/forms/nothing", VALUES).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", ["ann@example.com", ""])
def test_at_once_the_same_submission_counts_once(owner: User, email: str) -> None:
    form = make_form(owner)
    answers: list[Any] = []

    def send() -> None:
        try:
            answers.append(post(form, VALUES | {"submission_id": "s-1", "E-Mail": email}).json())
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(answer["duplicate"] for answer in answers) == [False, True, True, True]
    assert (Activity.objects.count(), Contact.objects.count()) == (1, 1)


def test_managers_make_forms(owner: User) -> None:
    client = Client(headers={"authorization": f"Bearer {builders.make_token(owner)}"})

    def ask(method: str, path: str, body: Any = None, status: int = 200) -> Any:
        text = json.dumps(body) if body is not None else ""
        answer = client.generic(method, path, text, content_type="application/json")
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None

    made = ask("POST", "/api/forms", {"name": "Demo", "mapping": {"mail": "email"}}, status=201)
    assert made["url"].endswith(f"/hooks/forms/{made['key']}")
    path = f"/api/forms/{made['id']}"
    for wrong in (
        {"mapping": {"mail": "status"}},
        {"mapping": {"mail": "data."}},
        {"mapping": {"mail": "data.values"}},
        {"allowed_origins": ["example.org"]},
        {"allowed_origins": ["https://example.org/path"]},
        {"redirect_url": "javascript:alert(1)"},
        {"owner_id": builders.make_user().pk},
        {"rate_per_minute": 0},
        {"colour": "red"},
    ):
        ask("PATCH", path, wrong, status=422)
    assert ask("PATCH", path, {"is_active": False, "owner_id": owner.pk})["is_active"] is False
    assert [row["id"] for row in ask("GET", "/api/forms")["results"]] == [made["id"]]
    ask("DELETE", path, status=204)
    ask("GET", path, status=404)
