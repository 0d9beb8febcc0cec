"""Sequences and campaigns: the form with its dates, who stands where, and what is done to one contact's way."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from automation import programmes
from automation.models import Campaign, Enrolment, Sequence
from automation.programmes import campaigns, enrolling, migrating, outlines, pausing, sequences
from tests import builders
from tests.web.conftest import Office
from web import programmes as web_programmes
from work import lifecycle

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HTMX = {"HX-Request": "true"}
LIST = {"sequence": "/automations/sequences", "campaign": "/automations/campaigns"}
HEAD = {
    "name": "After the demo",
    "ends_when": ["replied", "meeting", "unsubscribed", "complained", "bounced"],
    "statuses": ["lost"],
    "reenrol": "refuse",
    "pacing": "one_by_one",
    "slip": "anchor",
}
USUAL = {"priority": "medium", "assign": "owner"}


def sent(*steps: dict[str, Any], **head: Any) -> dict[str, Any]:
    """The form as a browser sends it."""
    fields = {f"steps-{n}-{name}": value for n, step in enumerate(steps) for name, value in (USUAL | step).items()}
    return HEAD | {"count": str(len(steps)), "do": "save"} | fields | head


def step(title: str, days: int, **more: Any) -> dict[str, Any]:
    return {"title": title, "amount": str(days), "unit": "working_days", "at": "09:00"} | more


def held(html: str) -> dict[str, Any]:
    """What the form of the page holds, as a browser would send it."""
    found: dict[str, Any] = {}
    form = html[html.index('id="editor"') :]
    for tag in re.findall(r"<input [^>]*>", form):
        kind, name = attribute(tag, "type"), attribute(tag, "name")
        if name and (kind not in ("checkbox", "radio") or " checked" in tag):
            found.setdefault(name, []).append(attribute(tag, "value") or ("on" if kind == "checkbox" else ""))
    for name, text in re.findall(r'<textarea name="([^"]+)"[^>]*>\n?([^<]*)</textarea>', form):
        found[name] = [unescape(text)]
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        found[name] = re.findall(r'<option value="([^"]*)" selected', options)[:1]
    return found


def attribute(tag: str, name: str) -> str:
    match = re.search(rf' {name}="([^"]*)"', tag)
    return unescape(match.group(1)) if match else ""


def titles(html: str) -> list[str]:
    return [values[0] for name, values in sorted(held(html).items()) if re.fullmatch(r"steps-\d+-title", name)]


def dates(html: str) -> list[str]:
    return re.findall(r'id="date-\d+"[^>]*>.*?datetime="([^"]+)"', html, re.DOTALL)


def enrolled(office: Office, programme: Any, **fields: Any) -> Enrolment:
    contact = builders.make_contact(office.member, **fields)
    return enrolling.enrol(programme, contact, owner=office.member, now=datetime.now(UTC))


def fresh(row: Enrolment) -> Enrolment:
    return Enrolment.objects.get(pk=row.pk)


def test_three_steps_make_a_sequence(office: Office, browser_of: Any) -> None:
    form = sent(step("Thank {{contact_name}}", 0), step("Call", 2, wait_for_previous="on"), step("Write", 5))
    response = browser_of(office.member).post(f"{LIST['sequence']}/new", form)
    row = Sequence.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"{LIST['sequence']}/{row.pk}")
    assert (row.name, row.owner, row.exits, row.pacing) == ("After the demo", office.member, {}, "one_by_one")
    assert [one["title"] for one in row.steps] == ["Thank {{contact_name}}", "Call", "Write"]
    assert row.steps[1]["delay"] == {"kind": "business", "days": 2, "at": "09:00"}
    assert set(row.steps[0]) == {"key", "title", "delay"}, "what is as usual is left out"
    assert row.steps[1]["wait_for_previous"] is True


@pytest.mark.parametrize(
    ("first", "head", "words"),
    [
        ({"title": ""}, {}, "A step needs a title."),
        ({"title": "{{contact_nmae}}"}, {}, "Unknown variable"),
        ({"amount": "many"}, {}, "Write a number, such as 1.5."),
        ({"amount": "1.5"}, {}, "Give whole days"),
        ({"amount": "99999"}, {}, "days is 99999"),
        ({"condition": "contact.score >"}, {}, 'class="wrong"'),
        ({"wait_for_previous": "on"}, {}, "none before it to wait for"),
        ({"skills": "Juggling 3"}, {}, "has no skill"),
        ({"assign": "user:999999"}, {}, "no active member"),
        ({}, {"name": ""}, "This field is required."),
        ({}, {"count": "0"}, "at least one step"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(
    first: dict[str, Any], head: dict[str, Any], words: str, office: Office, browser_of: Any
) -> None:
    form = sent(step("Call", 1) | first, step("Write", 3), **head)
    response = browser_of(office.member).post(f"{LIST['sequence']}/new", form)
    html = response.content.decode()
    assert response.status_code == 422
    assert words in html
    assert Sequence.objects.count() == 0
    if "count" not in head:
        assert titles(html)[1] == "Write"


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        ("add", ["A", "B", "C", ""]),
        ("remove:1", ["A", "C"]),
        ("up:2", ["A", "C", "B"]),
        ("down:0", ["B", "A", "C"]),
        ("up:0", ["A", "B", "C"]),
        ("down:2", ["A", "B", "C"]),
        ("remove:77", ["A", "B", "C"]),
        ("nonsense", ["A", "B", "C"]),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_buttons_rearrange_what_was_typed_and_save_nothing(
    do: str, expected: list[str], headers: dict[str, str], office: Office, browser_of: Any
) -> None:
    form = sent(step("A", 1), step("B", 2, condition="half wr"), step("C", 3), do=do, name="")
    response = browser_of(office.member).post(f"{LIST['sequence']}/new", form, headers=headers)
    html = response.content.decode()
    assert response.status_code == 200
    assert titles(html) == expected
    assert 'class="wrong"' not in html, "what is half-written is not judged yet"
    assert ("<html" in html) is (not headers)
    kept = [values[0] for name, values in held(html).items() if name.endswith("-condition")]
    assert ("half wr" in kept) is ("B" in expected)
    assert Sequence.objects.count() == 0


def test_the_dates_follow_the_form(office: Office, browser_of: Any) -> None:
    """What the form says is what enrolling then does."""
    browser = browser_of(office.member)
    form = sent(step("A", 2), step("B", 4), step("C", 8))
    near = browser.post(f"{LIST['sequence']}/new?show=dates", form, headers=HTMX).content.decode()
    later = browser.post(
        f"{LIST['sequence']}/new?show=dates", form | {"steps-1-amount": "5"}, headers=HTMX
    ).content.decode()
    assert "<form" not in near
    assert dates(near)[0] == dates(later)[0]
    assert dates(near)[1] < dates(later)[1]
    browser.post(f"{LIST['sequence']}/new", form)
    row = enrolled(office, Sequence.objects.get())
    planned = [at.isoformat() for at in row.steps.order_by("number").values_list("due_at", flat=True)]
    assert dates(near) == planned


def test_dates_stop_at_the_first_step_that_has_none(office: Office, browser_of: Any) -> None:
    form = sent(step("A", 1), step("", 2), step("C", 3) | {"amount": "x"}, step("D", 4))
    html = browser_of(office.member).post(f"{LIST['sequence']}/new?show=dates", form, headers=HTMX).content.decode()
    assert len(dates(html)) == 2, "a title is not needed to tell a date"


def test_the_form_keeps_all_a_step_has(office: Office, browser_of: Any) -> None:
    skill = builders.make_skill(office.member, name="Web 3")
    whole = {
        "title": "Call {{contact_name}}",
        "description": "Ask",
        "priority": "high",
        "delay": {"kind": "business", "hours": "4.5", "outside": "previous"},
        "wait_for_previous": True,
        "condition": "contact.lead_score > 50",
        "estimated_hours": 1.5,
        "required_skills": [{"skill": skill.name, "level": 2}],
        "assign": "best_match",
        "reminder_offset_hours": 0,
        "due_within_hours": 12,
    }
    steps = [builders.step(0), builders.step(72), whole, {"title": "At once", "delay": {"kind": "calendar", "days": 0}}]
    row = builders.make_sequence(
        office.member, steps=steps, exits={"replied": False, "statuses": []}, slip="push", reenrol="once"
    )
    before = outlines.of(row)
    browser, path = browser_of(office.member), f"{LIST['sequence']}/{row.pk}/edit"
    response = browser.post(path, held(browser.get(path).content.decode()) | {"do": "save"})
    assert response.status_code == 302
    kept = Sequence.objects.get(pk=row.pk)
    assert outlines.of(kept) == before
    assert (kept.exits, kept.slip, kept.reenrol, kept.name) == (row.exits, "push", "once", row.name)


def test_a_campaign_counts_from_the_step_before(office: Office, browser_of: Any) -> None:
    steps = (
        {"message_type": "task", "title": "Call {{contact_name}}", "delay_days": "1"},
        {"message_type": "wait", "title": "left over", "condition": "left over", "delay_days": "4"},
        {"message_type": "task", "title": "Call again", "delay_days": "3", "wait_for_previous": "on"},
    )
    browser = browser_of(office.member)
    html = browser.post(f"{LIST['campaign']}/new?show=dates", sent(*steps), headers=HTMX).content.decode()
    first, second = (datetime.fromisoformat(one) for one in dates(html))
    assert (second - first).days == 7
    response = browser.post(f"{LIST['campaign']}/new", sent(*steps))
    row = Campaign.objects.get()
    assert response["Location"] == f"{LIST['campaign']}/{row.pk}"
    assert list(row.steps.values_list("message_type", "name", "delay_days")) == [
        ("task", "Call {{contact_name}}", 1),
        ("wait", "", 4),
        ("task", "Call again", 3),
    ]
    path = f"{LIST['campaign']}/{row.pk}/edit"
    ids = list(row.steps.values_list("pk", flat=True))
    before = outlines.of(row)
    assert browser.post(path, held(browser.get(path).content.decode()) | {"do": "save"}).status_code == 302
    assert list(Campaign.objects.get().steps.values_list("pk", flat=True)) == ids, "steps stay the same steps"
    assert outlines.of(Campaign.objects.get()) == before


def test_a_campaign_of_waits_alone_says_what_it_lacks(office: Office, browser_of: Any) -> None:
    row = campaigns.create(office.member, by=office.member, name="Quiet", rows=[{"message_type": "wait"}])
    html = browser_of(office.member).get(f"{LIST['campaign']}/{row.pk}").content.decode()
    assert "Nothing is to be done: add a step that is no wait." in html


def test_the_list_tells_who_is_where(office: Office, browser_of: Any) -> None:
    row = builders.make_sequence(office.member, days=(0, 2, 4))
    first, second, third = (enrolled(office, row) for _ in range(3))
    lifecycle.complete(first.steps.get(number=1).task, by=office.member, now=datetime.now(UTC))
    pausing.stop(second, by=office.member, now=datetime.now(UTC))
    pausing.pause(third, now=datetime.now(UTC))
    html = browser_of(office.member).get(LIST["sequence"]).content.decode()
    assert re.search(r"<b>2</b>\s*under way", html)
    assert re.search(r"<b>1</b>\s*stopped", html)
    assert re.search(r'aria-label="Contacts at each step: 1, 1, 0"', html)
    assert re.search(r"<b>0</b>\s*under way", browser_of(office.colleague).get(LIST["sequence"]).content.decode())


def test_the_page_tells_dates_exits_and_who_stands_where(office: Office, browser_of: Any) -> None:
    row = builders.make_sequence(office.member, days=(0, 2, 4), exits={"meeting": False})
    enrolled(office, row, name="Bea Holm")
    html = browser_of(office.manager).get(f"{LIST['sequence']}/{row.pk}").content.decode()
    assert "2 days after enrolment" in html
    assert "The contact replies to a mail." in html
    assert "A meeting is booked or held." not in html
    assert "Step 1 of 3: Call Bea Holm" in html
    lists = [standing(browser_of(office.manager), row, key) for key in ("s1", "s2")]
    assert ["Bea Holm" in shown for shown in lists] == [True, False]
    assert "Step 1 of 3" not in browser_of(office.colleague).get(f"{LIST['sequence']}/{row.pk}").content.decode()


def standing(browser: Client, row: Sequence, key: str) -> str:
    """The list of those at a step."""
    html = browser.get(f"{LIST['sequence']}/{row.pk}?step={key}").content.decode()
    return html[html.index('id="who-title"') : html.index('id="enrol-title"')]


def test_completing_its_task_moves_a_contact_on(office: Office, browser_of: Any) -> None:
    row = builders.make_sequence(office.member, days=(0, 2, 4))
    way = enrolled(office, row, name="Bea Holm")
    browser, path = browser_of(office.member), f"{LIST['sequence']}/{row.pk}"
    address = re.search(r'hx-get="(/automations/[^"]+v=[^"]+)"', browser.get(path).content.decode())
    assert address is not None
    lifecycle.complete(way.steps.get(number=1).task, by=office.member, now=datetime.now(UTC))
    live = browser.get(address.group(1).replace("&amp;", "&"), headers=HTMX)
    assert "Step 2 of 3: Call Bea Holm" in live.content.decode()


def test_a_contact_is_enrolled_from_its_own_page(office: Office, browser_of: Any) -> None:
    row, browser = builders.make_sequence(office.member), browser_of(office.member)
    campaign = builders.make_campaign(office.member, {"delay_days": 1})
    asked = f"?contact={office.contact.pk}"
    page = browser.get(f"/contacts/{office.contact.pk}").content.decode()
    assert f'href="{LIST["sequence"]}{asked}"' in page
    for kind, one in (("sequence", row), ("campaign", campaign)):
        html = browser.get(f"{LIST[kind]}{asked}").content.decode()
        assert "Choose what Ana Ruiz is to be enrolled in" in html
        assert f'href="{LIST[kind]}/{one.pk}{asked}#enrol"' in html
    assert f'href="{LIST["campaign"]}{asked}"' in browser.get(f"{LIST['sequence']}{asked}").content.decode()
    for who, other in ((office.stranger, asked), (office.member, "?contact=x"), (office.member, "")):
        response = browser_of(who).get(f"{LIST['sequence']}{other}")
        assert "is to be enrolled in" not in response.content.decode()


def test_who_is_not_listed_is_enrolled_from_their_page(
    office: Office, browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, browser = builders.make_sequence(office.member), browser_of(office.member)
    path = f"{LIST['sequence']}/{row.pk}"
    assert "from its own page" not in browser.get(path).content.decode()
    monkeypatch.setattr(web_programmes, "MOST_LISTED", 1)
    builders.make_contact(office.member, name="Zoe Last")
    html = browser.get(path).content.decode()
    assert "Zoe Last" not in html
    assert "Only the first 1 by name are listed: enrol another from its own page." in html


def test_the_forecast_says_what_enrolling_does(office: Office, browser_of: Any) -> None:
    row = builders.make_sequence(office.member, days=(1, 3))
    steps = [{**one, "title": "Ring {{contact_name}}"} for one in row.steps]
    sequences.update(row, by=office.member, now=datetime.now(UTC), steps=steps)
    browser, path = browser_of(office.member), f"{LIST['sequence']}/{row.pk}"
    told = browser.get(f"{path}/forecast", {"contact": office.contact.pk}, headers=HTMX).content.decode()
    assert "Enrol Ana Ruiz" in told
    assert told.count("<li>") == told.count("<p>Ring Ana Ruiz</p>") == 2
    assert "<b>Ring …</b>" in browser.get(path).content.decode()
    assert "Enrol Ana Ruiz" in browser.get(path, {"contact": office.contact.pk}).content.decode()
    assert Enrolment.objects.count() == 0
    assert browser.post(f"{path}/enrol", {"contact": office.contact.pk}).status_code == 302
    assert Enrolment.objects.get().contact == office.contact
    again = browser.get(f"{path}/forecast", {"contact": office.contact.pk}, headers=HTMX).content.decode()
    assert "is in this sequence already" in again
    assert "Enrol Ana Ruiz" not in again
    browser.post(f"{path}/enrol", {"contact": office.contact.pk})
    assert Enrolment.objects.count() == 1


def test_a_start_is_not_in_the_past(office: Office, browser_of: Any) -> None:
    row = builders.make_sequence(office.member)
    browser, path = browser_of(office.member), f"{LIST['sequence']}/{row.pk}"
    given = {"contact": office.contact.pk, "start_at": "2020-01-01T09:00"}
    assert "This lies in the past" in browser.get(f"{path}/forecast", given, headers=HTMX).content.decode()
    browser.post(f"{path}/enrol", given)
    assert Enrolment.objects.count() == 0
    ahead = datetime.now(UTC).replace(microsecond=0, second=0) + timedelta(days=10)
    browser.post(f"{path}/enrol", given | {"start_at": f"{ahead:%Y-%m-%dT%H:%M}"})
    assert Enrolment.objects.get().started_at == ahead


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_only_contacts_one_may_see_are_enrolled(who: str, office: Office, browser_of: Any) -> None:
    row = builders.make_sequence(office.member)
    browser = browser_of(office.people()[who])
    response = browser.post(f"{LIST['sequence']}/{row.pk}/enrol", {"contact": office.contact.pk})
    assert response.status_code == (302 if who == "colleague" else 404)
    assert Enrolment.objects.count() == 0


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_pause_resume_stop_and_undo(headers: dict[str, str], office: Office, browser_of: Any) -> None:
    way = enrolled(office, builders.make_sequence(office.member, days=(1, 2)), name="Bea Holm")
    browser, path = browser_of(office.member), f"{LIST['sequence']}/{way.sequence_id}"

    def do(verb: str, **form: str) -> Enrolment:
        response = browser.post(f"/automations/enrolments/{way.pk}/{verb}", form, headers=headers)
        assert response.status_code == (200 if headers else 302)
        return fresh(way)

    paused = do("pause", until="2099-01-01T09:00", why="on holiday")
    assert (paused.state, paused.reason) == ("paused", "Maya Chen paused it: on holiday")
    assert paused.resume_at == datetime(2099, 1, 1, 9, tzinfo=UTC)
    html = browser.get(path).content.decode()
    assert "Maya Chen paused it: on holiday" in html
    assert "Resume for Bea Holm" in html
    assert do("resume").state == "active"
    assert do("stop").state == "stopped"
    html = browser.get(path).content.decode()
    assert "Maya Chen stopped it." in html, "what can be taken back stays in sight"
    assert "Undo the end for Bea Holm" in html
    assert do("undo").state == "active"


def test_what_is_not_possible_is_said(office: Office, browser_of: Any) -> None:
    way = enrolled(office, builders.make_sequence(office.member))
    browser = browser_of(office.member)
    response = browser.post(f"/automations/enrolments/{way.pk}/resume", headers=HTMX)
    assert response.status_code == 409
    assert "only a paused enrolment can be resumed" in response.content.decode()
    past = browser.post(f"/automations/enrolments/{way.pk}/pause", {"until": "2020-01-01T09:00"}, headers=HTMX)
    assert past.status_code == 409
    assert fresh(way).state == "active"


@pytest.mark.parametrize("verb", ["pause", "resume", "stop", "undo"])
@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_another_contacts_way_does_not_exist(verb: str, who: str, office: Office, browser_of: Any) -> None:
    way = enrolled(office, builders.make_sequence(office.manager))
    response = browser_of(office.people()[who]).post(f"/automations/enrolments/{way.pk}/{verb}")
    assert response.status_code == 404
    assert fresh(way).state == "active"


@pytest.mark.parametrize("kind", LIST)
@pytest.mark.parametrize("verb", ["edit", "switch", "delete", "migrate"])
@pytest.mark.parametrize(("who", "status"), [("colleague", 403), ("lead", 403), ("stranger", 404)])
def test_only_its_owner_and_managers_change_it(
    kind: str, verb: str, who: str, status: int, office: Office, browser_of: Any
) -> None:
    make = {"sequence": builders.make_sequence, "campaign": builders.make_campaign}[kind]
    row = make(office.member)
    response = browser_of(office.people()[who]).post(f"{LIST[kind]}/{row.pk}/{verb}", sent(step("X", 1)))
    assert response.status_code == status
    kept = type(row).objects.get(pk=row.pk)
    assert (kept.name, kept.is_active, kept.archived_at) == (row.name, True, None)


@pytest.mark.parametrize("kind", LIST)
def test_switch_copy_and_delete(kind: str, office: Office, browser_of: Any) -> None:
    row = {"sequence": builders.make_sequence, "campaign": builders.make_campaign}[kind](office.member)
    browser, path = browser_of(office.member), f"{LIST[kind]}/{row.pk}"
    browser.post(f"{path}/switch", {"on": "0"})
    assert not type(row).objects.get(pk=row.pk).is_active
    assert "It is switched off" in browser.get(path).content.decode()
    browser.post(f"{path}/switch", {"on": "1"})
    assert type(row).objects.get(pk=row.pk).is_active
    copied = browser_of(office.colleague).post(f"{path}/copy")
    copy = type(row).objects.exclude(pk=row.pk).get()
    assert copied["Location"] == f"{LIST[kind]}/{copy.pk}/edit"
    assert (copy.owner, copy.name) == (office.colleague, f"Copy of {row.name}")
    assert [one.title for one in outlines.of(copy).steps] == [one.title for one in outlines.of(row).steps]
    assert browser.post(f"{path}/delete")["Location"] == LIST[kind]
    assert browser.get(path).status_code == 404


def test_a_ready_made_one_is_taken_once_and_stays_as_it_is(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.manager)
    assert browser.get(LIST["sequence"]).content.decode().count("Use it") == 3
    path = browser.post(f"{LIST['sequence']}/ready/gentle")["Location"]
    assert browser.post(f"{LIST['sequence']}/ready/gentle")["Location"] == path
    assert browser.get(LIST["sequence"]).content.decode().count("Use it") == 2
    assert browser.post(f"{LIST['sequence']}/ready/harsh").status_code == 404
    html = browser.get(path).content.decode()
    assert "3 days after enrolment" in html
    assert "/edit" not in html
    assert browser.get(f"{path}/edit").status_code == 403
    browser.post(f"{path}/copy")
    assert Sequence.objects.get(preset="").owner == office.manager


def test_moving_to_the_newest_steps_shows_first_what_moves(office: Office, browser_of: Any) -> None:
    row = builders.make_sequence(office.member, days=(1, 3))
    way = enrolled(office, row, name="Bea Holm")
    later = [{**row.steps[0]}, {**row.steps[1], "delay": {"kind": "elapsed", "hours": 24 * 9}}, builders.step(24 * 12)]
    sequences.update(row, by=office.member, now=datetime.now(UTC), steps=later)
    browser, path = browser_of(office.member), f"{LIST['sequence']}/{row.pk}"
    html = browser.get(path).content.decode()
    assert "1 contact goes by the steps as they were before the last change." in html
    shown = browser.get(f"{path}/migrate").content.decode()
    assert [word for word in ("Stays", "Moves", "Is new") if f"<span>{word}</span>" in shown] == [
        "Stays",
        "Moves",
        "Is new",
    ]
    assert way.steps.count() == 2, "a look writes nothing"
    assert browser.post(f"{path}/migrate")["Location"] == path
    assert way.steps.count() == 3
    assert migrating.left(row) == 0
    assert "Everybody is on the newest steps" in browser.get(f"{path}/migrate").content.decode()


def test_saving_says_who_finishes_on_the_old_steps(office: Office, browser_of: Client) -> None:
    row = builders.make_sequence(office.member, days=(1, 3))
    enrolled(office, row)
    browser = browser_of(office.member)
    html = browser.post(f"{LIST['sequence']}/{row.pk}/edit", sent(step("Other", 1)), follow=True).content.decode()
    assert "1 contact finishes on the steps it started with." in html


@pytest.mark.parametrize("kind", LIST)
def test_a_task_leads_to_what_made_it(kind: str, office: Office, browser_of: Any) -> None:
    row = (
        builders.make_sequence(office.member, days=(0,))
        if kind == "sequence"
        else builders.make_campaign(office.member, {"delay_days": 0})
    )
    task = enrolled(office, row).steps.get().task
    browser = browser_of(office.member)
    html = browser.get(f"/tasks/{task.pk}").content.decode()
    assert f'href="{LIST[kind]}/{row.pk}"' in html
    assert f"See the {kind}" in html
    programmes.archive(row, by=office.member, now=datetime.now(UTC))
    assert f'href="{LIST[kind]}/{row.pk}"' not in browser.get(f"/tasks/{task.pk}").content.decode()


def test_everybody_may_enrol_from_a_phone(office: Office, browser_of: Any) -> None:
    row = builders.make_sequence(office.manager)
    html = browser_of(office.member).get(f"{LIST['sequence']}/{row.pk}").content.decode()
    assert 'href="#enrol"' in html
    assert "/edit" not in html


@pytest.mark.parametrize("kind", LIST)
def test_everything_wrong_is_said_at_once(kind: str, office: Office, browser_of: Any) -> None:
    wrong = step("", 1, message_type="task", delay_days="1", condition="contact.score >")
    html = browser_of(office.member).post(f"{LIST[kind]}/new", sent(wrong, name="")).content.decode()
    assert "This field is required." in html
    assert "needs a" in html
    assert '<details class="advanced" open>' in html
    assert html.count('aria-invalid="true"') == 3


def test_no_more_steps_are_offered_than_there_may_be(office: Office, browser_of: Any) -> None:
    browser, path = browser_of(office.member), f"{LIST['sequence']}/new"
    many = [step("Call", day) for day in range(50)]
    html = browser.post(path, sent(*many, do="add")).content.decode()
    assert len(titles(html)) == 50
    assert re.search(r'id="add-step" disabled', html)
    assert "At most 50 steps" in browser.post(path, sent(*many, step("More", 60))).content.decode()
