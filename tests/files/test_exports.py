"""Every list as a file: the rights of its page, its filters, no formulas, and back in again as it was."""

import csv
import io
import json
from datetime import UTC, datetime

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automation.exports import lists
from crm.models import Contact
from domain.files import cells, reading, writing
from tests import builders
from tests.api.conftest import Caller, World, problem
from tests.files.conftest import bring_in, counted, upload
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1", "'=1", " =1", "''+x", "'quoted'", "a=b"]


def exported(caller: Caller, name: str, form: str = "csv", **query: object) -> bytes:
    words = "&".join(f"{key}={value}" for key, value in query.items())
    response = caller.get(f"/api/exports/{name}?format={form}&{words}")
    assert response.status_code == 200, response.getvalue()
    assert f'filename="nextmove-{name}-' in response["Content-Disposition"]
    return bytes(response.getvalue())


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_every_list_is_there_in_each_format_with_the_rights_of_its_page(world: World) -> None:
    """The stranger has another team, the member what is theirs, and no list says more than that."""
    hidden = builders.make_contact(builders.make_user(team=world.team), name="Hidden")
    builders.make_task(builders.make_user(team=world.team), title="Hidden too", contact=hidden)
    builders.make_activity(hidden)
    builders.make_notification(world.member)
    builders.make_delivery(world.member)
    builders.make_report(world.team)
    builders.make_sequence(world.member)
    builders.make_campaign(world.member)
    refused = dict.fromkeys(("workload", "reports", "runs"), "view_team")
    refused |= dict.fromkeys(("audit", "webhooks", "webhook-deliveries", "sources", "forms"), "manage_team")
    for name in lists.LISTS:
        manager = Caller(world.manager)
        table = json.loads(exported(manager, name, "json"))
        assert len(rows_of(exported(manager, name))) == len(table), name
        book = openpyxl.load_workbook(io.BytesIO(exported(manager, name, "xlsx")))
        assert book.active.max_row == len(table) + 1, name
        assert "Hidden" not in exported(Caller(world.stranger), name).decode()
        if name in refused:
            assert refused[name] in problem(Caller(world.member).get(f"/api/exports/{name}"), 403)["detail"]
        else:
            assert "Hidden" not in exported(Caller(world.member), name).decode()
        problem(manager.get(f"/api/exports/{name}?nonsense=1"), 422)
    problem(Caller(world.manager).get("/api/exports/passwords"), 404)


def test_a_token_exports_what_its_scopes_let_it_read_and_no_more(world: World) -> None:
    for name, table in lists.LISTS.items():
        both = Caller(world.manager, scopes=("files:read", table.scope))
        assert len(exported(both, name, "json")) > 1
        if table.scope != "files:read":
            files_alone = Caller(world.manager, scopes=("files:read",))
            assert table.scope in problem(files_alone.get(f"/api/exports/{name}"), 403)["detail"]
    file = "Name\nAda\n"
    sent = upload(Caller(world.manager), file).json()
    wrong = Caller(world.manager, scopes=("files:write", "tasks:write"))
    assert "contacts:write" in problem(upload(wrong, file), 403)["detail"]
    for verb in ("check", "run", "cancel"):
        assert "contacts:write" in problem(wrong.post(f"/api/imports/{sent['id']}/{verb}"), 403)["detail"]
    assert "contacts:read" in problem(wrong.get(f"/api/imports/{sent['id']}"), 403)["detail"]


def test_no_secret_is_in_any_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Caller(world.manager)
    made = [
        ("tokens", manager.post("/api/tokens", {"name": "Till", "scopes": ["tasks:read"]}), "token", 8),
        (
            "webhooks",
            manager.post("/api/webhooks", {"url": "https://example.com/in", "kinds": ["task.created"]}),
            "secret",
            0,
        ),
        ("sources", manager.post("/api/sources", {"provider": "postmark", "name": "Post"}), "tracking_url", 0),
        ("forms", manager.post("/api/forms", {"name": "Site"}), "url", 0),
    ]
    for name, response, secret, shown in made:
        assert response.status_code == 201, response.content
        words = response.json()
        kept = words[secret].rstrip("/").rpartition("/")[2]
        for form in ("csv", "json"):
            data = exported(manager, name, form).decode()
            assert len(json.loads(exported(manager, name, "json"))) >= 1
            assert kept[shown:] not in data
        assert "Hidden" not in exported(Caller(world.stranger), name).decode()
        others = json.loads(exported(Caller(builders.make_manager()), name, "json"))
        assert len(others) == (1 if name == "tokens" else 0), "their own token alone"


