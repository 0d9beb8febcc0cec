"""What is sent speaks its reader's language, and the next reader's again in the next message."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import translation

from automation import reporting
from jobs import runner
from notifications import messages, outbox, routing
from notifications.models import Address, Delivery, Notification, Preference
from people.models import User
from tests import builders
from tests.notifications.conftest import MailServer, Services
from tests.notifications.test_mail import part

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
NOON = datetime(2026, 6, 17, 12, tzinfo=UTC)


@pytest.fixture
def team() -> Any:
    return builders.make_team(name="Northbeam", timezone="Europe/Berlin")


@pytest.fixture
def ada(team: Any) -> User:
    return builders.make_manager(team=team, email="ada@example.org", first_name="Ada", language="de")


@pytest.fixture
def bob(team: Any) -> User:
    return builders.make_manager(team=team, email="bob@example.org", first_name="Bob")


def work(at: datetime) -> None:
    with time_machine.travel(at, tick=False):
        runner.run_due()


def by_mail(person: User, kind: str) -> None:
    Preference.objects.create(user=person, kind=kind, channel="email", wanted=True)


def letters(server: MailServer) -> dict[str, Any]:
    return {letter["To"]: letter for letter in server.letters}


def test_each_letter_is_in_its_readers_language(ada: User, bob: User, mail_server: MailServer) -> None:
    for person in (ada, bob):
        by_mail(person, Notification.ASSIGNED)
        task = builders.make_task(person, title="Call Bo", due_date=NOON + timedelta(hours=4))
        outbox.tell(
            person,
            kind=Notification.ASSIGNED,
            key=f"a:{person.pk}",
            title="New task: Call Bo",
            body="Bob owns the contact.",
            task=task,
            path=f"/tasks/{task.pk}",
            now=NOON,
        )
    work(NOON + timedelta(minutes=1))
    found = letters(mail_server)
    german, english = found["ada@example.org"], found["bob@example.org"]
    assert (german["Subject"], english["Subject"]) == ("Neue Aufgabe: Call Bo", "New task: Call Bo")
    assert '<html lang="de">' in part(german, "html")
    assert '<html lang="en">' in part(english, "html")
    for kind in ("plain", "html"):
        told = part(german, kind)
        assert "Fällig: Mi, 17. Juni, 18:00" in told
        assert "Bob betreut den Kontakt." in told
        assert "Nextmove" in told
        for words in ("Due", "Open it", "Mark it done", "sent this", "No more of these", "owns"):
            assert words not in told
        assert "Due: Wed 17 June, 18:00" in part(english, kind)
    assert translation.get_language() == "en"


def test_a_burst_and_its_rest_are_counted_in_their_readers_language(ada: User, mail_server: MailServer) -> None:
    by_mail(ada, Notification.ASSIGNED)
    for number in range(3):
        task = builders.make_task(ada, title=f"Call {number}")
        outbox.tell(
            ada, kind=Notification.ASSIGNED, key=f"a:{number}", title=f"New task: Call {number}", task=task, now=NOON
        )
    work(NOON + timedelta(minutes=1))
    (letter,) = mail_server.letters
    assert letter["Subject"] == "3 Aufgaben wurden Ihnen zugewiesen"
    assert "Neue Aufgabe: Call 2" in part(letter, "plain")


def test_a_message_to_a_phone_is_in_its_readers_language(ada: User, bob: User) -> None:
    told = []
    for person in (ada, bob):
        address = Address(user=person, channel="sms", service="phone", confirmed_at=NOON)
        notice = builders.make_notification(
            person, kind=Notification.OVERDUE, title="Overdue: “Call” Bo", body="It was due 2.5 hours ago."
        )
        row = routing.delivery_of(notice, "sms", due_at=NOON, now=NOON)
        routing.write([row], now=NOON)
        told.append(messages.of(Delivery.objects.get(pk=row.pk), address))
    assert [one.title for one in told] == ["Überfällig: “Call” Bo", "Overdue: “Call” Bo"]
    assert messages.sms(messages.Message("id", "test", "„Muster“: 1,5\u00a0h", "", "")) == '"Muster": 1,5 h'
    assert translation.get_language() == "en"


def test_chat_says_it_in_its_readers_language(ada: User, services: Services) -> None:
    builders.make_address(ada, service="teams", url=f"{services.url}/flow")
    Preference.objects.create(user=ada, kind=Notification.OVERDUE, channel="chat", wanted=True)
    outbox.tell(ada, kind=Notification.OVERDUE, key="o", title="Overdue: Call Bo", path="/tasks/7", now=NOON)
    work(NOON + timedelta(minutes=1))
    (asked,) = services.asked
    card = asked.json["attachments"][0]["content"]
    assert card["actions"][0]["title"] == "Öffnen"
    assert card["body"][0]["inlines"][0]["text"] == "Überfällig: Call Bo"


def test_the_report_comes_to_each_lead_in_their_language(ada: User, bob: User, mail_server: MailServer) -> None:
    builders.make_task(bob, title="Nothing", due_date=NOON - timedelta(days=1), estimated_hours=1.5)
    reporting.make(ada.team, now=NOON)
    work(NOON + timedelta(minutes=1))
    found = letters(mail_server)
    german, english = found["ada@example.org"], found["bob@example.org"]
    assert german["Subject"] == "Täglicher Bericht von Northbeam, Mi, 17. Juni"
    assert english["Subject"] == "Daily report of Northbeam, Wed 17 Jun"
    assert '<html lang="de"' in part(german, "html")
    for kind in ("plain", "html"):
        for words in ("Open ", "Overdue", "Yesterday", "Performance", "Nobody", "nobody", "waits", " of ", "due "):
            assert words not in part(german, kind), words
        assert "Nothing" in part(german, kind), "what people wrote stays"
        assert "Überfällig" in part(german, kind)
        assert "Overdue" in part(english, kind)


def test_the_link_for_a_new_password_is_in_the_language_of_whose_it_is(ada: User, bob: User, settings: Any) -> None:
    settings.MAILS = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    from django.core import mail

    page = Client(headers={"Accept-Language": "en"})
    page.post("/accounts/password/reset/", {"email": "ada@example.org"})
    page = Client(headers={"Accept-Language": "de"})
    answer = page.post("/accounts/password/reset/", {"email": "bob@example.org"}, follow=True)
    assert [one.subject for one in mail.outbox] == ["Ein neues Passwort für Nextmove", "A new password for Nextmove"]
    assert "somebody asked" not in mail.outbox[0].body
    assert '<html lang="de"' in answer.content.decode()
