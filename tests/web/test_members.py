"""A member's page and the team's settings: who sees and who changes what."""

import re
from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from automation.models import TaskAutomationRule
from people.models import Skill, Team, TeamDayOff, TeamSpan, TimeOff, User, UserSkill, WorkingSpan
from performance import scores
from tests import builders
from tests.web.conftest import Office
from tests.web.test_audit import ACCOUNT, TEAM
from web.week_form import DASH
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
Browsers = Callable[[User], Client]


def page_of(person: User, browser: Client) -> Any:
    return browser.get(f"/team/members/{person.pk}")


def test_score_and_load_are_for_oneself_and_leads(office: Office, browser_of: Browsers) -> None:
    builders.make_done_task(office.member)
    scores.recompute(office.member, now=timezone.now())
    for who in ("member", "lead", "manager"):
        html = page_of(office.member, browser_of(office.people()[who])).content.decode()
        assert "Coming weeks" in html
        assert 'id="score"' in html
    html = page_of(office.member, browser_of(office.colleague)).content.decode()
    assert "Coming weeks" not in html
    assert 'id="score"' not in html
    assert "Call Ana" not in html, "work that a colleague may not see"


def test_forms_are_shown_to_whom_they_are_for(office: Office, browser_of: Browsers) -> None:
    def forms(who: str) -> set[str]:
        html = page_of(office.member, browser_of(office.people()[who])).content.decode()
        path = f"/team/members/{office.member.pk}/"
        return {name for name in ("account", "skills", "hours", "away", "leave") if f'action="{path}{name}"' in html}

    builders.make_skill(team=office.member.team)
    assert forms("manager") == {"account", "skills", "hours", "away", "leave"}
    assert forms("member") == {"hours", "away"}
    assert forms("lead") == forms("colleague") == set()


@pytest.mark.parametrize("what", ["account", "skills", "leave", "hours", "away"])
def test_others_are_refused(what: str, office: Office, browser_of: Browsers) -> None:
    url = f"/team/members/{office.member.pk}/{what}"
    for who in ("lead", "colleague"):
        assert browser_of(office.people()[who]).post(url).status_code == 403
    assert browser_of(office.stranger).post(url).status_code == 404
    if what not in ("hours", "away"):
        assert browser_of(office.member).post(url).status_code == 403


def test_nobody_but_a_superuser_changes_a_superuser(office: Office, browser_of: Browsers) -> None:
    boss = builders.make_manager(team=office.manager.team, is_superuser=True)
    assert browser_of(office.manager).post(f"/team/members/{boss.pk}/leave").status_code == 403
    assert browser_of(boss).post(f"/team/members/{office.manager.pk}/account", ACCOUNT).status_code == 302


def test_ones_own_hours_are_typed_a_line_a_day(office: Office, browser_of: Browsers) -> None:
    browser, url = browser_of(office.member), f"/team/members/{office.member.pk}/hours"
    assert browser.post(url, {"week-0": "9-12.30, 13:30 to 17", "week-4": "22:00-24:00"}).status_code == 302
    rows = WorkingSpan.objects.filter(user=office.member).order_by("weekday", "starts")
    assert list(rows.values_list("weekday", "starts", "ends")) == [
        (0, time(9), time(12, 30)),
        (0, time(13, 30), time(17)),
        (4, time(22), time(0)),
    ]
    assert f"09:00{DASH}12:30, 13:30{DASH}17:00" in page_of(office.member, browser).content.decode()
    for wrong, why in (
        ("nine to five", "Write times such as"),
        ("25:00-26:00", "Write times such as"),
        ("17-9:30", "hours at a stretch"),
        ("9-12, 9-10", "already exists"),
    ):
        refused = browser.post(url, {"week-1": wrong})
        assert refused.status_code == 422
        assert why in refused.content.decode(), wrong
    assert rows.count() == 3
    browser.post(url, {})
    assert not rows.exists()


