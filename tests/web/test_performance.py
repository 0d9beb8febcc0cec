"""The performance page: what a score is made of, how one compares, and how it moved; for leads the team's figures."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from django.test import Client

from people import speech
from people.models import Team, User
from performance import scores
from tests import builders
from web import sparkline
from work.models import Assignment

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def lead() -> User:
    team = builders.make_team(timezone="UTC")
    return builders.make_lead(team=team, first_name="Zoe", last_name="Adler")


@pytest.fixture
def member(lead: User) -> User:
    return builders.make_user(team=lead.team, first_name="Maya", last_name="Chen")


def told(browser: Client) -> str:
    page = browser.get("/team/performance")
    assert page.status_code == 200
    return " ".join(unescape(page.content.decode()).split())


def finish(user: User, count: int, **fields: object) -> None:
    for _ in range(count):
        builders.make_done_task(user, at=datetime.now(UTC) - 3 * DAY, **fields)


def leave(user: User, count: int) -> None:
    """Tasks that are not finished, and no work of this week."""
    due = datetime.now(UTC) + 30 * DAY
    for _ in range(count):
        builders.make_task(user, created_at=datetime.now(UTC) - 3 * DAY, due_date=due, estimated_hours=1)


def test_a_score_is_told_with_all_it_is_made_of(member: User, browser_of) -> None:
    finish(member, 6, hours=2)
    leave(member, 2)
    page = told(browser_of(member))
    assert "6 of 8 tasks given in 90 days are finished." in page
    assert "Planned against actual hours of 6 finished tasks." in page
    assert "Match with 6 tasks that ask for skills." in page
    assert "are spoken for." in page
    assert "The team has too few tasks for a rate to compare with." in page
    assert "The team's average" not in page


def test_what_is_missing_is_said_and_the_others_weigh_more(member: User, browser_of) -> None:
    leave(member, 1)
    page = told(browser_of(member))
    assert "No finished task has both an estimate and actual hours." in page
    assert "No task asked for skills." in page
    assert "64%" in page  # 0.35 of 0.55


def test_the_fair_policy_is_told_in_hours(member: User, browser_of) -> None:
    Team.objects.filter(pk=member.team_id).update(scoring="fair")
    finish(member, 2, hours=2, due_date=datetime.now(UTC))
    finish(member, 1, hours=2, due_date=datetime.now(UTC) - 9 * DAY)
    page = told(browser_of(member))
    assert "Of 6 h that were due, 4 h were on time and 2 h late, which count half." in page
    assert "Planned against actual hours of 3 finished tasks, long ones counting more." in page


@pytest.mark.parametrize(
    ("own", "others", "answer"),
    [
        ((32, 0), (10, 32), "Higher than the team"),
        ((0, 32), (42, 2), "Lower than the team"),
        ((10, 2), (20, 4), "Not clearly different"),
    ],
)
def test_one_is_compared_with_the_team(
    own: tuple[int, int], others: tuple[int, int], answer: str, member: User, lead: User, browser_of
) -> None:
    for user, (done, left) in ((member, own), (lead, others)):
        finish(user, done)
        leave(user, left)
    page = told(browser_of(member))
    given, rate = sum(own), 100 * (own[0] + others[0]) / (sum(own) + sum(others))
    assert answer in page
    assert f"You finished {own[0]} of {given} tasks" in page
    assert f"The team's rate is {rate:.1f}." in page


def test_leads_see_the_teams_figures_and_people_by_name(lead: User, member: User, browser_of) -> None:
    finish(member, 4)
    finish(lead, 2, due_date=datetime.now(UTC) - 9 * DAY)
    finish(lead, 1, due_date=datetime.now(UTC))
    Assignment.objects.filter(user=lead).update(ended_at=datetime.now(UTC) - 8 * DAY)
    for days in (1, 0):
        scores.recompute_team(lead.team, now=datetime.now(UTC) - days * DAY)
    page = told(browser_of(lead))
    assert 'Finished in 7 days</dt><dd class="value num">4</dd><dd class="note num">3 in the 7 before' in page
    assert 'On time</dt><dd class="value num">33%' in page
    assert "aria-label=\"The team's average: From " in page
    twins = re.findall(r"The same as a table.*?<tbody>(.*?)</tbody>", page, re.DOTALL)
    assert [twin.count("<tr>") for twin in twins] == [2, 2], "the drawing of each day is a table too"
    (newest, value), *_ = re.findall(r'<th scope="row">([^<]+)</th><td class="right num">([\d.]+)<', twins[1])
    assert newest == speech.dated(scores.local_day(lead.team, datetime.now(UTC)), "D j M Y")
    assert 0 <= float(value) <= 100
    assert page.rindex(">Maya Chen<") < page.rindex(">Zoe Adler<")


def test_somebody_new_has_a_page_too(member: User, lead: User, browser_of) -> None:
    for user in (member, lead):
        page = told(browser_of(user))
        assert "No score is kept yet" in page
        assert "Nothing to compare yet" in page
        assert 'class="trend"' not in page


def test_a_row_of_before_there_were_comparisons_is_shown(lead: User, browser_of) -> None:
    finish(lead, 6)
    row = scores.recompute(lead, now=datetime.now(UTC))
    details = {name: value for name, value in row.details.items() if name not in ("comparison", "policy")}
    lead.scores.update(details=details)
    assert "6 of 6 tasks given" in told(browser_of(lead))


UNTIL = date(2026, 3, 4)


def drawn(*points: tuple[int, float | None]) -> sparkline.Sparkline | None:
    trend = [{"on": (UNTIL - days * DAY).isoformat(), "performance_score": score} for days, score in points]
    return sparkline.of(trend, until=UNTIL)


def test_a_trend_runs_from_the_left_edge_to_today() -> None:
    line = drawn((89, 0.0), (0, 100.0))
    assert line is not None
    assert (line.path, line.newest) == ("M4.0 60.0 L296.0 4.0", "M296.0 4.0 L296.0 4.0")
    assert (line.high, line.low) == ("15.2", "32.0")
    assert line.words == "From 0.0 on 5 Dec to 100.0 on 4 Mar; lowest 0.0, highest 100.0."


def test_a_trend_is_broken_where_there_was_no_score() -> None:
    line = drawn((4, 50.0), (3, None), (2, 50.0), (1, 50.0), (0, None))
    assert line is not None
    first, second = line.path.split(" M")
    assert first == "M282.9 32.0 L282.9 32.0"
    assert second.count("L") == 1


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawn() is drawn((1, None)) is None
    one = drawn((1, 84.9))
    assert one is not None
    assert one.words == "84.9 on 3 Mar, the first score kept."


def test_leads_see_who_is_high_and_who_may_need_help_by_name_and_what_that_means(
    lead: User, member: User, browser_of
) -> None:
    finish(member, 6, hours=2)
    finish(lead, 5, hours=1, actual_hours=90)
    leave(lead, 40)
    scores.recompute_team(lead.team, now=datetime.now(UTC))
    shown = browser_of(lead).get("/team/performance").context
    assert {str(title): [line["name"] for line in lines] for title, _, lines in shown["lists"]} == {
        "High performers": ["Maya Chen"],
        "May need help": ["Zoe Adler"],
    }
    assert sum(bar.people for bar in shown["bars"]) == 2
    page = told(browser_of(lead))
    assert "A score above 80, of five finished tasks at least." in page
    assert f'href="/team/members/{member.pk}"' in page
    own = told(browser_of(member))
    assert "twice as long and half as long both give 50" in own
    assert "May need help" not in own
