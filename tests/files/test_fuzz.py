"""Whatever is sent as a file: a clear refusal or a right import, never a 500, never half of one."""

import io
import random
import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import limits
from crm.files import imports
from crm.files.models import Import
from crm.models import Contact
from domain.files import writing
from tests.api.conftest import Caller, World, problem
from tests.files.conftest import run_jobs, upload
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HEADS = ["Name", "E-mail", "Phone", "Status", "Next follow-up", "Score", "Tags", "External id", "Title", "Due", "Hours"]
CELLS = st.text(max_size=8) | st.sampled_from(
    [
        "ada@x.org",
        "ADA@x.org",
        "b@x.org",
        "lead",
        "2026-01-01",
        "1,5",
        "=1+1",
        "'",
        '"',
        "99999999999999",
        "\0",
        "K1",
        "me",
    ]
)
ROWS = st.lists(st.lists(CELLS, max_size=len(HEADS)), max_size=6)
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ada\r\nN:Byron;Ada;;;\r\nEMAIL:ada@x.org\r\nTEL:+44 1\r\nEND:VCARD\r\n"
MEDIA = {
    "csv": "text/csv",
    "xlsx": writing.FORMATS["xlsx"][0],
    "vcard": "text/vcard",
    "bytes": "application/octet-stream",
}


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file of some kind, whole or with bytes changed, cut out or put in."""
    form = draw(st.sampled_from(["csv", "xlsx", "vcard", "bytes"]))
    if form == "bytes":
        return form, draw(st.binary(max_size=200))
    rows = draw(ROWS)
    if form == "vcard":
        data = (
            "".join(CARD.replace("Ada", cell) for row in rows for cell in row[:2]).encode("utf-8", "replace")
            or CARD.encode()
        )
    elif form == "csv":
        delimiter = draw(st.sampled_from(",;\t"))
        text = "\n".join(delimiter.join(row) for row in [HEADS, *rows])
        data = text.encode(draw(st.sampled_from(["utf-8", "utf-16", "cp1252"])), "replace")
    else:
        data = b"".join(writing.xlsx_of(HEADS, rows))
    if draw(st.booleans()):
        return form, data
    chance = random.Random(draw(st.integers(0, 10**6)))
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(changed))
        match chance.randrange(3):
            case 0:
                changed[place] = chance.randrange(256)
            case 1:
                del changed[place : place + chance.randint(1, 40)]
            case _:
                changed[place:place] = chance.randbytes(3)
        if not changed:
            break
    return form, bytes(changed)


@given(file=files(), kind=st.sampled_from(["contacts", "tasks"]), update=st.booleans(), member=st.booleans())
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_a_clear_refusal_or_a_whole_import(
    file: tuple[str, bytes], kind: str, update: bool, member: bool, world: World
) -> None:
    limits.reset()
    caller = Caller(world.member if member else world.manager)
    form, data = file
    rows = {"contacts": Contact, "tasks": Task}[kind].objects
    before, known = rows.count(), Import.objects.count()
    response = upload(caller, data, kind, MEDIA[form], update=str(update).lower())
    if response.status_code != 201:
        assert problem(response, response.status_code)["status"] in (413, 415, 422)  # 415: nothing at all was sent
        assert Import.objects.count() == known
        return
    address = f"/api/imports/{response.json()['id']}"
    checked = caller.post(f"{address}/check")
    assert rows.count() == before
    if checked.status_code != 200:
        problem(checked, 422)
        return
    assert caller.post(f"{address}/run").status_code == 202
    run_jobs()
    done = caller.get(address).json()
    assert done["state"] == "done"
    assert done["counts"] == checked.json()["counts"], "the run does what the comparison said"
    assert sum(done["counts"].values()) == done["done_rows"] == done["rows"]
    assert rows.count() == before + done["counts"]["created"]


def test_forms_sizes_and_other_bodies(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Caller(world.manager)

    def form(**fields: object):
        return caller.client.post(
            "/api/imports?kind=contacts", fields, headers=caller.headers | {"Idempotency-Key": "k"}
        )

    sent = form(file=SimpleUploadedFile("my contacts.csv", b"Name\nAda\n"))
    assert (sent.status_code, sent.json()["file_name"]) == (201, "my contacts.csv")
    again = form(file=SimpleUploadedFile("my contacts.csv", b"Name\nAda\n"))
    assert again.json()["id"] == sent.json()["id"], "the same request, the same answer"
    problem(form(file=SimpleUploadedFile("my contacts.csv", b"Name\nEve\n")), 422)
    nothing = caller.client.post("/api/imports", {"x": "y"}, headers=caller.headers)
    assert "field `file`" in problem(nothing, 422)["detail"]
    problem(caller.post("/api/imports", {"a": 1}), 415)
    large = b"Name\n" + b"x" * 100 + b"\n"
    monkeypatch.setattr("api.uploads.MOST_BYTES", 50)
    monkeypatch.setattr("api.uploads.AROUND", 0)
    problem(upload(caller, large), 413)
    problem(caller.client.post("/api/imports", {"file": io.BytesIO(large)}, headers=caller.headers), 413)


def test_a_large_file_is_read_in_the_background(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "SMALL", 10)
    monkeypatch.setattr(imports, "AT_ONCE", 10)
    caller = Caller(world.manager)
    sent = upload(caller, "Name,E-mail\n" + "".join(f"P{n},p{n}@x.org\n" for n in range(600))).json()
    address = f"/api/imports/{sent['id']}"
    assert sent["state"] == "reading"
    problem(caller.post(f"{address}/run"), 409)
    run_jobs()
    assert caller.get(address).json()["rows"] == 600
    assert Import.objects.get(pk=sent["id"]).content is None
    assert caller.post(f"{address}/check").json()["state"] == "checking"
    run_jobs()
    assert caller.get(address).json()["counts"]["created"] == 600
    caller.post(f"{address}/run")
    run_jobs()
    assert caller.get(address).json()["done_rows"] == 600
    monkeypatch.setattr("domain.files.sheets.MOST_ROWS", 5)
    bad = upload(caller, "Name\n" + "x\n" * 9).json()
    run_jobs()
    found = caller.get(f"/api/imports/{bad['id']}").json()
    assert (found["state"], found["rows"]) == ("failed", 0)
    assert "parts" in found["error"]


@pytest.mark.django_db(transaction=True)
def test_others_write_while_a_file_is_compared(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads on while it writes, SQLite refuses at once when another has written in between."""
    monkeypatch.setattr(imports, "PART", 2)
    importer = imports.importer_of("contacts")
    plan = type(importer).plan

    def write() -> None:
        Contact.objects.filter(pk=world.contact.pk).update(company="Meanwhile")
        connections.close_all()

    def disturbed(*given: Any) -> Any:
        other = threading.Thread(target=write)
        other.start()
        other.join()
        return plan(*given)

    caller = Caller(world.manager)
    sent = upload(caller, "Name\n" + "".join(f"P{n}\n" for n in range(9))).json()
    monkeypatch.setattr(type(importer), "plan", disturbed)
    assert caller.post(f"/api/imports/{sent['id']}/check").json()["counts"]["created"] == 9