def test_time_off_is_added_and_taken_away(office: Office, browser_of: Browsers) -> None:
    browser, url = browser_of(office.member), f"/team/members/{office.member.pk}/away"
    day = timezone.localdate() + timedelta(days=3)
    kept = builders.make_time_off(office.member, starts_on=day, reason="Dentist")
    form = {"starts_on": day + timedelta(days=9), "ends_on": day + timedelta(days=12), "reason": "Sea"}
    assert browser.post(url, form).status_code == 302
    refused = browser.post(url, form | {"ends_on": day})
    assert "swap them" in refused.content.decode()
    assert set(TimeOff.objects.values_list("reason", flat=True)) == {"Dentist", "Sea"}
    sea = TimeOff.objects.get(reason="Sea")
    assert browser.post(f"{url}/{sea.pk}/remove").status_code == 302
    assert list(TimeOff.objects.values_list("reason", "starts_on")) == [("Dentist", kept.starts_on)]


def test_skills_are_set_all_at_once(office: Office, browser_of: Browsers) -> None:
    sql, python = (builders.make_skill(team=office.member.team, name=name) for name in ("SQL", "Python"))
    other = builders.make_skill(name="Theirs")
    UserSkill.objects.create(user=office.member, skill=python, level=2)
    form = {f"skill_{sql.pk}": "5", f"skill_{python.pk}": "", f"skill_{other.pk}": "3"}
    browser_of(office.manager).post(f"/team/members/{office.member.pk}/skills", form)
    assert list(office.member.skill_levels.values_list("skill", "level")) == [(sql.pk, 5)]


def test_pools_are_the_rules_that_may_give_the_person_tasks(office: Office, browser_of: Browsers) -> None:
    builders.make_skill(office.colleague, name="Spanish", level=3)

    def rule(name: str, assign: str, level: int = 0, **fields: Any) -> None:
        needs = [{"skill": "Spanish", "level": level}] if level else []
        builders.make_rule(office.manager, name=name, assign=assign, required_skills=needs, **fields)

    rule("In turn", "round_robin", 3)
    rule("Best", "best_match")
    rule("Named", f"user:{office.colleague.pk}", 5)
    rule("Too high", "best_match", 4)
    rule("Its owner's", "owner")
    rule("Switched off", "best_match", is_active=False)
    builders.make_rule(office.stranger, name="Of others", assign="best_match")
    TaskAutomationRule.objects.filter(name="Best").update(required_skills=5)  # by hand: it asks for nothing we know
    html = page_of(office.colleague, browser_of(office.colleague)).content.decode()
    card = html[html.index('id="pools"') :].split("</section>")[0]
    found = re.findall(r">([^<]+)</a><span class=\"soft\">([^<]+)<", card)
    assert found == [("Best", "whoever fits best"), ("In turn", "each in turn"), ("Named", "always")]
    assert "Named" not in page_of(office.member, browser_of(office.manager)).content.decode()


def test_an_account_keeps_the_rules_of_the_api(office: Office, browser_of: Browsers) -> None:
    browser, url = browser_of(office.manager), f"/team/members/{office.member.pk}/account"
    for form, why in (
        ({"username": office.colleague.username.upper()}, "is taken: choose another"),
        ({"email": office.colleague.email.upper()}, "Somebody else has this e-mail"),
        ({"focus_factor": "2"}, "less than or equal"),
        ({"country": "XX"}, "is no country"),
    ):
        refused = browser.post(url, ACCOUNT | form)
        assert refused.status_code == 422
        assert why in refused.content.decode(), form
    office.member.refresh_from_db()
    assert office.member.role == User.MEMBER
    browser.post(url, ACCOUNT)
    office.member.refresh_from_db()
    assert (office.member.username, office.member.role) == ("maya", "lead")
    last = browser.post(f"/team/members/{office.manager.pk}/account", ACCOUNT | {"username": "me"})
    assert "only manager" in last.content.decode()


def test_who_leaves_gives_work_back_and_the_last_manager_stays(office: Office, browser_of: Browsers) -> None:
    browser = browser_of(office.manager)
    answer = browser.post(f"/team/members/{office.member.pk}/leave", follow=True)
    assert "has left" in answer.content.decode()
    assert Task.objects.get(pk=office.task.pk).assignee is None
    assert ">Left<" in page_of(office.member, browser).content.decode().replace("<span>", "").replace("</span>", "<")
    answer = browser.post(f"/team/members/{office.manager.pk}/leave", follow=True)
    assert "only manager" in answer.content.decode()


