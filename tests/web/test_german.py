"""What is left in English on the pages of somebody who reads German: nothing but what people wrote themselves."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.apps import apps
from django.db import models
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils.translation import override

from automation.models import Campaign, Sequence
from config import demo
from jobs.models import Job
from people import speech
from people.models import Team, User
from tests import builders, translations
from tests.browser.test_face import a_report, a_sequence
from web.templatetags import face

pytestmark = pytest.mark.django_db

OF_EACH_PAGE = 4
"""How many addresses of one page are looked at: tasks, contacts and rules differ in what is told of them."""
UNSEEN = ("script", "style", "template", "pre", "code", "svg", "textarea", "title")
SAID_IN = ("title", "aria-label", "placeholder", "alt")
NOT_WALKED = re.compile(
    # The audit names columns and words as programs know them.
    r"^/settings/audit|/(admin|api|static|automation|hooks|mcp|openapi|go)\b|/accounts/logout|\.ics$|/language|/theme"
)
_ENGLISH = """
the and is are by with for from this that it its has have no nobody when which who them they their your you of
on if be been were would cannot may must more than then there here every each other another two last until since
after before while yet already only same own whom what how why where under again any some somebody task tasks
contact contacts rule rules due day days hour hours week weeks month months people closed done reason because
low medium urgent member does did made given takes taken fits best waiting waits never
"""
ENGLISH = frozenset(_ENGLISH.split())
"""Words that German does not have."""
CODE = re.compile(r"\{\{.*?\}\}|[\[{].*|\S*[_/:@.][a-z]\S*|“.*?”|„.*?“")
"""What programs read, and what is quoted: names of fields, addresses, templates."""
WORD = re.compile(r"[^\W\d_]+")
WRITTEN_BY_PEOPLE = {
    "people.Team": ("name",),
    "people.User": ("username", "first_name", "last_name", "email"),
    "people.Skill": ("name",),
    "people.TimeOff": ("reason",),
    "people.TeamDayOff": ("name",),
    "people.ApiToken": ("name",),
    "crm.Contact": ("name", "email", "company", "tags"),
    "crm.Activity": ("data", "source"),
    "crm.InboundSource": ("name",),
    "crm.InboundForm": ("name",),
    "work.Task": ("title", "description", "notes"),
    "automation.TaskAutomationRule": ("name", "task_title_template", "task_description_template", "condition"),
    "automation.Sequence": ("name", "description", "steps"),
    "automation.Campaign": ("name", "description"),
    "automation.AutomationStep": ("name", "body", "condition"),
    "automation.ScheduledTaskBatch": ("name", "task_template"),
    "automation.Enrolment": ("reason",),
    "jobs.Job": ("error",),
}


class Seen(HTMLParser):
    """The texts that a page shows or has read out, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.language = ""
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang") or ""
        if tag in UNSEEN:
            self._hidden += 1
        self.texts += [text for name in SAID_IN if (text := given.get(name))]
        for name in ("href", "hx-get"):
            if link := given.get(name):
                self.links.append(link)

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not self._hidden:
            self.texts.append(text)


def seen(html: str) -> Seen:
    found = Seen()
    found.feed(html)
    return found


def written() -> set[str]:
    """What people wrote, and what is read from elsewhere: it is shown as it is."""

    def texts(value: object) -> Iterator[str]:
        if isinstance(value, str):
            yield " ".join(value.split())
        elif isinstance(value, dict):
            for one in value.values():
                yield from texts(one)
        elif isinstance(value, list | tuple):
            for one in value:
                yield from texts(one)

    found: set[str] = set()
    for label, fields in WRITTEN_BY_PEOPLE.items():
        model: type[models.Model] = apps.get_model(label)
        for row in model._base_manager.values(*fields):
            for value in row.values():
                found.update(texts(value))
    for user in User.objects.all():
        found.add(user.display_name)
    return {text for text in found if text}


def english(text: str, data: list[str]) -> list[str]:
    """The English words of a text once what people wrote is taken out of it."""
    text = CODE.sub(" ", text)
    for one in data:
        text = text.replace(one, " ")
    return [word for word in WORD.findall(text) if word.lower() in ENGLISH and not word.isupper()]


@pytest.fixture
def reader(db: None) -> User:
    """A manager of the demo team to whom something has happened on each of its pages."""
    manager = builders.make_manager(username="admin", team=Team.objects.default(), is_superuser=False)
    demo.fill(now=datetime.now(UTC), manager=manager)
    a_report(manager)
    a_sequence(manager)
    builders.make_campaign(manager, {"delay_days": 1}, {"message_type": "wait", "delay_days": 2})
    builders.make_job(manager, state=Job.DEAD, error="ValueError: no such user")
    builders.make_token(manager)
    assert Sequence.objects.exists()
    assert Campaign.objects.exists()
    return manager


def pages(browser: Client, start: str = "/") -> Iterator[tuple[str, Seen]]:
    """Every page that is linked from another, some of each kind."""
    waiting, known, counts = [start], {start}, dict[str, int]()
    while waiting:
        path = waiting.pop(0)
        response = browser.get(path)
        if response.status_code != 200 or "text/html" not in response.headers.get("Content-Type", ""):
            continue
        found = seen(response.content.decode())
        yield path, found
        for link in found.links:
            target, _ = urldefrag(urljoin(f"http://testserver{path}", link))
            parts = urlsplit(target)
            address = parts.path + (f"?{parts.query}" if parts.query else "")
            if parts.netloc != "testserver" or address in known or NOT_WALKED.search(parts.path):
                continue
            try:
                name = resolve(parts.path).view_name
            except Resolver404:
                continue
            if counts.get(name, 0) < OF_EACH_PAGE:
                counts[name] = counts.get(name, 0) + 1
                known.add(address)
                waiting.append(address)


def left_in_english(browser: Client) -> dict[str, list[str]]:
    """By page its texts that are not German: those with English words, and those alike in both languages."""
    browser.cookies["django_language"] = "de"
    alike = {text.one for text, answers in translations.read().items() if text.one in answers}
    data = sorted((text for text in written() if len(text) > 1), key=len, reverse=True)
    known = set(data) | alike
    found: dict[str, list[str]] = {}
    for path, page in pages(browser):
        if lines := [text for text in dict.fromkeys(page.texts) if text not in known and english(text, data)]:
            found[path] = lines
    return found


def test_nothing_is_left_in_english(reader: User, browser_of: Callable[[User], Client]) -> None:
    found = left_in_english(browser_of(reader))
    assert found == {}


def test_numbers_are_written_as_the_language_writes_them() -> None:
    with override("de"):
        told = [
            face.figure(1234.56),
            face.compact(6.5),
            face.compact(8),
            face.hours(1200),
            face.took(timedelta(0, 2.5)),
        ]
        assert told == ["1.234,6", "6,5", "8", "1.200 h", "2,5 s"]
        assert speech.said("Ana took it.") == "Ana hat sie übernommen."
        assert speech.said("Overdue: Call and finish the task") == "Überfällig: Call and finish the task"
    assert face.figure(1234.56) == "1,234.6"
    assert speech.said("Ana took it.") == "Ana took it."
