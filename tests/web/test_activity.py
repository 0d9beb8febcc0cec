"""The stream: how an event stands, what was not counted, replaying, whose an unmatched one is, conflicts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automation import engine
from automation.models import Enrolment, Firing
from crm import intake, unmatched
from crm.models import Activity, ActivityRepeat, Contact, ContactIdentity
from jobs.models import Job
from tests import builders
from tests.web.conftest import Office
from tests.web.test_doing import note_of
from work.models import Task

HTMX = {"HX-Request": "true"}


def shown(browser: Any, query: str) -> list[str]:
    return [row.activity_type for row in browser.get(f"/activity?{query}").context["rows"]]


@pytest.fixture
def stream(office: Office) -> Office:
    """Events that differ in what can be narrowed by; the first is the office's own, which a rule answered."""
    of, now = office.contact, datetime.now(UTC)
    builders.make_activity(of, activity_type="email_clicked", source="mailgun", signal="machine", processed_at=now)
    held = builders.make_activity(of, activity_type="call", processed_at=now)
    builders.make_firing(office.rule, contact=of, activity=held, outcome=Firing.SUPPRESSED, reason="still open")
    told = builders.make_activity(of, activity_type="meeting", processed_at=now)
    builders.make_conflict(told)
    builders.make_activity(of, activity_type="note", occurred_at=now - timedelta(days=40), processed_at=now)
    builders.make_activity(builders.make_contact(office.colleague), activity_type="form_submitted")
    return office


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ("source=mailgun", ["email_clicked"]),
        ("state=machine", ["email_clicked"]),
        ("state=again", ["meeting"]),
        ("state=waiting", ["form_submitted", "email_opened"]),
        ("outcome=fired", ["email_opened"]),
        ("outcome=suppressed", ["call"]),
        ("outcome=none", ["meeting", "email_clicked"]),
        ("outcome=none&days=90", ["meeting", "email_clicked", "note"]),
        ("type=note", []),
        ("type=note&days=90", ["note"]),
        ("contact={contact}&type=note", ["note"]),
        ("outcome=x&state=y&days=z&type=call", ["call"]),
    ],
)
def test_the_address_narrows_the_stream(query: str, kinds: list[str], stream: Office, browser_of: Any) -> None:
    assert shown(browser_of(stream.manager), query.format(contact=stream.contact.pk)) == kinds


def test_the_same_event_again_counts_once_and_is_told(office: Office, browser_of: Any) -> None:
    item = intake.Incoming("email_clicked", contact_id=office.contact.pk, source="crm", source_key="k1")
    for times in (1, 2, 3):
        intake.record(office.member.team, [item] * times, now=datetime.now(UTC))
    row = Activity.objects.get(source_key="k1")
    assert ActivityRepeat.objects.get().times == 5
    html = browser_of(office.member).get(f"/activity/{row.pk}").content.decode()
    assert "5 times more, not counted" in html
    assert "came 5 times more, counted once" in browser_of(office.member).get("/activity").content.decode()


def test_other_words_under_a_known_key_are_a_conflict_and_no_repeat(office: Office) -> None:
    for url in ("a", "b", "b"):
        item = intake.Incoming("email_clicked", contact_id=office.contact.pk, source_key="k", data={"url": url})
        intake.record(office.member.team, [item], now=datetime.now(UTC))
    assert not ActivityRepeat.objects.exists()
    assert Activity.objects.get(source_key="k").conflicts.count() == 1


def test_an_event_that_failed_is_replayed_by_managers(office: Office, browser_of: Any) -> None:
    row = builders.make_activity(office.contact)
    job = builders.make_job(
        office.member, state=Job.DEAD, name=engine.REDO_JOB, args=[row.pk], id=engine.redo_id(row), error="OSError: x"
    )
    browser, path = browser_of(office.manager), f"/activity/{row.pk}"
    assert browser.get(path).context["activity"].is_failed
    assert browser_of(office.member).post(f"{path}/replay").status_code == 403
    assert browser.post(f"{path}/replay").status_code == 302
    assert Job.objects.get(pk=job.pk).state == Job.PENDING
    assert browser.post(f"{path}/replay", headers=HTMX).status_code == 409
    sound = builders.make_activity(office.contact)
    assert browser.post(f"/activity/{sound.pk}/replay", headers=HTMX).status_code == 409
    assert browser_of(office.stranger).post(f"{path}/replay").status_code == 404


