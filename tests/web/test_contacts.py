"""The list of contacts, and what one does on a contact's page."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from automation import engine
from automation.models import Enrolment
from automation.programmes import enrolling
from crm import merge, noting
from crm.models import Activity, Contact, ContactMerge
from learning import nights
from learning.models import TeamLearning
from tests import builders
from tests.learning import past
from tests.web.conftest import Office
from work import ties
from work.models import Task

HTMX = {"HX-Request": "true"}


def shown(browser: Client, query: str) -> list[str]:
    return [row.name for row in browser.get(f"/contacts?{query}").context["rows"]]


def enrol(contact: Contact) -> Enrolment:
    assert contact.owner is not None
    sequence = builders.make_sequence(contact.owner)
    return enrolling.enrol(sequence, contact, owner=contact.owner, now=datetime.now(UTC))


@pytest.fixture
def crowd(office: Office) -> Office:
    """Contacts that differ in what can be narrowed by, all the member's but the last."""
    now, mine = datetime.now(UTC), office.member
    builders.make_contact(mine, name="Cold", lead_score=90, last_activity_at=now - timedelta(days=40))
    builders.make_contact(mine, name="Warm", lead_score=40, last_activity_at=now, contact_cadence="weekly")
    builders.make_contact(mine, name="Gone", do_not_contact=True, contact_cadence="days:10")
    builders.make_contact(mine, name="Left", unsubscribed_at=now, status="lost")
    builders.make_contact(office.colleague, name="Hers", lead_score=70)
    return office


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Ana Ruiz", "Cold", "Gone", "Hers", "Left", "Warm"]),
        ("owner=none", []),
        ("owner=me", []),
        ("score=70", ["Cold", "Hers"]),
        ("score=70&status=lost", []),
        ("cadence=weekly", ["Warm"]),
        ("cadence=days", ["Gone"]),
        ("consent=out", ["Gone", "Left"]),
        ("consent=do_not_contact", ["Gone"]),
        ("consent=unsubscribed", ["Left"]),
        ("consent=ok&score=40", ["Cold", "Hers", "Warm"]),
        ("quiet=30", ["Cold"]),
        ("quiet=never", ["Ana Ruiz", "Gone", "Hers", "Left"]),
        ("sort=score&score=1", ["Cold", "Hers", "Warm"]),
        ("sort=heard", ["Warm", "Cold"]),
        ("sort=newest&score=1", ["Hers", "Warm", "Cold"]),
        ("q=war&score=x&quiet=7000&consent=&sort=shoe", ["Warm"]),
        ("score=99999999999999999999999", ["Ana Ruiz", "Cold", "Gone", "Hers", "Left", "Warm"]),
    ],
)
def test_the_address_narrows_and_orders(query: str, names: list[str], crowd: Office, browser_of: Any) -> None:
    assert shown(browser_of(crowd.manager), query) == names


