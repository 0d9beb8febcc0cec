"""What is left in English on the pages of somebody who reads German: nothing but what people wrote themselves."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.apps import apps
from django.db import models
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils.translation import override
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from automation.models import Campaign, Sequence
from automation.programmes import steps
from config import demo
from jobs.models import Job
from people import speech
from people.models import Skill, Team, User
from tests import builders, translations
from tests.browser.test_face import a_report, a_sequence
from web import sparkline, step_lines
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


A_WORD_OR_TWO = 20


def english(text: str, data: list[str]) -> list[str]:
    """The English words of a text once what people wrote is taken out of it."""
    cut = text.removesuffix("…")
    if len(text) > len(cut) > A_WORD_OR_TWO and any(one.startswith(cut) for one in data):
        return []  # a long title, cut short
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
        assert told == ["1.234,6", "6,5", "8", "1.200\xa0h", "2,5\xa0s"]
        assert face.hours(2.5) == "2\xa0h 30\xa0min"
        assert (face.percent(80), speech.said("12.5 %"), speech.said("1.5 h")) == ("80\xa0%", "12,5\xa0%", "1,5\xa0h")
        assert speech.said("Ana took it.") == "Ana hat sie übernommen."
        assert speech.said("Overdue: Call and finish the task") == "Überfällig: Call and finish the task"
    assert face.figure(1234.56) == "1,234.6"
    assert (face.hours(2.5), face.percent(80), speech.said("1.5 h")) == ("2 h 30 min", "80%", "1.5 h")
    assert speech.said("Ana took it.") == "Ana took it."


ADVENT = datetime(2026, 11, 29, 14, 5, tzinfo=UTC)


def test_shares_are_said_with_their_sentence() -> None:
    sooner = "Answers come sooner at this hour: 50% of the time within 4 h, against 25% at the rule's."
    with override("de"):
        assert speech.said(sooner).startswith("Zu dieser Stunde kommen Antworten früher: in 50\N{NO-BREAK SPACE}% der")
        assert speech.said(f"{sooner} That is known by 60 attempts with this contact.").endswith("bekannt.")


def test_dates_have_the_points_of_the_language() -> None:
    forms = ("j M", "j M Y", "D j M", "D j N, H:i", "l j F Y", "l j M", "j", "H:i", "Y-m-d")
    assert [speech.dated(ADVENT, form) for form in forms] == [
        "29 Nov",
        "29 Nov 2026",
        "Sun 29 Nov",
        "Sun 29 Nov., 14:05",
        "Sunday 29 November 2026",
        "Sunday 29 Nov",
        "29",
        "14:05",
        "2026-11-29",
    ]
    with override("de"):
        assert [speech.dated(ADVENT, form) for form in forms] == [
            "29. Nov.",
            "29. Nov. 2026",
            "So, 29. Nov.",
            "So, 29. Nov., 14:05",
            "Sonntag, 29. November 2026",
            "Sonntag, 29. Nov.",
            "29.",
            "14:05",
            "2026-11-29",
        ]
        assert face.moment(ADVENT) == "29. Nov. 2026, 14:05 UTC"
        trend = [{"on": "2026-11-29", "performance_score": 80.5}, {"on": "2026-11-30", "performance_score": 82}]
        drawn = sparkline.of(trend, until=date(2026, 11, 30))
        assert drawn is not None
        assert "80,5 am 29. Nov." in drawn.words
        assert speech.said("Daily report of Northbeam, Mon 30 Nov") == "Täglicher Bericht von Northbeam, Mo, 30. Nov."


def test_a_months_point_ends_the_sentence_too() -> None:
    with override("de"):
        told = speech.said("Ana lacks 2.5 h before Mon 30 Nov.")
    assert told == "Ana fehlen 2,5\xa0h vor Mo, 30. Nov."


def test_no_page_writes_a_day_by_itself() -> None:
    """All days go through `dated`, which has the points of the language."""
    own = re.compile(r"""\|date:["'](?:[Dl] )?j|format_date\(|date_format\(|%-?d %b""")
    places = [path for path in (translations.ROOT / "web").rglob("*") if path.suffix in (".html", ".py", ".txt")]
    assert len(places) > 100
    assert [path.name for path in places if own.search(path.read_text())] == []


NAMES = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyzäöü", min_size=2, max_size=8).map(str.title), min_size=1, max_size=3
).map(" ".join)
STORED = [
    (text.one, answers[0]) for text, answers in translations.read().items() if text.context == translations.CONTEXT
]
ALIKE = {"This address is too long: write one of at most {LONGEST_URL:,} letters.", "in {days} {noun}"}
"""Sentences that another stored one says too, with the same meaning."""


def filled(sentence: str, value: str, at: datetime) -> str:
    """A stored sentence as it comes out."""
    return speech._FIELD.sub(
        lambda field: at.strftime(field[2]) if "%" in (field[2] or "") else "12" if field[2] else value, sentence
    )


def read_as(text: str) -> list[str]:
    """What it is taken for: the pattern of the first sentence that it is one of."""
    found = (one for longest, one in speech._templates("de") if longest in text and one.pattern.fullmatch(text))
    return [one.pattern.pattern for one in found][:1]


@given(data=st.data())
@hypothesis_settings(max_examples=10)
def test_no_stored_sentence_is_read_as_another(data: st.DataObject) -> None:
    name, number = data.draw(NAMES), str(data.draw(st.integers(0, 9999)))
    at = datetime(2026, 11, 30, 14, 5, tzinfo=UTC) + timedelta(hours=data.draw(st.integers(0, 9000)))
    known = {one.pattern.pattern for _, one in speech._templates("de")}
    misread = []
    for sentence, answer in STORED:
        pattern = speech._template(sentence, answer).pattern.pattern
        if pattern not in known or sentence in ALIKE:
            continue
        for value in (name, number):
            text = filled(sentence, value, at)
            if read_as(text) != [pattern]:
                misread.append((sentence, text))
    assert misread == []


@pytest.mark.parametrize(
    "text",
    [
        "The price is not what they hoped for, and Bob will call again.",
        "I called them and it is not clear who owns this.",
        "This task waits for the contract, for the offer and for Ana.",
        "Nobody knows the answer: ask them and try again.",
        "He was late, for the second time, and is at lunch now",
    ],
)
def test_what_is_not_known_is_left_whole_instead_of_half_translated(text: str) -> None:
    with override("de"):
        assert speech.said(text) == text


def test_what_people_named_is_not_translated(reader: User, browser_of: Callable[[User], Client]) -> None:
    """A skill may have the name of a language, which the framework knows in others."""
    Skill.objects.get_or_create(team=reader.team, name="Spanish")
    assert ">Spanish<" in browser_of(reader).get("/automations/task-scheduling/new").text


def test_how_long_after_is_said_in_the_right_case() -> None:
    with override("de"):
        assert step_lines.when(steps.read(builders.step(72, key="s1")), first=True) == "3 Tage nach der Aufnahme"