def test_an_attached_mail_is_the_contacts_and_its_rules_run(office: Office, browser_of: Any) -> None:
    builders.make_rule(
        office.manager, scope="team", trigger_config={"activity_types": ["email_replied"]}, name="Answer"
    )
    first, second = (builders.make_unmatched(office.member.team, address="ana@home.example") for _ in range(2))
    other = builders.make_unmatched(office.member.team)
    browser = browser_of(office.lead)
    path = f"/activity/unmatched/{first.pk}"
    assert [row.pk for row in browser.get("/activity/unmatched").context["page"].rows] == [
        other.pk,
        second.pk,
        first.pk,
    ]
    assert browser.get(path, {"q": "ruiz"}).context["offered"] == [office.contact]
    browser.post(f"{path}/attach", {"contact": office.contact.pk, "others": "on"})
    assert {row.contact_id for row in Activity.objects.filter(pk__in=[first.pk, second.pk])} == {office.contact.pk}
    engine.drain(office.member.team_id, now=datetime.now(UTC))
    assert Task.objects.filter(contact=office.contact, firings__rule__name="Answer").exists()
    assert list(unmatched.waiting(office.lead)) == [other]
    assert browser.post(f"{path}/attach", {"contact": office.contact.pk}).status_code == 404


def test_a_contact_is_made_of_an_unknown_sender(office: Office, browser_of: Any) -> None:
    row = builders.make_unmatched(office.member.team, address="eve.stone@new.example")
    browser, path = browser_of(office.manager), f"/activity/unmatched/{row.pk}"
    form = browser.get(path).context["form"]
    assert (form.initial["name"], form.initial["email"]) == ("Eve Stone", "eve.stone@new.example")
    taken = {"name": "Eve", "email": office.contact.email, "owner": office.member.pk}
    assert browser.post(f"{path}/new", taken).status_code == 422
    assert browser.post(f"{path}/new", taken | {"email": "eve.stone@new.example"}).status_code == 302
    made = Contact.objects.get(name="Eve")
    assert (made.owner, made.activities.get().pk) == (office.member, row.pk)


def test_dismissing_takes_it_out_of_the_list_only(office: Office, browser_of: Any) -> None:
    row = builders.make_unmatched(office.member.team)
    browser_of(office.lead).post(f"/activity/unmatched/{row.pk}/dismiss")
    assert not unmatched.waiting(office.lead).exists()
    (shown,) = [one for one in browser_of(office.lead).get("/activity").context["rows"] if one.pk == row.pk]
    assert str(shown.standing.label) == "Dismissed"


def test_a_conflict_shows_both_versions_until_it_is_dismissed(office: Office, browser_of: Any) -> None:
    first = builders.make_activity(office.contact, data={"url": "https://first.example", "same": 1})
    row = builders.make_conflict(first, data={"url": "https://later.example", "same": 1})
    browser = browser_of(office.lead)
    (found,) = browser.get("/activity/conflicts").context["page"].rows
    assert found.differences == [("url", "https://first.example", "https://later.example")]
    browser.post(f"/activity/conflicts/{row.pk}/dismiss")
    assert browser.get("/activity/conflicts").context["page"].rows == []
    assert browser.post(f"/activity/conflicts/{row.pk}/dismiss").status_code == 404


@pytest.mark.parametrize("verb", ["attach", "new", "dismiss"])
@pytest.mark.parametrize(("who", "answer"), [("member", 403), ("stranger", 404)])
def test_whose_it_is_is_for_the_teams_leads(verb: str, who: str, answer: int, office: Office, browser_of: Any) -> None:
    row = builders.make_unmatched(office.member.team)
    path = f"/activity/unmatched/{row.pk}/{verb}"
    assert browser_of(getattr(office, who)).post(path, {"contact": office.contact.pk}).status_code == answer
    assert Activity.objects.get(pk=row.pk).contact_id is None


@pytest.fixture
def replied(office: Office) -> Activity:
    """An unmatched reply, which a rule of the team answers as soon as somebody says whose it is."""
    config = {"activity_types": ["email_replied"]}
    builders.make_rule(office.manager, scope="team", trigger_config=config, name="Answer")
    return builders.make_unmatched(office.member.team, address="ana@home.example")


def attach(browser: Any, row: Activity, contact: Contact) -> str:
    path = f"/activity/unmatched/{row.pk}/attach"
    return note_of(browser.post(path, {"contact": contact.pk, "others": "on"}, follow=True))