def test_by_last_activity_those_never_heard_of_come_last_and_none_is_lost(office: Office, browser_of: Any) -> None:
    now, browser = datetime.now(UTC), browser_of(office.member)
    for n in range(70):
        builders.make_contact(office.member, name=f"H{n}", last_activity_at=now - timedelta(days=n // 3))
    for n in range(55):
        builders.make_contact(office.member, name=f"S{n}")
    seen: list[str] = []
    cursor = ""
    for _ in range(9):
        page = browser.get("/contacts", {"sort": "heard", "cursor": cursor}).context["page"]
        assert page.first == (cursor == "")
        seen += [row.name for row in page.rows]
        cursor = page.next
        if not cursor:
            break
    assert [name[0] for name in seen] == ["H"] * 70 + ["S"] * 55 + ["A"]
    assert len(set(seen)) == len(seen)


def test_a_row_has_the_task_that_is_due_first(office: Office, browser_of: Any) -> None:
    later = datetime.now(UTC) + timedelta(days=3)
    builders.make_task(office.member, contact=office.contact, title="Later", due_date=later)
    builders.make_task(office.member, contact=office.contact, title="Undated")
    (row,) = browser_of(office.member).get("/contacts").context["rows"]
    assert row.next_task == office.task


def test_what_comes_next_is_the_overdue_task_then_the_touch_then_to_make_one(office: Office, browser_of: Any) -> None:
    browser, path = browser_of(office.member), f"/contacts/{office.contact.pk}"
    assert browser.get(path).context["next"]["kind"] == "late_task"
    Task.objects.update(status=Task.DONE)
    assert browser.get(path).context["next"]["kind"] == "make"
    Contact.objects.update(next_touch_at=datetime.now(UTC) + timedelta(days=1))
    assert browser.get(path).context["next"]["kind"] == "touch"
    Contact.objects.update(do_not_contact=True)
    assert browser.get(path).context["next"]["kind"] == "leave"


@pytest.mark.parametrize("kind", noting.KINDS)
def test_what_was_said_is_an_activity_of_whoever_wrote_it(kind: str, office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    browser.post(f"/contacts/{office.contact.pk}/note", {"kind": kind, "text": "Wants two years", "minutes": "12"})
    row = Activity.objects.get(activity_type=kind)
    assert (row.actor, row.contact, row.signal, row.processed_at) == (office.member, office.contact, "human", None)
    assert row.data == {"note": "Wants two years"} | ({} if kind == "note" else {"minutes": 12})
    assert "Wants two years" in browser.get(f"/contacts/{office.contact.pk}").content.decode()


@pytest.mark.parametrize(
    "form", [{"kind": "note", "text": " "}, {"kind": "email_replied", "text": "x"}, {"kind": "call", "minutes": "-3"}]
)
def test_what_cannot_be_written_down_is_said(form: dict[str, str], office: Office, browser_of: Any) -> None:
    before = Activity.objects.count()
    response = browser_of(office.member).post(f"/contacts/{office.contact.pk}/note", form, headers=HTMX)
    assert response.status_code == 409
    assert Activity.objects.count() == before


def test_a_call_starts_the_rule_that_waits_for_calls(office: Office, browser_of: Any) -> None:
    builders.make_rule(office.member, name="After a call", trigger_config={"activity_types": ["call"]})
    browser_of(office.member).post(f"/contacts/{office.contact.pk}/note", {"kind": "call"})
    engine.drain(office.member.team_id, now=datetime.now(UTC))
    html = browser_of(office.member).get(f"/contacts/{office.contact.pk}").content.decode()
    assert "“After a call” created a task" in html


def test_opting_out_ends_what_one_is_enrolled_in_and_in_again_needs_a_reason(office: Office, browser_of: Any) -> None:
    enrolled = enrol(office.contact)
    browser, path = browser_of(office.member), f"/contacts/{office.contact.pk}"
    said = {"kind": "do_not_contact", "note": "Asked me on the phone"}
    assert browser.post(f"{path}/opt-out", said).status_code == 302
    engine.drain(office.member.team_id, now=datetime.now(UTC))
    assert Enrolment.objects.get(pk=enrolled.pk).state == Enrolment.EXITED
    html = browser.get(path).content.decode()
    assert "Asked me on the phone" in html
    assert "mailto:" in html, "the address stays to be read"
    assert browser.post(f"{path}/opt-in", {"note": " "}, headers=HTMX).status_code == 409
    assert Contact.objects.get(pk=office.contact.pk).do_not_contact
    browser.post(f"{path}/opt-in", {"note": "She wrote on Monday"})
    assert not Contact.objects.get(pk=office.contact.pk).do_not_contact


def test_an_enrolment_is_paused_resumed_stopped_and_taken_back(office: Office, browser_of: Any) -> None:
    enrolled = enrol(office.contact)
    browser, path = browser_of(office.member), f"/contacts/{office.contact.pk}"
    for verb, state in [("pause", "paused"), ("resume", "active"), ("stop", "stopped"), ("undo", "active")]:
        assert browser.post(f"{path}/enrolments/{enrolled.pk}/{verb}").status_code == 302
        assert Enrolment.objects.get(pk=enrolled.pk).state == state
    assert browser.post(f"{path}/enrolments/{enrolled.pk}/resume", headers=HTMX).status_code == 409
    assert browser.post(f"{path}/enrolments/{enrolled.pk}/shout").status_code == 404
    other = enrol(builders.make_contact(office.member))
    assert browser.post(f"{path}/enrolments/{other.pk}/pause").status_code == 404


FIELDS = {
    "name": "Ana Ruiz-Soto",
    "company": "Lumen",
    "email": "ana@lumen.example",
    "phone": "+49 170 1234567",
    "status": "active",
    "cadence": "days",
    "every_days": "10",
    "next_follow_up_at": "2030-05-01T09:30",
    "lead_score": "77",
    "timezone": "Europe/Madrid",
    "tags": "vip,  two years , vip",
    "do_not_contact": "on",
}


def test_the_form_writes_every_field_that_the_api_has(office: Office, browser_of: Any) -> None:
    path = f"/contacts/{office.contact.pk}/edit"
    form = FIELDS | {"owner": office.colleague.pk, "excluded": [office.lead.pk]}
    assert browser_of(office.manager).post(path, form).status_code == 302
    row = Contact.objects.get(pk=office.contact.pk)
    assert (row.name, row.email, row.status, row.contact_cadence) == (
        "Ana Ruiz-Soto",
        "ana@lumen.example",
        "active",
        "days:10",
    )
    assert (row.owner, row.lead_score, row.timezone, row.tags) == (
        office.colleague,
        77,
        "Europe/Madrid",
        ["vip", "two years"],
    )
    assert (row.do_not_contact, row.next_follow_up_at) == (True, datetime(2030, 5, 1, 9, 30, tzinfo=UTC))
    assert ties.excluded_from(row) == [office.lead.pk]
    assert Activity.objects.filter(contact=row, activity_type=Activity.STATUS_CHANGED).count() == 1


def test_a_field_that_somebody_else_changed_meanwhile_is_left_as_it_is(office: Office, browser_of: Any) -> None:
    browser, path = browser_of(office.member), f"/contacts/{office.contact.pk}/edit"
    form = browser.get(path).context["form"]
    sent = {field.html_name: field.value() for field in form if field.value() not in (None, "", [])}
    del sent["do_not_contact"]
    sent |= {field.html_initial_name: field.initial for field in form if field.initial is not None}
    Contact.objects.filter(pk=office.contact.pk).update(company="Newer")
    sent["phone"] = "+49 170 7654321"
    response = browser.post(path, sent)
    assert response.status_code == 302, response.context["form"].errors
    row = Contact.objects.get(pk=office.contact.pk)
    assert (row.company, row.phone) == ("Newer", "+49 170 7654321")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "taken@x.org"}, "email"),
        ({"every_days": ""}, "every_days"),
        ({"lead_score": "99999999999"}, "lead_score"),
        ({"tags": "x" * 61}, "tags"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"name": ""}, "name"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    change: dict[str, str], field: str, office: Office, browser_of: Any
) -> None:
    builders.make_contact(office.member, email="Taken@x.org")
    response = browser_of(office.member).post(f"/contacts/{office.contact.pk}/edit", FIELDS | change)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert Contact.objects.get(pk=office.contact.pk).name == "Ana Ruiz"


