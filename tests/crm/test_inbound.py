"""What is nobody's waits for a person, conflicts are shown with both versions, managers set sources up."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from automation import engine
from automation.models import Firing
from crm import consent, intake, unmatched
from crm.models import Activity, ActivityConflict, ContactIdentity, InboundSource
from people.models import User
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def manager() -> User:
    return builders.make_manager()


class Api:
    def __init__(self, user: User) -> None:
        self.client = Client(headers={"authorization": f"Bearer {builders.make_token(user)}"})

    def __call__(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.client.generic(
            method, path, json.dumps(body) if body is not None else "", content_type="application/json"
        )
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None


def clicked(user: User, key: str, *, at: datetime | None = None, email: str = "ann@example.com") -> Activity:
    at = at or timezone.now() - timedelta(minutes=1)
    item = intake.Incoming(
        "email_clicked",
        contact_email=email,
        occurred_at=at,
        source="brevo",
        source_key=key,
        data={"recipient": email, "url": "https://example.org"},
    )
    [pk] = intake.record(user.team, [item], now=at, unmatched=True).accepted
    return Activity.objects.get(pk=pk)


def test_what_is_nobodys_starts_no_rule_until_it_is_attached(manager: User) -> None:
    rule = builders.make_rule(manager, scope="team")
    first, second = clicked(manager, "1"), clicked(manager, "2")
    stranger = clicked(manager, "3", email="bob@example.com")
    engine.drain(manager.team_id, now=timezone.now())
    assert not Firing.objects.exists()
    ask = Api(manager)
    listed = ask("GET", "/api/unmatched")["results"]
    assert [(row["id"], row["address"]) for row in listed][1:] == [
        (second.pk, "ann@example.com"),
        (first.pk, "ann@example.com"),
    ]
    contact = builders.make_contact(manager, email="ann@private.example")
    answer = ask("POST", f"/api/unmatched/{first.pk}/attach", {"contact_id": contact.pk})
    assert answer == {
        "contact_id": contact.pk,
        "activity_ids": [first.pk, second.pk],
        "learned": "ann@example.com",
    }
    engine.drain(manager.team_id, now=timezone.now())
    assert Firing.objects.filter(rule=rule, outcome=Firing.FIRED, contact=contact).count() == 1
    assert [row["id"] for row in ask("GET", "/api/unmatched")["results"]] == [stranger.pk]
    assert clicked(manager, "4", email="Ann@Example.com").contact == contact, "the address was learned"
    ask("POST", f"/api/unmatched/{first.pk}/attach", {"contact_id": contact.pk}, status=404)
    ask("POST", f"/api/unmatched/{stranger.pk}/dismiss", {}, status=204)
    assert ask("GET", "/api/unmatched")["results"] == []
    assert Activity.objects.filter(pk=stranger.pk).exists()


def test_attached_late_it_is_recorded_and_starts_nothing(manager: User) -> None:
    builders.make_rule(manager, scope="team")
    old = clicked(manager, "1", at=timezone.now() - timedelta(hours=80))
    contact = builders.make_contact(manager)
    unmatched.attach(old, contact, now=timezone.now())
    engine.drain(manager.team_id, now=timezone.now())
    assert not Firing.objects.filter(outcome=Firing.FIRED).exists()
    old.refresh_from_db()
    assert old.contact == contact
    assert old.processed_at is not None


def test_of_two_who_attach_the_first_wins(manager: User) -> None:
    activity, contact = clicked(manager, "1"), builders.make_contact(manager)
    same = Activity.objects.get(pk=activity.pk)
    unmatched.attach(activity, contact, now=timezone.now())
    with pytest.raises(unmatched.CannotAttach):
        unmatched.attach(same, builders.make_contact(manager), now=timezone.now())
    assert Activity.objects.get().contact == contact
    assert ContactIdentity.objects.get().contact == contact


def test_an_event_of_another_team_is_not_there(manager: User) -> None:
    activity = clicked(manager, "1")
    other, member = builders.make_manager(), builders.make_user(team=manager.team)
    for user in (other, member):
        ask = Api(user)
        assert ask("GET", "/api/unmatched")["results"] == []
        ask("POST", f"/api/unmatched/{activity.pk}/attach", {"contact_id": 1}, status=404)
        ask("POST", f"/api/unmatched/{activity.pk}/dismiss", {}, status=404)
    contact = builders.make_contact(other)
    Api(manager)("POST", f"/api/unmatched/{activity.pk}/attach", {"contact_id": contact.pk}, status=422)


def test_a_conflict_shows_both_and_can_be_dismissed(manager: User) -> None:
    contact = builders.make_contact(manager)
    ask = Api(manager)
    for url in ("a", "b", "b", "a"):
        body = {"contact_id": contact.pk, "activity_type": "email_clicked", "source_key": "k", "data": {"url": url}}
        ask("POST", "/api/activities", body, status=202)
    [shown] = ask("GET", "/api/conflicts")["results"]
    assert (shown["activity"]["data"]["url"], shown["data"]["url"]) == ("a", "b")
    assert Api(builders.make_manager())("GET", "/api/conflicts")["results"] == []
    ask("POST", f"/api/conflicts/{shown['id']}/dismiss", {}, status=204)
    assert ask("GET", "/api/conflicts")["results"] == []
    assert ActivityConflict.objects.count() == 1


def test_imports_are_recorded_and_start_nothing(manager: User) -> None:
    builders.make_rule(manager, scope="team")
    contact, ask = builders.make_contact(manager, phone="+49 170 1234567"), Api(manager)
    body = {"contact_phone": "+49 170 1234567", "activity_type": "email_clicked", "origin": "import"}
    ask("POST", "/api/activities", body, status=202)
    ask("POST", "/api/activities", body | {"origin": "system"}, status=422)
    engine.drain(manager.team_id, now=timezone.now())
    assert contact.activities.get().origin == Activity.IMPORT
    assert not Firing.objects.filter(outcome=Firing.FIRED).exists()


@pytest.mark.parametrize(
    ("kind", "instead"),
    [
        ("status_changed", "PATCH /api/contacts/"),
        (" Status_Changed ", "PATCH /api/contacts/"),
        ("opted_in", "/opt-in"),
        ("contact_merged", "/merge"),
        ("contact_parted", "/unmerge"),
        ("contact_erased", "/erase"),
        ("task_created", "POST /api/tasks"),
        ("task_assigned", "/assign"),
        ("task_completed", "/complete"),
        ("task_status_changed", "/status"),
    ],
)
@pytest.mark.parametrize("origin", ["live", "import"])
def test_what_only_nextmove_records_is_refused_and_says_what_to_do(
    manager: User, kind: str, instead: str, origin: str
) -> None:
    contact, ask = builders.make_contact(manager), Api(manager)
    consent.opt_out(contact, consent.UNSUBSCRIBED, now=timezone.now())
    kept = contact.activities.count()
    body = {"contact_id": contact.pk, "activity_type": kind, "origin": origin, "data": {"lifted": ["unsubscribed"]}}
    [fault] = ask("POST", "/api/activities", body, status=422)["errors"]
    assert (fault["pointer"], fault["code"]) == ("/activity_type", "reserved")
    assert instead in fault["message"]
    [refused] = ask("POST", "/api/activities", [body], status=202)["rejected"]
    assert refused["errors"] == [fault]
    assert contact.activities.count() == kept


@pytest.mark.parametrize(
    "kind",
    [
        *("email_opened", "email_clicked", "email_replied", "email_bounced", "email_auto_replied", "email_sent"),
        *("email_unsubscribed", "email_complained", "do_not_contact", "form_submitted", "call", "meeting", "note"),
        *("meeting_booked", "demo_watched", "task_force_met"),
    ],
)
def test_programs_tell_everything_else_and_types_of_their_own(manager: User, kind: str) -> None:
    body = {"contact_id": builders.make_contact(manager).pk, "activity_type": kind}
    assert Api(manager)("POST", "/api/activities", body, status=202)["accepted"] == 1


def test_managers_set_sources_up(manager: User) -> None:
    ask = Api(manager)
    made = ask("POST", "/api/sources", {"provider": "mailgun", "name": "Main"}, status=201)
    assert made["inbound_url"] == made["tracking_url"] + "/inbound"
    assert "webhook_signing_key" in made["possible_keys"]
    path = f"/api/sources/{made['id']}"
    changed = ask("PATCH", path, {"keys": {"webhook_signing_key": "s3cret"}, "creates_contacts": True})
    assert changed["keys"] == ["webhook_signing_key"]
    assert "s3cret" not in json.dumps(changed)
    assert ask("PATCH", path, {"name": "Other"})["keys"] == ["webhook_signing_key"]
    assert ask("PATCH", path, {"keys": {"webhook_signing_key": None}})["keys"] == []
    assert ask("POST", f"{path}/renew", {})["tracking_url"] != made["tracking_url"]
    assert Client().head(made["tracking_url"].split("5000", 1)[-1]).status_code == 404, "the old address is no more"
    assert "unisender_go" in ask("POST", "/api/sources", {"provider": "x", "name": "y"}, status=422)["detail"]
    for keys in ({"colour": "red"}, {"webhook_signing_key": "schlüssel"}):
        ask("PATCH", path, {"keys": keys}, status=422)
    lead = Api(builders.make_lead(team=manager.team))
    lead("GET", "/api/sources", status=403)
    Api(builders.make_manager())("GET", path, status=404)
    ask("DELETE", path, status=204)
    assert not InboundSource.objects.exists()


def test_a_key_that_is_none_is_refused_when_it_is_saved(manager: User) -> None:
    ask = Api(manager)
    for provider, keys in (
        ("sendgrid", {"tracking_webhook_verification_key": "no key"}),
        ("resend", {"signing_secret": "whsec_!"}),
        ("postal", {"webhook_key": "no key"}),
    ):
        ask("POST", "/api/sources", {"provider": provider, "name": "Main", "keys": keys}, status=422)


def test_late_events_are_recorded(manager: User) -> None:
    contact = builders.make_contact(manager)
    at = datetime.now(UTC) - timedelta(days=30)
    item = intake.Incoming("email_clicked", contact_id=contact.pk, occurred_at=at)
    assert len(intake.record(manager.team, [item], now=timezone.now()).accepted) == 1