WRITES = {
    "": TEAM,
    "/hours": {"week-0": "9-17"},
    "/days-off": {"on": "2026-12-24", "name": "Eve"},
    "/members": {"username": "ada", "role": "member"},
    "/skills": {"name": "SQL"},
}


@pytest.mark.parametrize("path", WRITES)
def test_the_team_is_changed_by_managers_alone(path: str, office: Office, browser_of: Browsers) -> None:
    for who in ("member", "lead"):
        assert browser_of(office.people()[who]).post(f"/settings/team{path}", WRITES[path]).status_code == 403
    html = browser_of(office.lead).get("/settings/team").content.decode()
    assert "<form" not in html.split("<h1>")[1].split("</main>")[0]
    assert browser_of(office.manager).post(f"/settings/team{path}", WRITES[path]).status_code == 302
    assert not TeamSpan.objects.exclude(team=office.manager.team).exists()
    assert not TeamDayOff.objects.exclude(team=office.manager.team).exists()


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"weight_priority": "500"}, "sum to 1100"),
        ({"timezone": "Mars/Olympus"}, "no known time zone"),
        ({"country": "DE", "region": "XX"}, "is no region"),
        ({"scoring": "kind"}, "valid choice"),
    ],
)
def test_a_team_that_cannot_be_is_refused(form: dict[str, str], why: str, office: Office, browser_of: Browsers) -> None:
    refused = browser_of(office.manager).post("/settings/team", TEAM | form)
    assert refused.status_code == 422
    assert why in refused.content.decode()
    assert Team.objects.get(pk=office.manager.team_id).name == "Northbeam"


def test_policy_and_weights_are_saved(office: Office, browser_of: Browsers) -> None:
    browser_of(office.manager).post("/settings/team", TEAM | {"weight_priority": "300", "weight_urgency": "400"})
    team = Team.objects.get(pk=office.manager.team_id)
    assert (team.scoring, team.weight_priority, team.weight_urgency, team.weight_balance) == ("fair", 300, 400, 0)


def test_holidays_of_the_country_and_days_off_are_listed(office: Office, browser_of: Browsers) -> None:
    Team.objects.filter(pk=office.manager.team_id).update(country="DE", region="BY")
    day = timezone.localdate() + timedelta(days=5)
    row = TeamDayOff.objects.create(team=office.manager.team, on=day, name="Summer party")
    browser = browser_of(office.manager)
    html = browser.get("/settings/team").content.decode()
    assert "Public holidays of DE, BY." in html
    assert "Summer party" in html
    browser.post(f"/settings/team/days-off/{row.pk}/remove")
    assert not TeamDayOff.objects.exists()


def test_a_new_member_signs_in_with_the_password_they_were_given(office: Office, browser_of: Browsers) -> None:
    browser = browser_of(office.manager)
    weak = browser.post("/settings/team/members", {"username": "ada", "role": "lead", "password": "short"})
    assert weak.status_code == 422
    browser.post("/settings/team/members", {"username": "ada", "role": "lead", "password": "a-long-password"})
    ada = User.objects.get(username="ada")
    assert (ada.team, ada.role, ada.check_password("a-long-password")) == (office.manager.team, "lead", True)
    taken = browser.post("/settings/team/members", {"username": "ADA", "role": "member"})
    assert taken.status_code == 422


def test_a_skill_that_work_asks_for_stays(office: Office, browser_of: Browsers) -> None:
    browser = browser_of(office.manager)
    browser.post("/settings/team/skills", {"name": " SQL "})
    assert browser.post("/settings/team/skills", {"name": "sql"}).status_code == 422
    skill = Skill.objects.get()
    assert skill.name == "SQL"
    builders.make_task(office.member, skills={skill: 1})
    answer = browser.post(f"/settings/team/skills/{skill.pk}/remove", follow=True)
    assert "Tasks ask for this skill" in answer.content.decode()
    theirs = builders.make_skill(team=office.stranger.team)
    assert browser.post(f"/settings/team/skills/{theirs.pk}/remove").status_code == 404