def test_members_neither_give_contacts_away_nor_exclude_people(office: Office, browser_of: Any) -> None:
    form = FIELDS | {"owner": office.colleague.pk, "excluded": [office.lead.pk]}
    browser_of(office.member).post(f"/contacts/{office.contact.pk}/edit", form)
    assert Contact.objects.get(pk=office.contact.pk).owner == office.member
    assert ties.excluded_from(office.contact) == []


def test_a_merge_shows_what_moves_moves_it_and_can_be_undone(office: Office, browser_of: Any) -> None:
    twin = builders.make_contact(office.member, name="ana ruiz", company="", phone="+49 170 1234567")
    builders.make_activity(twin)
    builders.make_task(office.member, contact=twin)
    browser, path = browser_of(office.member), f"/contacts/{office.contact.pk}/merge"
    assert browser.get(path).context["offered"] == [twin], "it has the same name"
    found = browser.get(path, {"with": twin.pk})
    assert {str(label): count for label, count in found.context["moves"]} == {"Activities": 1, "Tasks": 1}
    assert [str(label) for label, _ in found.context["fills"]] == ["Phone"]
    assert not ContactMerge.objects.exists()
    assert browser.post(path, {"with": twin.pk}).status_code == 302
    (row,) = ContactMerge.objects.all()
    assert office.contact.activities.filter(activity_type=Activity.EMAIL_OPENED).count() == 2
    assert browser.get(f"/contacts/{twin.pk}")["Location"] == f"/contacts/{office.contact.pk}"
    browser.post(f"/contacts/{office.contact.pk}/merges/{row.pk}/part")
    assert Contact.objects.visible_to(office.member).filter(pk=twin.pk).exists()
    assert browser.get(path, {"with": office.contact.pk}).status_code == 409, "not with itself"


@pytest.mark.parametrize("who", ["lead", "manager"])
def test_others_contacts_are_merged_by_managers_only(who: str, office: Office, browser_of: Any) -> None:
    twin = builders.make_contact(office.member)
    response = browser_of(getattr(office, who)).post(f"/contacts/{office.contact.pk}/merge", {"with": twin.pk})
    assert response.status_code == (302 if who == "manager" else 403)
    assert ContactMerge.objects.exists() == (who == "manager")