def test_filters_are_those_of_the_list(world: World) -> None:
    member = Caller(world.member)
    builders.make_contact(world.member, name="Zed", status=Contact.ACTIVE)
    done = builders.make_done_task(world.member)
    assert [row["Name"] for row in rows_of(exported(member, "contacts", q="zed", status="active"))] == ["Zed"]
    assert len(rows_of(exported(member, "contacts", owner_id="me"))) == 2
    assert [row["Nextmove id"] for row in rows_of(exported(member, "tasks", status="done"))] == [str(done.pk)]
    assert rows_of(exported(member, "tasks", status="open", due_before="1990-01-01T00:00:00Z")) == []
    for bad in (
        "status=gone",
        "assignee_id=x",
        "assignee_id=99999999999999999999",
        "due_before=soon",
        "contact_id=%00",
    ):
        told = problem(member.get(f"/api/exports/tasks?{bad}"), 422)
        assert told["errors"][0]["pointer"] == "/" + bad.partition("=")[0]


def test_a_task_names_the_address_only_of_a_contact_one_may_see(world: World) -> None:
    theirs = builders.make_contact(world.lead, name="Shown", email="kept@x.org")
    builders.make_task(world.member, contact=theirs)
    assert "kept@x.org" not in exported(Caller(world.member), "tasks").decode()
    assert "kept@x.org" in exported(Caller(world.lead), "tasks").decode()


def test_no_text_is_a_formula_and_numbers_are_numbers(world: World) -> None:
    for text in FORMULAS:
        builders.make_contact(world.member, name=text, lead_score=-5)
    data = exported(Caller(world.manager), "contacts")
    for row in rows_of(data):
        for text in row.values():
            assert not text.lstrip(" ").startswith(("=", "+", "@", "\t", "\uff1d")), row
        assert not row["Name"].startswith("-")
    assert ",-5," in data.decode(), "numbers stay numbers"
    book = openpyxl.load_workbook(io.BytesIO(exported(Caller(world.manager), "contacts", "xlsx")))
    for line in book.active.iter_rows(min_row=2):
        assert all(cell.data_type != "f" for cell in line)
        assert line[9].data_type == "n"


texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12).map(str.strip) | st.sampled_from(
    [text.strip() for text in FORMULAS]
)


@given(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1, max_size=5))
@settings(max_examples=60)
def test_text_comes_back_as_it_went_out(rows: list[list[str]]) -> None:
    """From CSV and from XLSX; `harmless` and `plain` undo each other whatever the text."""
    for form in ("csv", "xlsx"):
        data = b"".join(writing.FORMATS[form][1](["A", "B"], rows))
        found = [row.cells for row in reading.opened(data).rows]
        assert found == [row for row in rows if any(row)]
    for row in rows:
        assert [cells.plain(cells.harmless(text)) for text in row] == row


moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@given(data=st.data())
@settings(max_examples=8, suppress_health_check=list(HealthCheck))
def test_what_was_exported_changes_nothing_when_it_comes_back(form: str, data: st.DataObject, world: World) -> None:
    names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).map(str.strip).filter(len)
    tag = names.map(lambda text: text.replace(";", "").lstrip("'=+-@\uff1d\uff0b\uff0d\uff20 ").strip()).filter(len)
    for _ in range(3):
        contact = builders.make_contact(
            world.member,
            name=data.draw(names | st.sampled_from(["=cmd()", "'-x"])),
            company=data.draw(names),
            status=data.draw(st.sampled_from([word for word, _ in Contact.STATUSES])),
            lead_score=data.draw(st.integers(-(2**31), 2**31 - 1)),
            tags=data.draw(st.lists(tag, max_size=3, unique=True)),
            next_follow_up_at=data.draw(st.none() | moments),
        )
        builders.make_task(
            world.member, contact=contact, title=data.draw(names), due_date=data.draw(st.none() | moments)
        )
    manager = Caller(world.manager)
    for kind, model in (("contacts", Contact), ("tasks", Task)):
        before = list(model.objects.order_by("pk").values())
        file = exported(manager, kind, form)
        found = bring_in(manager, file, kind, "text/csv" if form == "csv" else XLSX, update="true")
        assert counted(found) == {"unchanged": len(before)}, found["faults"]
        assert list(model.objects.order_by("pk").values()) == before