@pytest.mark.parametrize("drained", [False, True])
def test_attaching_is_taken_back_with_what_the_rules_made(
    drained: bool, office: Office, replied: Activity, browser_of: Any
) -> None:
    browser, other = browser_of(office.lead), builders.make_contact(office.member, name="Eve")
    before, clock = Activity.objects.get(pk=replied.pk), Contact.objects.get(pk=office.contact.pk)
    note = attach(browser, replied, office.contact)
    if drained:
        engine.drain(office.member.team_id, now=datetime.now(UTC))
    browser.post("/undo", {"note": note})
    after = Activity.objects.get(pk=replied.pk)
    assert (after.contact, after.received_at, after.data) == (None, before.received_at, before.data)
    assert list(unmatched.waiting(office.lead)) == [replied]
    assert not ContactIdentity.objects.exists()
    assert not Task.objects.open().filter(firings__rule__name="Answer").exists()
    now = Contact.objects.get(pk=office.contact.pk)
    assert (now.last_touch_at, now.last_activity_at, now.next_touch_at) == (
        clock.last_touch_at,
        clock.last_activity_at,
        clock.next_touch_at,
    )
    attach(browser, replied, other)
    engine.drain(office.member.team_id, now=datetime.now(UTC))
    assert Task.objects.open().get(firings__rule__name="Answer").contact == other


def test_what_a_reply_ended_is_not_taken_back_by_the_way(office: Office, replied: Activity, browser_of: Any) -> None:
    """And a task that somebody has begun stays."""
    browser, now = browser_of(office.lead), datetime.now(UTC)
    enrolled = builders.make_enrolment(
        office.contact, builders.make_sequence(office.member), created_at=replied.occurred_at
    )
    note = attach(browser, replied, office.contact)
    engine.drain(office.member.team_id, now=now)
    assert Enrolment.objects.get(pk=enrolled.pk).state == Enrolment.EXITED
    assert "gone another way" in browser.post("/undo", {"note": note}, headers=HTMX).content.decode()
    assert Activity.objects.get(pk=replied.pk).contact == office.contact
    second = builders.make_unmatched(office.member.team, address="eve@home.example")
    note = attach(browser, second, builders.make_contact(office.member))
    engine.drain(office.member.team_id, now=now)
    Task.objects.filter(firings__activity=second).update(started_at=now, status=Task.IN_PROGRESS)
    assert "1 task that somebody has begun" in browser.post("/undo", {"note": note}, headers=HTMX).content.decode()
    assert Activity.objects.get(pk=second.pk).contact is None


def test_dismissing_is_taken_back(office: Office, browser_of: Any) -> None:
    row, browser = builders.make_unmatched(office.member.team), browser_of(office.lead)
    conflict = builders.make_conflict(builders.make_activity(office.contact))
    for path in (f"/activity/unmatched/{row.pk}/dismiss", f"/activity/conflicts/{conflict.pk}/dismiss"):
        note = note_of(browser.post(path, follow=True))
        assert browser_of(office.manager).post("/undo", {"note": note}, headers=HTMX).status_code == 409
        browser.post("/undo", {"note": note})
        assert browser.post("/undo", {"note": note}, headers=HTMX).status_code == 409
    assert list(unmatched.waiting(office.lead)) == [row]
    assert list(unmatched.conflicts(office.lead)) == [conflict]


def make_contact_of(browser: Any, row: Activity) -> tuple[Contact, str]:
    path = f"/activity/unmatched/{row.pk}/new"
    note = note_of(browser.post(path, {"name": "Ana Home", "email": "ana@home.example"}, follow=True))
    return Contact.objects.get(email="ana@home.example"), note


def test_a_contact_made_of_an_event_is_taken_back(office: Office, replied: Activity, browser_of: Any) -> None:
    browser = browser_of(office.lead)
    made, note = make_contact_of(browser, replied)
    assert "waits again" in browser.post("/undo", {"note": note}, follow=True).content.decode()
    assert list(unmatched.waiting(office.lead)) == [replied]
    assert not Contact.objects.filter(pk=made.pk).exists()


@pytest.mark.parametrize("happened", ["changed", "ruled"])
def test_a_contact_to_which_more_has_happened_stays_without_the_event(
    happened: str, office: Office, replied: Activity, browser_of: Any
) -> None:
    browser = browser_of(office.lead)
    made, note = make_contact_of(browser, replied)
    if happened == "ruled":
        engine.drain(office.member.team_id, now=datetime.now(UTC))
    else:
        Contact.objects.filter(pk=made.pk).update(phone="123")
    assert "the contact stays" in browser.post("/undo", {"note": note}, follow=True).content.decode()
    assert list(unmatched.waiting(office.lead)) == [replied]
    assert Contact.objects.filter(pk=made.pk).exists()
