"""The how-tos: their programs run as printed, their commands are those there are, and their links lead somewhere."""

import json
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from typer.testing import CliRunner

from automation.models import ScheduledTaskBatch
from config import cli
from crm.models import Activity, Contact
from people import tokens
from people.models import User
from tests import builders
from webhooks import endpoints, sending
from webhooks.models import Dispatch
from work import lifecycle
from work.models import Task

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs/how-to" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_page_that_is_there(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(found), f"{page.name}: {target}"


def test_every_page_is_listed() -> None:
    listed = LINK.findall((ROOT / "docs/README.md").read_text())
    assert {str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/*/*.md")} <= set(listed)


@pytest.fixture
def admin() -> User:
    return builders.make_manager(username="admin")


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.django_db(transaction=True)
def test_the_client_of_the_page_lists_makes_gives_and_completes(
    admin: User, live_server: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, secret = tokens.issue(admin, name="script", now=timezone.now())
    monkeypatch.setenv("NEXTMOVE_URL", live_server.url)
    monkeypatch.setenv("NEXTMOVE_TOKEN", secret)
    late, soon = builders.make_task(admin, title="No date"), builders.make_task(admin, due_date=timezone.now())
    names: dict[str, Any] = {}
    client, script, *_ = blocks("python.md", "python")
    exec(client, names)
    assert [task["id"] for task in names["mine"]()] == [soon.pk, late.pk]
    for _ in range(2):  # what is repeated with the same key answers the same, until it is done
        names["call"]("POST", "/api/tasks", {"title": "Send the minutes"}, **{"Idempotency-Key": "minutes-of-17-june"})
    exec(script, names)
    assert Task.objects.get(title="Send the minutes").status == Task.DONE
    assert "No date" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="completed at"):
        names["call"]("POST", f"/automation/tasks/{names['made']['id']}/complete", {})


@pytest.mark.django_db(transaction=True)
def test_what_runs_beside_the_database_makes_its_tasks_and_its_job(
    admin: User, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, beside, job = blocks("python.md", "python")
    exec(beside, {})
    assert ScheduledTaskBatch.objects.count() == 1
    assert Contact.objects.get().tasks.count() == 5
    exec(job, {})
    assert capsys.readouterr().out.split()[0] == "PENDING"


@pytest.mark.django_db(transaction=True)
def test_slack_hears_of_what_was_done_and_of_nothing_forged(
    admin: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[Any] = []

    class Slack(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    names: dict[str, Any] = {"__name__": "to_slack"}
    exec(blocks("slack.md", "python")[0], names)
    names["ToSlack"].log_message = lambda *_: None
    with listening(Slack) as slack, listening(names["ToSlack"]) as adapter:
        settings.PRIVATE_HOSTS = [adapter]
        endpoint, secret = endpoints.create(
            admin.team, url=f"http://{adapter}/", kinds=["task.completed"], by=admin, now=timezone.now()
        )
        monkeypatch.setenv("NEXTMOVE_URL", "https://tasks.example.com")
        monkeypatch.setenv("SLACK_URL", f"http://{slack}/")
        monkeypatch.setenv("WEBHOOK_SECRET", secret)
        task = builders.make_task(admin, title="Call Ada")
        lifecycle.complete(task, by=admin, now=timezone.now())
        dispatch = Dispatch.objects.get(endpoint=endpoint)
        sending.send(dispatch.pk, 1, now=timezone.now())
        dispatch.refresh_from_db()
    assert dispatch.state == Dispatch.SENT, dispatch.answer
    assert posted == [{"text": f"Done: <https://tasks.example.com/tasks/{task.pk}|Call Ada>"}]


@pytest.mark.django_db
def test_the_form_of_the_page_brings_a_contact_and_its_event(admin: User, client: Client) -> None:
    (command,) = blocks("forms.md", "bash")
    words = shlex.split(command.replace("\\\n", " "))[1:]
    made = CliRunner().invoke(cli.app, words)
    assert made.exit_code == 0, (made.output, made.exception)
    path = "/hooks/forms/" + made.output.strip().rpartition("/")[2]
    (html,) = blocks("forms.md", "html")
    fields = dict.fromkeys(re.findall(r'name="([^"]+)"', html), "")
    assert set(fields) == {"First", "Last", "E-Mail", "Budget", "website"}
    sent = fields | {"First": "Ada", "Last": "Lovelace", "E-Mail": "ada@example.net", "Budget": "large"}
    assert client.post(path, sent, headers={"Accept": "text/html"}).status_code == 303
    contact = Contact.objects.get()
    assert (contact.name, contact.email, contact.owner) == ("Ada Lovelace", "ada@example.net", admin)
    assert Activity.objects.get(activity_type="form_submitted").data["budget"] == "large"


@pytest.mark.django_db
def test_the_token_and_the_events_of_a_crm_are_taken(admin: User, client: Client) -> None:
    (command,) = blocks("crm.md", "bash")
    made = CliRunner().invoke(cli.app, shlex.split(command)[1:])
    contact = builders.make_contact(admin, email="ada@example.net")
    document = json.loads(blocks("crm.md", "json")[0])
    headers = {"Authorization": f"Bearer {made.output.strip()}"}
    answers = [
        client.post("/api/activities", json.dumps(document), "application/json", headers=headers).json()
        for _ in range(2)
    ]
    assert [(one["accepted"], one["duplicates"], one["rejected"]) for one in answers] == [(1, 0, []), (0, 1, [])]
    assert contact.identities.get().external_id == "4711"
