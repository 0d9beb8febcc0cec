"""All thirteen providers through the real address: once, twice, shuffled, at once, wrongly signed, half broken."""

import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client

from api import limits
from crm import providers
from crm.models import Activity, ActivityConflict, Contact, InboundSource
from crm.providers import fetching
from tests import builders
from tests.crm import senders
from tests.crm.senders import Mail, Post, Said, Sender

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOW = datetime(2026, 6, 17, 10, 30, tzinfo=UTC)
EVENTS = [
    Said("delivered", number=1, at=1_781_690_400),
    Said("opened", number=2, at=1_781_690_500),
    Said("clicked", number=3, at=1_781_690_520),
    Said("clicked", number=4, at=1_781_690_560, url="https://example.org/price"),
    Said("clicked", number=5, at=1_781_690_560, url="https://example.org/price", email="bob@example.com"),
    Said("bounced", number=6, at=1_781_690_600, email="bob@example.com"),
]
KINDS = ["email_delivered", "email_opened", *["email_clicked"] * 3, "email_bounced"]
MANDRILL_KINDS = ["email_sent", *KINDS[1:]]

by_name = {sender.name: sender for sender in senders.SENDERS}
every = pytest.mark.parametrize("sender", senders.SENDERS, ids=lambda sender: sender.name)
with_inbound = pytest.mark.parametrize(
    "sender", [sender for sender in senders.SENDERS if sender.inbound], ids=lambda sender: sender.name
)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    limits.reset()
    with time_machine.travel(NOW, tick=True):
        yield
    limits.reset()


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of the outside; the answers are those of Mailtrap and Resend about the one mail there is."""
    urls: list[str] = []

    def get(url: str, **kwargs: Any) -> bytes:
        urls.append(url)
        mail = asked_for[0]
        if "resend" in url:
            found = {"from": f"Ann Lee <{mail.sender}>", "subject": mail.subject, "text": mail.text}
            return json.dumps(found | {"message_id": mail.message_id, "headers": dict(mail.all_headers)}).encode()
        if url.endswith("/raw"):
            return mail.mime.encode()
        return json.dumps({"id": "mt-in-1", "raw_message_url": "https://storage.example/raw"}).encode()

    monkeypatch.setattr(fetching, "get", get)
    return urls


asked_for = [Mail()]


def make_source(sender: Sender, *, keys: bool = True, **fields: Any) -> InboundSource:
    return builders.make_source(provider=sender.name, keys=sender.keys() if keys else {}, **fields)


def send(source: InboundSource, post: Post, *, right: bool = True, signed_at: datetime | None = None) -> Any:
    suffix = "/inbound" if post in inbound_posts else ""
    path = f"/hooks/mail/{source.provider}/{source.secret}{suffix}"
    signed = by_name[source.provider].sign(post, f"http://testserver{path}", signed_at or NOW, right)
    signed = signed if source.keys else post
    client = Client(raise_request_exception=False)
    return client.generic("POST", path, signed.body, content_type=signed.content_type, headers=signed.headers)


inbound_posts: list[Post] = []


def inbound(sender: Sender, mail: Mail) -> Post:
    assert sender.inbound is not None
    asked_for[0] = mail
    post = sender.inbound(mail)
    inbound_posts.append(post)
    return post


def kinds() -> list[str]:
    return list(Activity.objects.order_by("occurred_at", "activity_type", "pk").values_list("activity_type", flat=True))


@every
@pytest.mark.parametrize("keys", [True, False], ids=["signed", "unsigned"])
def test_once_then_twice_then_shuffled(sender: Sender, keys: bool) -> None:
    source = make_source(sender, keys=keys, creates_contacts=True)
    for post in sender.tracking(EVENTS):
        answer = send(source, post)
        assert answer.status_code == 202, answer.content
        assert answer.json()["rejected"] == [], answer.content
    assert sorted(kinds()) == sorted(MANDRILL_KINDS if sender.name == "mandrill" else KINDS)
    assert {contact.email for contact in Contact.objects.all()} == {"ann@example.com", "bob@example.com"}
    before = list(Activity.objects.order_by("pk").values())
    for seed in range(3):
        again = random.Random(seed).sample(EVENTS, len(EVENTS))
        answers = [send(source, post).json() for post in sender.tracking(again)]
        assert sum(answer["accepted"] for answer in answers) == 0
        assert sum(answer["duplicates"] for answer in answers) == len(EVENTS)
    assert list(Activity.objects.order_by("pk").values()) == before
    assert not ActivityConflict.objects.exists()


@every
def test_shuffled_the_ledger_is_the_same(sender: Sender) -> None:
    told = []
    for seed in range(2):
        source = make_source(sender, creates_contacts=True)
        for post in sender.tracking(random.Random(seed).sample(EVENTS, len(EVENTS))):
            assert send(source, post).status_code == 202
        rows = Activity.objects.filter(team=source.team).order_by("source_key")
        told.append([(row.source_key, row.activity_type, row.occurred_at, row.contact.email) for row in rows])
    assert told[0] == told[1]
    assert len(told[0]) == len(EVENTS)


@every
def test_what_it_says_is_kept(sender: Sender) -> None:
    source = make_source(sender)
    for post in sender.tracking(EVENTS[:3] + EVENTS[5:]):
        assert send(source, post).status_code == 202
    click = Activity.objects.get(activity_type="email_clicked")
    assert click.data["url"] == "https://example.org/offer"
    assert click.data["recipient"] == "ann@example.com"
    assert click.data["message_id"]
    assert click.contact is None, "nobody is made of an address unless the source says so"
    assert abs((click.occurred_at - datetime.fromtimestamp(1_781_690_520, UTC)).total_seconds()) < 1 or (
        sender.name == "amazon_ses"
    )
    bounce = Activity.objects.get(activity_type="email_bounced")
    assert bounce.data["permanent"] is True
    if sender.name not in ("brevo", "mailersend"):  # these do not say which program it was
        assert BROWSER_SAYS in click.data["user_agent"]


BROWSER_SAYS = "Chrome/126.0"


@every
def test_a_wrong_signature_is_refused(sender: Sender) -> None:
    source = make_source(sender)
    for post in sender.tracking(EVENTS[:1]):
        answer = send(source, post, right=False)
        assert answer.status_code == 400, answer.content
        assert "Error" not in answer.json()["detail"]
        unsigned = Client(raise_request_exception=False).generic(
            "POST",
            f"/hooks/mail/{source.provider}/{source.secret}",
            post.body,
            content_type=post.content_type,
            headers=post.headers,
        )
        assert unsigned.status_code == 400, unsigned.content
    assert not Activity.objects.exists()


@pytest.mark.parametrize("sender", [s for s in senders.SENDERS if not s.replayable], ids=lambda sender: sender.name)
def test_a_request_signed_long_ago_is_refused(sender: Sender) -> None:
    source = make_source(sender)
    [post, *_] = sender.tracking(EVENTS[:1])
    for at in (NOW - timedelta(hours=26), NOW + timedelta(hours=1)):
        assert send(source, post, signed_at=at).status_code == 400
    assert not Activity.objects.exists()
    assert send(source, post).status_code == 202


@every
def test_one_broken_event_stops_no_other(sender: Sender) -> None:
    source = make_source(sender)
    told = [EVENTS[1], Said("opened", broken=True, number=99), EVENTS[2]]
    answers = [send(source, post) for post in sender.tracking(told)]
    assert kinds() == ["email_opened", "email_clicked"] or (sender.name == "amazon_ses" and len(kinds()) == 2)
    assert all(answer.status_code in (202, 400) for answer in answers)
    refused = [one for answer in answers if answer.status_code == 202 for one in answer.json()["rejected"]]
    assert len(refused) + sum(answer.status_code == 400 for answer in answers) == 1
    if len(answers) == 1:
        assert refused[0]["index"] == 1


@every
@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]x", b"\xff", b"7", b'"x"', b"[" * 3000, b'{"a": NaN}'])
def test_nonsense_is_refused(sender: Sender, body: bytes) -> None:
    source = make_source(sender, keys=False)
    for suffix in ("", "/inbound"):
        answer = Client(raise_request_exception=False).generic(
            "POST", f"/hooks/mail/{sender.name}/{source.secret}{suffix}", body, content_type="application/json"
        )
        assert answer.status_code in (400, 202), answer.content
        if answer.status_code == 202:
            assert answer.json()["accepted"] == 0
    assert not Activity.objects.exists()


@every
def test_an_unknown_address_says_so(sender: Sender) -> None:
    source = make_source(sender)
    other = "mailgun" if sender.name != "mailgun" else "brevo"
    for path in (f"{sender.name}/{'0' * 64}", f"{other}/{source.secret}", f"nobody/{source.secret}"):
        for suffix in ("", "/inbound"):
            assert (
                Client().post(f"/hooks/mail/{path}{suffix}", b"{}", content_type="application/json").status_code == 404
            )
    assert Client().head(f"/hooks/mail/{sender.name}/{source.secret}").status_code == 200
    assert Client().get(f"/hooks/mail/{sender.name}/{'0' * 64}").status_code == 404


@with_inbound
def test_a_reply_is_recorded_once(sender: Sender) -> None:
    source = make_source(sender, creates_contacts=True)
    post = inbound(sender, Mail())
    for accepted, duplicates in ((1, 0), (0, 1), (0, 1)):
        answer = send(source, post)
        assert answer.status_code == 202, answer.content
        assert (answer.json()["accepted"], answer.json()["duplicates"]) == (accepted, duplicates), answer.content
    reply = Activity.objects.get()
    assert reply.activity_type == Activity.EMAIL_REPLIED
    assert reply.contact.email == "ann@example.com"
    assert reply.contact.name == "Ann Lee"
    assert reply.data["subject"] == "Re: Our offer"
    assert reply.data["excerpt"] == "Yes, please call me."
    assert reply.data["in_reply_to"] == "<m-1@example.org>"
    assert reply.data["references"] == ["<m-0@example.org>", "<m-1@example.org>"]
    written = datetime(2026, 6, 17, 9, 58, tzinfo=UTC)
    assert reply.occurred_at == (NOW if sender.name == "mailgun" else written), "Mailgun says when it took the mail"
    assert not ActivityConflict.objects.exists()


@with_inbound
def test_an_automatic_reply_is_told_apart_and_names_its_end(sender: Sender) -> None:
    source = make_source(sender, creates_contacts=True)
    away = Mail(
        subject="Automatic reply: Our offer",
        text="I am out of the office until 29 June 2026.\nBest wishes, Ann " + "x" * 3000,
        headers=(("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")),
    )
    assert send(source, inbound(sender, away)).status_code == 202
    reply = Activity.objects.get()
    assert reply.activity_type == Activity.EMAIL_AUTO_REPLIED
    assert datetime.fromisoformat(reply.data["until"]) == datetime(2026, 6, 29, tzinfo=UTC)
    assert reply.data["automatic"] == "auto-submitted"
    assert reply.data["headers"]["auto-submitted"] == "auto-replied"
    assert len(reply.data["excerpt"]) == 2000
    assert not Contact.objects.exists(), "a machine does not become a contact"


@with_inbound
def test_inbound_mail_is_proven_too(sender: Sender) -> None:
    source = make_source(sender)
    assert send(source, inbound(sender, Mail()), right=False).status_code == 400
    assert not Activity.objects.exists()


@with_inbound
def test_the_two_addresses_are_not_mixed_up(sender: Sender) -> None:
    source = make_source(sender, keys=False)
    [tracked, *_] = sender.tracking(EVENTS[1:2])
    path = f"/hooks/mail/{sender.name}/{source.secret}/inbound"
    answer = Client(raise_request_exception=False).generic(
        "POST", path, tracked.body, content_type=tracked.content_type, headers=tracked.headers
    )
    assert answer.status_code in (400, 503) or sender.name == "mandrill", "Mandrill has one address for both"
    assert sender.name == "mandrill" or not Activity.objects.exists()


@every
@pytest.mark.django_db(transaction=True)
def test_at_once_it_is_stored_once(sender: Sender) -> None:
    source = make_source(sender, creates_contacts=True)
    asked_at = threading.Barrier(4)
    failures: list[Any] = []

    def tell(seed: int) -> None:
        try:
            asked_at.wait(timeout=30)
            for post in sender.tracking(random.Random(seed).sample(EVENTS, len(EVENTS))):
                answer = send(source, post)
                if answer.status_code != 202 or answer.json()["rejected"]:
                    failures.append(answer.content)
        finally:
            connection.close()

    threads = [threading.Thread(target=tell, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert Activity.objects.count() == len(EVENTS)
    assert Contact.objects.count() == 2
    assert not ActivityConflict.objects.exists()


def test_every_provider_of_the_library_is_there() -> None:
    assert sorted(by_name) == sorted(providers.PROVIDERS)
    assert len(providers.PROVIDERS) == 13
    assert sorted(name for name, one in providers.PROVIDERS.items() if one.inbound is None) == ["unisender_go"]
