"""People's replies and machines': what gives a machine away, and the day it says it is back."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crm import replies, returning

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
"""A Wednesday."""
FIRST, LAST = datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2030-01-01")


def read(*headers: tuple[str, str], **more: str | None) -> replies.Reply:
    said = {"sender": "ann@example.com", "subject": "Re: Our offer", "text": "Yes."} | more
    return replies.read(headers, received_at=NOW, zone=BERLIN, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "header",
    [
        ("Auto-Submitted", "auto-replied"),
        ("auto-submitted", "auto-generated; owner-email=ann@example.com"),
        ("AUTO-SUBMITTED", "Auto-Notified"),
        ("Auto-Submitted", "(away) auto-replied (vacation (of Ann))"),
        ("X-Auto-Response-Suppress", "All"),
        ("X-Auto-Response-Suppress", "DR, OOF, AutoReply"),
        ("X-Autoreply", "yes"),
        ("X-Autorespond", ""),
        ("X-Auto-Reply-From", "ann@example.com"),
        ("Precedence", "bulk"),
        ("Precedence", "auto_reply"),
        ("Precedence", "junk"),
        ("Precedence", "List"),
        ("Precedence", "bulk (newsletter)"),
        ("X-Failed-Recipients", "bob@example.com"),
        ("List-Id", "News <news.example.com>"),
        ("Return-Path", "<>"),
        ("Return-Path", "< >"),
        ("X-MS-Exchange-Inbox-Rules-Loop", "ann@example.com"),
        ("Content-Type", 'multipart/report; report-type="delivery-status"'),
    ],
)
def test_a_machines_headers(header: tuple[str, str]) -> None:
    found = read(header)
    assert found.automatic
    assert found.reason


@pytest.mark.parametrize(
    "said",
    [
        {"sender": "MAILER-DAEMON@mx.example.com"},
        {"sender": "postmaster@example.com"},
        {"sender": "no-reply@example.com"},
        {"sender": "no-reply+17@example.com"},
        {"return_path": ""},
        {"return_path": "<>"},
        {"subject": "Automatic reply: Our offer"},
        {"subject": "Out of Office: Our offer"},
        {"subject": "Automatische Antwort: Angebot"},
        {"subject": "Abwesenheitsnotiz"},
    ],
)
def test_a_machines_sender_or_subject(said: dict[str, str]) -> None:
    assert read(**said).automatic


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Auto-Submitted", "no"),),
        (("Auto-Submitted", "No; (a person)"),),
        (("Auto-Submitted", "no (a person)"),),
        (("Auto-Submitted", "(a (very) real person) no"),),
        (("X-Auto-Response-Suppress", "None"),),
        (("Precedence", "first-class"),),
        (("Return-Path", "<ann@example.com>"),),
        (("X-Autoreply", "no"),),
    ],
)
def test_a_persons_reply(headers: tuple[tuple[str, str], ...]) -> None:
    assert read(*headers, return_path="ann@example.com") == replies.Reply(automatic=False)
    assert not read(*headers, subject="Re: Automatic reply: Our offer").automatic
    assert not read(*headers, subject="AW: Abwesenheitsnotiz").automatic


def test_only_an_automatic_reply_has_an_end() -> None:
    assert read(text="I am back on 12 March 2026, call me then.").until is None
    assert read(("Auto-Submitted", "auto-replied"), subject="Out until 12 March").until == berlin(2026, 3, 12)


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I am out until 2026-03-12.", (3, 12)),
        ("I'll be back on 12 March 2026.", (3, 12)),
        ("I will return on the 12th of March", (3, 12)),
        ("Returning March 12", (3, 12)),
        ("back in the office on Thursday, March 12th, 2026", (3, 12)),
        ("Ich bin bis 12.03.2026 nicht da.", (3, 12)),
        ("Ich bin bis zum 12.3. nicht im Büro", (3, 12)),
        ("away until Monday", (3, 9)),
        ("until Wednesday", (3, 11)),
        ("Ich bin ab Montag, den 16.03. wieder da", (3, 16)),
        ("Am 12. März bin ich wieder im Büro", (3, 12)),
        ("I am away from 3 March to 12 March", (3, 13)),
        ("out of office 3\u201312 March", (3, 13)),
        ("away through March 12th, 2026", (3, 13)),
        ("bis einschließlich Freitag, 13.03.2026", (3, 14)),
        ("until Friday 13 March (inclusive)", (3, 14)),
        ("away until Friday, back on Monday", (3, 9)),
        ("back tomorrow", (3, 5)),
        ("I will return next week", (3, 9)),
        ("I am out of office\nand will be back\nMonday, 16 March 2026.", (3, 16)),
        ("Back on 13/03/2026", (3, 13)),
        ("Back on 03/13/2026", (3, 13)),
    ],
)
def test_the_day_it_names(text: str, day: tuple[int, int]) -> None:
    assert returning.find(text, received_at=NOW, zone=BERLIN) == berlin(2026, *day)


@pytest.mark.parametrize(
    "text",
    [
        "until further notice",
        "I am away.",
        "Our office moved on 12 March 2026.",
        "back on 3 March 2026",
        "back on 3 March",
        "until 31.02.2026",
        "back on 04/05/2026",
        "back on 12 March 2031",
        "On Thu, 12 March 2026, Bob wrote:\n> I am back on 20 March",
        "Am 12. März 2026 schrieb Bob:\n> ich bin ab dem 20. März wieder da",
        "Thanks\n> until Monday",
    ],
)
def test_no_day_is_made_up(text: str) -> None:
    assert returning.find(text, received_at=NOW, zone=BERLIN) is None


FORMS = [
    "until {d:%Y-%m-%d}",
    "back on {d.day} {d:%B} {d.year}",
    "back on {d:%B} {d.day}, {d.year}",
    "bis {d:%d.%m.%Y}",
    "ab {d.day}. {d:%B} {d.year} wieder erreichbar",
]


@given(
    ahead=st.integers(-400, 800),
    received=st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    form=st.sampled_from(FORMS),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"]),
)
def test_any_day_within_a_year_is_found_and_no_other(ahead: int, received: datetime, form: str, zone: str) -> None:
    place = ZoneInfo(zone)
    today = received.astimezone(place).date()
    day = today + timedelta(days=ahead)
    found = returning.find("I am away " + form.format(d=day), received_at=received, zone=place)
    if 0 < ahead <= 366:
        assert found is not None
        assert found.astimezone(place).date() == day
        assert found > received
    else:
        assert found is None


@given(text=st.text(max_size=300), received=st.datetimes(FIRST, LAST))
def test_whatever_is_written_it_answers(text: str, received: datetime) -> None:
    found = returning.find(text, received_at=received.replace(tzinfo=UTC), zone=BERLIN)
    assert found is None or found.tzinfo is not None


@given(
    day=st.dates(date(2026, 3, 5), date(2026, 8, 31)),
    noise=st.sampled_from(["", "Hello,\n\n", "Dear sender,\nthank you for your mail.\n\n"]),
)
def test_quoted_words_do_not_count(day: date, noise: str) -> None:
    assume(day > NOW.date())
    quoted = f"{noise}On {day:%d %B %Y}, you wrote:\n> I am back on {day:%d %B %Y}"
    assert returning.find(quoted, received_at=NOW, zone=BERLIN) is None


@given(
    name=st.sampled_from(["Auto-Submitted", "auto-submitted", "AUTO-SUBMITTED", "Auto-submitted "]),
    value=st.sampled_from(["auto-replied", "auto-generated", "Auto-Replied; x=y", "no", "NO", " no ; x"]),
    others=st.lists(st.sampled_from([("Subject", "Hi"), ("X-Mailer", "Mail"), ("To", "a@b.example")]), max_size=4),
)
def test_auto_submitted_decides_wherever_it_stands(name: str, value: str, others: list[tuple[str, str]]) -> None:
    found = read(*others, (name, value))
    assert found.automatic is (not value.strip().lower().startswith("no"))
