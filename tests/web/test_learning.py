"""What is learned, on pages: the team's, with its switches and versions; and what it says of a task and a contact."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crm.models import Activity, Contact
from learning import deal_values, lead_models, nights
from learning.models import BestTimeCheck, ScoreModel, TeamLearning
from people.models import Change
from tests import builders
from tests.learning import past
from tests.web.conftest import Office
from tests.web.test_audit import RULE_FORM
from tests.web.test_doing import note_of
from work.models import Task

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
CHOICES = {"won_statuses": "active", "lost_statuses": ["lost", "inactive"], "urgent_share": "30", "times": "on"}


def html(client: Any, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def test_the_page_tells_what_was_learned(office: Office, browser_of: Any) -> None:
    page = browser_of(office.member)
    assert "it begins tonight" in html(page, "/settings/learning")
    past.habit(office.contact, 15, until=NOW, days=30)
    nights.learn(office.manager.team, now=NOW)
    found = html(page, "/settings/learning")
    assert "60 attempts" in found
    assert "Call: when contacts of the team answer, on their own clocks" in found
    assert found.count('<div class="hours">') == 1
    assert "By points alone" in found
    assert "+10" in found
    assert "it begins tonight" not in found
    assert 'name="urgent_share"' not in found, "members look, managers change"
    assert page.post("/settings/learning", CHOICES).status_code == 403
    assert page.post("/settings/learning/version", {"version": "1"}).status_code == 403


def test_the_page_tells_what_chosen_hours_bring(office: Office, browser_of: Any) -> None:
    page = browser_of(office.member)
    assert "What chosen hours bring" not in html(page, "/settings/learning")
    BestTimeCheck.objects.create(
        team=office.manager.team, at=NOW, kept=60, kept_answered=18, chosen=540, chosen_answered=172
    )
    found = html(page, "/settings/learning")
    assert "172 of 540 contacts answered within four hours" in found
    assert "32%" in found
    assert "No difference can be told yet: plausibly it lies between" in found
    assert "To see 3 points takes 23," in found
    office.member.language = "de"
    office.member.save()
    assert "Noch lässt sich kein Unterschied" in html(page, "/settings/learning")


def test_managers_switch_what_is_learned(office: Office, browser_of: Any) -> None:
    page = browser_of(office.manager)
    assert page.post("/settings/learning", CHOICES).status_code == 302
    row = TeamLearning.objects.get(team=office.manager.team)
    assert (row.times, row.scores, row.estimates, row.urgent_share) == (True, False, False, 30)
    assert (row.won_statuses, row.lost_statuses, row.deal_value_key) == (["active"], ["lost", "inactive"], "")
    page.post("/settings/learning", CHOICES | {"deal_value_key": " amount "})
    row.refresh_from_db()
    assert row.deal_value_key == "amount"
    both = page.post("/settings/learning", CHOICES | {"won_statuses": ["active", "lost"]})
    assert both.status_code == 422
    assert "not both" in both.content.decode()
    row.refresh_from_db()
    assert row.won_statuses == ["active"]


def test_managers_go_back_to_a_version_and_on_again(office: Office, browser_of: Any) -> None:
    page = browser_of(office.manager)
    nights.learn(office.manager.team, now=NOW)
    ScoreModel.objects.create(
        team=office.manager.team, version=2, made_at=NOW, kind="rules", n=0, wins=0, data=ScoreModel.objects.get().data
    )
    for asked, active in (({"version": "1"}, 1), ({}, 2), ({"version": "2"}, 2), ({"version": "77"}, 2)):
        assert page.post("/settings/learning/version", asked).status_code == 302
        assert ScoreModel.objects.get(active=True).version == active
    assert "in use, held on to" in html(page, "/settings/learning")


def test_the_page_tells_how_sure_scores_are(office: Office, browser_of: Any) -> None:
    bands = [
        {"band": 1, "n": 40, "wins": 30, "rate": 0.75, "low": 0.62, "high": 0.85},
        {"band": 2, "n": 0, "wins": 0, "rate": None, "low": None, "high": None},
    ]
    check = {"n": 40, "wins": 30, "auc": 0.8, "brier": 0.2, "bands": bands}
    ScoreModel.objects.create(
        team=office.manager.team, version=1, made_at=NOW, kind="learned", n=200, wins=90, check_data=check, active=True
    )
    shown = html(browser_of(office.manager), "/settings/learning")
    assert "30 of 40 leads were won; 62% to 85% are plausible" in shown
    assert "Band 2" not in shown
    assert "are plausible" not in html(browser_of(office.member), "/settings/learning")


def test_versions_are_for_who_sees_the_team_as_in_the_api(office: Office, browser_of: Any) -> None:
    """The one in use is among them, however old it is."""
    for _ in range(7):
        nights.train_now(office.manager.team, now=NOW)
    lead_models.activate(office.manager.team, 1, by=office.manager, now=NOW)
    shown = html(browser_of(office.manager), "/settings/learning")
    for version in (1, 3, 7):
        assert f'<b class="num">{version}</b>' in shown
    assert '<b class="num">2</b>' not in shown
    assert '<b class="num">7</b>' not in html(browser_of(office.member), "/settings/learning")


def test_what_does_not_count_yet_says_so(office: Office, browser_of: Any) -> None:
    """Points that are changed while scores are off or an old version is held, and a version while scores are off."""
    page = browser_of(office.manager)
    nights.learn(office.manager.team, now=NOW)
    line = {"do": "add", "field": "phone", "value": "missing"}
    assert "it counts from tonight on" in said(page, line | {"points": "1"})
    lead_models.activate(office.manager.team, 1, by=office.manager, now=NOW)
    told = said(page, line | {"points": "2", "field": "company"})
    assert "once the newest version is used again: leads are scored by version 1." in told
    TeamLearning.objects.update(scores=False, times=False, estimates=False)
    assert "once scores are switched on" in said(page, {"do": "usual"})
    changed = page.post("/settings/learning/version", {}, follow=True).content.decode()
    assert "once scores are switched on" in changed
    assert changed.count("Switched off: nothing is learned of it now.") == 3
    assert "it begins tonight" not in changed


def said(page: Any, fields: dict[str, str]) -> str:
    return str(page.post("/settings/learning/points", fields, follow=True).content.decode())


def test_a_lead_shows_why_it_has_its_score(office: Office, browser_of: Any) -> None:
    Contact.objects.filter(pk=office.contact.pk).update(phone="1", company="C")
    page = browser_of(office.member)
    assert "By points, not learned yet" not in html(page, f"/contacts/{office.contact.pk}")
    nights.learn(office.manager.team, now=NOW)
    found = html(page, f"/contacts/{office.contact.pk}")
    assert "Phone: known" in found
    assert "By points, not learned yet: 0 won and 0 lost" in found
    assert "Priority: Urgent" in found
    assert "set by hand" not in found
    Contact.objects.filter(pk=office.contact.pk).update(lead_score=77)
    nights.learn(office.manager.team, now=NOW)
    assert "set by hand; computed: " in html(page, f"/contacts/{office.contact.pk}")


def test_what_a_lead_is_worth_is_written_down_on_its_page(office: Office, browser_of: Any) -> None:
    page, where = browser_of(office.member), f"/contacts/{office.contact.pk}"
    assert 'name="worth"' not in html(page, where)
    page.post(f"{where}/note", {"kind": "note", "text": "Big", "worth": "900"})
    assert Activity.objects.filter(contact=office.contact, data__has_key="amount").count() == 0
    TeamLearning.objects.create(team=office.member.team, deal_value_key="amount")
    assert 'name="worth"' in html(page, where)
    for worth, kept in (("12000,50", 12000.5), ("7", 7), ("much", 7), ("-1", 7), ("", 7)):
        page.post(f"{where}/note", {"kind": "note", "text": "", "worth": worth})
        assert deal_values.of([office.contact.pk], "amount") == {office.contact.pk: kept}
    page.post(f"{where}/note", {"kind": "call", "text": "Wants more", "minutes": "3", "worth": "8000"})
    row = Activity.objects.latest("pk")
    assert row.data == {"amount": 8000, "minutes": 3, "note": "Wants more\namount: 8000"}
    nights.learn(office.manager.team, now=NOW)
    assert "It is worth 8,000." in html(page, where)
    Contact.objects.filter(pk=office.contact.pk).update(status="active")
    assert 'name="worth"' not in html(page, where), "only leads are ranked"


def test_a_task_shows_what_such_tasks_took_and_why_it_is_due_when_it_is(office: Office, browser_of: Any) -> None:
    page = browser_of(office.member)
    for n in range(30):
        builders.make_done_task(office.member, estimated_hours=1, actual_hours=(2, 3)[n % 2])
    timing = {"reason": "learned", "chosen_by": "best_time", "propensity": 0.95, "chance": 0.5, "usual_chance": 0.25}
    task = builders.make_task(office.member, estimated_hours=2, timing=timing)
    found = html(page, f"/tasks/{task.pk}")
    assert "Usually 4." in found
    assert "50% of the time within 4 h, against 25%" in found
    Task.objects.filter(pk=task.pk).update(timing=timing | {"moved": True})
    TeamLearning.objects.create(team=task.team, estimates=False)
    found = html(page, f"/tasks/{task.pk}")
    assert "Usually" not in found
    assert "within 4 h" not in found


def test_a_rule_is_told_to_use_what_was_learned(office: Office, browser_of: Any) -> None:
    page, address = browser_of(office.manager), f"/automations/task-scheduling/{office.rule.pk}"
    asked = RULE_FORM | {"best_time_within_hours": "24", "priority_from_score": "on"}
    for form in (RULE_FORM, asked):
        assert page.post(address, form).status_code == 302
    office.rule.refresh_from_db()
    assert (office.rule.best_time_within_hours, office.rule.priority_from_score) == (24, True)
    found = html(page, address)
    assert 'name="best_time_within_hours" value="24"' in found
    assert page.post(address, asked | {"best_time_within_hours": "999"}).status_code == 422
    assert "At the best time, within hours" in html(page, f"{address}/versions")


def test_how_estimates_go_is_a_page_with_bars_and_members_see_their_own(office: Office, browser_of: Any) -> None:
    page = browser_of(office.member)
    assert "Nothing to tell yet" in html(page, "/team/estimates")
    for n in range(12):
        done = {"estimated_hours": 1, "actual_hours": (2, 3)[n % 2], "kind": f"rule:{office.rule.pk}"}
        builders.make_done_task(office.member, **done)
        builders.make_done_task(office.colleague, **done | {"kind": ""})
    nights.learn(office.manager.team, now=NOW)
    own = html(page, "/team/estimates")
    assert "Maya" in own
    assert office.rule.name not in own
    assert office.colleague.display_name not in own
    found = html(browser_of(office.lead), "/team/estimates")
    for name in (office.rule.name, "Made by hand", "Maya", office.colleague.display_name):
        assert name in found
    assert found.count('<svg class="bias"') == 4
    assert 'href="/team/estimates"' in html(page, "/settings/learning")
    assert 'href="/team/estimates"' in html(page, "/team/performance")
    lines = page.get("/export/estimates").getvalue().decode().splitlines()
    assert [line.split(",")[:4] for line in lines[1:]] == [["person", str(office.member.pk), "Maya Chen", "12"]]
    TeamLearning.objects.create(team=office.member.team, estimates=False)
    assert "Estimates are switched off" in html(page, "/team/estimates")


def test_managers_change_what_facts_of_leads_are_worth_line_by_line(office: Office, browser_of: Any) -> None:
    page, where = browser_of(office.manager), "/settings/learning/points"

    def table() -> list[tuple[str, float]]:
        shown = page.get("/settings/learning").context["point_lines"]
        return [(line.what, line.points) for line in shown]

    def post(**form: str) -> str:
        return str(page.post(where, form, follow=True).content.decode())

    def key(place: int) -> str:
        return str(page.get("/settings/learning").context["point_lines"][place].key)

    usual = table()
    assert "Added" in post(do="add", field="tag", value="vip", points="2,5")
    assert table() == [*usual, ("#vip: yes", 2.5)]
    first = key(0)
    assert "Saved" in post(do="change", line=first, points="-5")
    assert table()[0] == (usual[0][0], -5)
    assert "look at the table again" in post(do="change", line=first, points="7")
    assert "look at the table again" in post(do="remove", line="{}")
    assert "Removed" in post(do="remove", line=key(0))
    assert table() == [*usual[1:], ("#vip: yes", 2.5)]
    for form, told in (
        ({"field": "tag", "value": "", "points": "1"}, "Name the tag."),
        ({"field": "tag", "value": "age", "points": "1"}, "is a trait of the person"),
        ({"field": "tag", "value": "vip", "points": "1"}, "in the table already"),
        ({"field": "shoe", "points": "1"}, "Select a valid choice"),
        ({"field": "mail", "points": "500"}, "100"),
        ({"field": "mail", "points": "many"}, "Write a number"),
    ):
        assert told in post(do="add", **form)
    for _ in range(2):
        post(do="remove", line=key(0))
    assert "This is the last line" in post(do="remove", line=key(0))
    assert "usual points count again" in post(do="usual")
    assert table() == usual
    assert TeamLearning.objects.get(team=office.manager.team).points == []
    assert Change.objects.filter(kind="learning", actor=office.manager).count() == 6
    assert browser_of(office.member).post(where, {"do": "usual"}).status_code == 403


def test_managers_change_what_is_worth_what_leads_do(office: Office, browser_of: Any) -> None:
    page, where = browser_of(office.manager), "/settings/learning/points"

    def table() -> list[tuple[str, float]]:
        return [(line.what, line.points) for line in page.get("/settings/learning").context["deed_lines"]]

    def post(**form: str) -> Any:
        return page.post(where, form, follow=True)

    def key(place: int) -> str:
        return str(page.get("/settings/learning").context["deed_lines"][place].key)

    usual = table()
    assert ("Clicked a link", 3) in usual
    first = post(do="change", line=key(0), points="2")
    assert table()[0] == (usual[0][0], 2)
    assert "Added" in post(do="add", field="did:call", points="4").content.decode()
    assert "Added" in post(do="add", field="did:", value="demo_watched", points="20").content.decode()
    assert table()[-2:] == [("Call", 4), ("Demo watched", 20)]
    for form, told in (
        ({"field": "did:", "value": "", "points": "1"}, "Name the type of the activity."),
        ({"field": "did:call", "value": "long", "points": "1"}, "no value"),
        ({"field": "did:call", "points": "1"}, "in the table already"),
        ({"field": "did:", "value": "task_completed", "points": "1"}, "Nextmove itself records it"),
    ):
        assert told in post(do="add", **form).content.decode()
    for _ in range(6):
        post(do="remove", line=key(0))
    assert "This is the last line" in post(do="remove", line=key(0)).content.decode()
    assert len(page.get("/settings/learning").context["point_lines"]) == 3, "facts stay"
    post(do="usual")
    assert table() == usual
    again = post(do="change", line=key(0), points="9")
    assert "changed since" in page.post("/undo", {"note": note_of(first)}, follow=True).content.decode()
    page.post("/undo", {"note": note_of(again)})
    assert table() == usual
    member = html(browser_of(office.member), "/settings/learning")
    assert "Clicked a link" in member


def test_a_change_of_points_is_taken_back_unless_somebody_changed_them_since(office: Office, browser_of: Any) -> None:
    page, where = browser_of(office.manager), "/settings/learning/points"
    added = page.post(where, {"do": "add", "field": "tag", "value": "vip", "points": "20"}, follow=True)
    note = note_of(added)
    again = note_of(page.post(where, {"do": "add", "field": "tag", "value": "new", "points": "1"}, follow=True))
    assert "changed since" in page.post("/undo", {"note": note}, follow=True).content.decode()
    page.post("/undo", {"note": again})
    assert [one["field"] for one in TeamLearning.objects.get().points][-1] == "tag:vip"
    page.post("/undo", {"note": note})
    assert TeamLearning.objects.get().points == []