def test_a_preview_tells_what_the_merge_then_does(office: Office) -> None:
    twin = builders.make_contact(office.member, lead_score=30, tags=["vip"], unsubscribed_at=builders.NOW)
    builders.make_activity(twin)
    told = merge.preview(office.contact, twin)
    row = merge.merge(office.contact, twin, by=office.member, now=builders.NOW)
    assert set(told.moves) == set(row.before["moved"])
    assert {name: row.before["survivor"][name][1] for name in ("lead_score", "tags")} == {
        name: told.fills[name] for name in ("lead_score", "tags")
    }


def test_erasing_asks_for_the_name_and_is_the_managers(office: Office, browser_of: Any) -> None:
    path = f"/contacts/{office.contact.pk}/erase"
    assert browser_of(office.lead).post(path, {"confirm": "Ana Ruiz"}).status_code == 403
    browser = browser_of(office.manager)
    assert browser.post(path, {"confirm": "Ana"}).status_code == 422
    assert browser.post(path, {"confirm": " ana ruiz "}).status_code == 302
    assert Contact.objects.get(pk=office.contact.pk).erased_at is not None
    assert browser.get(f"/contacts/{office.contact.pk}").status_code == 404


def test_only_a_contact_without_a_history_is_deleted(office: Office, browser_of: Any) -> None:
    fresh, browser = builders.make_contact(office.member), browser_of(office.member)
    assert browser.post(f"/contacts/{office.contact.pk}/delete", headers=HTMX).status_code == 409
    assert browser.post(f"/contacts/{fresh.pk}/delete").status_code == 302
    assert list(Contact.objects.values_list("pk", flat=True)) == [office.contact.pk]


def test_each_rule_says_whether_it_would_fire(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    assert office.rule.name in browser.get(f"/contacts/{office.contact.pk}/rules").content.decode()
    told = browser.get(f"/contacts/{office.contact.pk}/rules/{office.rule.pk}", headers=HTMX).content.decode()
    assert "<html" not in told
    assert "Nothing has happened to the contact that starts the rule." in told
    strange = builders.make_rule(builders.make_user())
    assert browser.get(f"/contacts/{office.contact.pk}/rules/{strange.pk}").status_code == 404


def test_the_page_answers_nothing_until_something_changes(office: Office, browser_of: Any) -> None:
    browser, path = browser_of(office.member), f"/contacts/{office.contact.pk}"
    address = browser.get(path).context["live_url"]
    assert browser.get(address, headers=HTMX).status_code == 204
    builders.make_activity(office.contact, activity_type=Activity.EMAIL_REPLIED)
    assert "Replied to an e-mail" in browser.get(address, headers=HTMX).content.decode()


@pytest.mark.parametrize(
    "path", ["edit", "note", "opt-out", "opt-in", "enrolments/1/stop", "merge", "merges/1/part", "erase", "delete"]
)
@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_what_one_may_not_see_does_not_exist(path: str, who: str, office: Office, browser_of: Any) -> None:
    assert browser_of(getattr(office, who)).post(f"/contacts/{office.contact.pk}/{path}", {}).status_code == 404


def test_the_time_there_is_told_where_it_is_known(office: Office, browser_of: Any) -> None:
    Contact.objects.update(timezone="Pacific/Auckland")
    assert "Pacific/Auckland" in browser_of(office.member).get(f"/contacts/{office.contact.pk}").content.decode()


def test_the_page_tells_when_the_contact_answers_and_how_sure_that_is(office: Office, browser_of) -> None:
    now = datetime.now(UTC)
    builders.make_working_week(office.member, starts="08:00", ends="20:00", days=range(7))
    page, address = browser_of(office.member), f"/contacts/{office.contact.pk}"
    assert "Not enough history (0 of 50 attempts)" in page.get(address).content.decode()
    past.habit(office.contact, 15, until=now, days=15)
    nights.learn(office.member.team, now=now)
    assert "Not enough history (30 of 50 attempts)" in page.get(address).content.decode()
    past.habit(office.contact, 15, until=now - timedelta(days=20), days=30)
    nights.learn(office.member.team, now=now)
    found = page.get(address).content.decode()
    shown = page.get(address).context["best_time"]
    assert (shown["hour"], len(shown["bars"]), sum(bar.attempts for bar in shown["bars"])) == ("15:00", 24, 90)
    assert [bar.hour for bar in shown["bars"] if bar.best] == ["15:00"]
    assert "zone guessed" in found
    assert "of the time at 15:00 against" in shown["sentence"]
    assert found.count('class="best"') == 1
    Contact.objects.filter(pk=office.contact.pk).update(timezone="Europe/Lisbon")
    assert "zone guessed" not in page.get(address).content.decode()
    TeamLearning.objects.create(team=office.member.team, times=False)
    assert "Best time" not in page.get(address).content.decode()
