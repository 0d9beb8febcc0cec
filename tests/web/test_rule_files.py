"""Rules as a YAML file from the page: nothing is written by a comparison, and what is wrong is told with its line."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from automation.exchange import parsing, writing
from automation.models import TaskAutomationRule
from tests.web.conftest import Office
from tests.web.test_doing import noise, note_of
from tests.web.test_rules import HTMX

PATH = "/automations/task-scheduling/import"
FILE = """nextmove: 1
rules:
- name: Call again
  trigger_type: activity
  trigger_config:
    activity_types: [email_opened]
  task_title_template: Call {{contact_name}}
  delay: {hours: 4}
"""


def test_a_file_is_compared_and_then_imported(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.manager)
    sent = {"file": SimpleUploadedFile("rules.yaml", FILE.encode()), "do": "compare"}
    response = browser.post(PATH, sent)
    (line,) = response.context["lines"]
    assert (line.entry.name, str(line.verdict.label)) == ("Call again", "New, switched off")
    assert not TaskAutomationRule.objects.filter(name="Call again").exists()
    assert response.context["compared"] == FILE
    response = browser.post(PATH, {"document": FILE.replace("\n", "\r\n"), "do": "import"}, follow=True)
    assert response.redirect_chain == [("/automations/task-scheduling", 302)]
    assert "1 is new, and switched off." in response.content.decode()
    made = TaskAutomationRule.objects.get(name="Call again")
    assert (made.is_active, made.owner, made.task_title_template) == (False, office.manager, "Call {{contact_name}}")


def test_what_differs_is_shown_field_by_field_and_changed_when_asked(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.manager)
    browser.post(PATH, {"document": FILE, "do": "import"})
    other = FILE.replace("hours: 4", "hours: 6") + "  task_priority: high\n"
    (line,) = browser.post(PATH, {"document": other}).context["lines"]
    assert [(one.field, one.before, one.after) for one in line.entry.changes] == [
        ("task_priority", "medium", "high"),
        ("delay", "{hours: 4}", "{hours: 6}"),
    ]
    assert str(line.verdict.label) == "Differs, stays as it is"
    browser.post(PATH, {"document": other, "update": "on"})
    assert TaskAutomationRule.objects.get(name="Call again").delay_hours == 4
    browser.post(PATH, {"document": other, "update": "on", "do": "import"})
    assert TaskAutomationRule.objects.get(name="Call again").delay_hours == 6


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (FILE.replace("  trigger_type", "\ttrigger_type"), "Line 4 is no YAML"),
        (FILE + FILE, "Line 9 gives &#x27;nextmove&#x27; a second time"),
        ("rules: []", "begin it with the line nextmove: 1"),
        ("  ", "Choose a file, or put its text in."),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(
    document: str | bytes, words: str, office: Office, browser_of: Any
) -> None:
    is_text = isinstance(document, str)
    sent = {"document": document} if is_text else {"file": SimpleUploadedFile("x.yaml", document)}
    response = browser_of(office.member).post(PATH, sent)
    assert response.status_code == 422
    assert words in response.content.decode()
    if is_text:
        assert f"{document.strip()[:9]}" in response.content.decode(), "the text stays, to be mended"


def test_an_entry_that_is_wrong_is_told_with_its_line_and_the_others_are_imported(
    office: Office, browser_of: Any
) -> None:
    document = FILE + "- name: Wrong\n  trigger_type: activity\n  task_title_template: Call {{nonsense}}\n"
    browser = browser_of(office.member)
    response = browser.post(PATH, {"document": document})
    assert {(refusal.line, said) for refusal, said in response.context["refused"]} >= {
        (11, "task_title_template: Call {{nonsense}}")
    }
    response = browser.post(PATH, {"document": document, "do": "import"})
    assert response.context["refused"]
    assert TaskAutomationRule.objects.filter(name="Call again", owner=office.member).count() == 1


def test_one_imports_with_ones_own_rights(office: Office, browser_of: Any) -> None:
    document = FILE + f"  owner: {office.manager.username}\n"
    response = browser_of(office.member).post(PATH, {"document": document, "do": "import"})
    assert "manage_team" in response.content.decode()
    assert not TaskAutomationRule.objects.filter(name="Call again").exists()


def test_what_is_exported_from_the_page_is_all_there_again(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.manager)
    assert "/api/task-automation/export" in browser.get("/automations/task-scheduling").content.decode()
    text = browser.get("/api/task-automation/export").content.decode()
    assert text == writing.export(office.manager.team)
    response = browser.post(PATH, {"document": text, "do": "import"}, headers=HTMX)
    assert "All of it was there already." in response.content.decode()


def imported(browser: Any, document: str) -> str:
    return note_of(browser.post(PATH, {"document": document, "update": "on", "do": "import"}, follow=True))


SEQUENCE = """sequences:
- name: Follow up
  steps:
  - kind: task
    title: Call
    delay: {days: 2, kind: business}
"""


def test_an_import_is_taken_back(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.manager)
    imported(browser, FILE)
    before = writing.export(office.manager.team)
    other = FILE.replace("hours: 4", "hours: 6") + "  task_priority: high\n"
    note = imported(browser, other + FILE.partition("rules:\n")[2].replace("Call again", "Another") + SEQUENCE)
    assert writing.export(office.manager.team) != before
    assert "Taken back" in browser.post("/undo", {"note": note}, follow=True).content.decode()
    assert writing.export(office.manager.team) == before
    assert "stay as they are" in browser.post("/undo", {"note": note}, follow=True).content.decode()


def test_the_largest_file_is_taken_back_too(office: Office, browser_of: Any) -> None:
    """What it changes has to be remembered word by word: texts that no page would carry."""
    browser = browser_of(office.manager)
    rule = FILE.partition("rules:\n")[2]
    entries = [f"{rule.replace('again', str(n))}  task_description_template: {noise(9_000, n)}\n" for n in range(15)]
    first = "nextmove: 1\nrules:\n" + "".join(entries)
    assert len(first) < parsing.MOST_BYTES
    imported(browser, first)
    before = writing.export(office.manager.team)
    note = imported(browser, first.replace("hours: 4", "hours: 6"))
    assert len(note) < 200
    assert writing.export(office.manager.team) != before
    assert "Taken back" in browser.post("/undo", {"note": note}, follow=True).content.decode()
    assert writing.export(office.manager.team) == before


def test_what_was_changed_or_switched_on_since_an_import_stays(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.manager)
    more = FILE.partition("rules:\n")[2]
    note = imported(browser, FILE + more.replace("Call again", "On") + more.replace("Call again", "Changed"))
    rules = TaskAutomationRule.objects.filter(team=office.manager.team)
    rules.filter(name="On").update(is_active=True)
    rules.filter(name="Changed").update(task_priority="low")
    html = browser.post("/undo", {"note": note}, follow=True).content.decode()
    assert "2 entries were changed or switched on since" in html
    left = rules.filter(archived_at__isnull=True).values_list("name", flat=True)
    assert set(left) == {office.rule.name, "On", "Changed"}


def test_what_was_brought_in_beside_what_was_refused_is_taken_back_too(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    note = imported(browser, FILE + "- name: Wrong\n  trigger_type: activity\n")
    browser.post("/undo", {"note": note})
    assert not TaskAutomationRule.objects.filter(name="Call again", archived_at__isnull=True).exists()
