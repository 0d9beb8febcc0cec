"""The workload page: how full people's days are, what waits with its best match, and giving work out."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from assignment.models import Run, Suggestion
from people.models import TeamDayOff, User
from tests import builders
from tests.web.conftest import Office
from web import answers
from work import capacity
from work.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = builders.NOW
"""A Wednesday, 10:00 UTC."""
MONDAY = date(2026, 6, 15)
HTMX = {"HX-Request": "true"}
Browsers = Callable[[User], Client]


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def at(day: int, hour: int = 12) -> datetime:
    """An instant of the week, 0 for its Monday."""
    return datetime(2026, 6, 15 + day, hour, tzinfo=UTC)


def read(browser: Client, query: str = "") -> Any:
    response = browser.get(f"/team/workload{query}")
    assert response.status_code == 200
    return response


def row_of(response: Any, person: User) -> Any:
    (found,) = [line.row for line in response.context["lines"] if line.row.user == person]
    return found


def note_of(response: Any) -> str:
    (tags,) = [message.extra_tags for message in response.context["messages"] if message.extra_tags]
    return str(tags).removeprefix(answers.UNDO)


def test_a_day_holds_what_is_due_on_it_and_today_what_is_overdue(office: Office, browser_of: Browsers) -> None:
    person = office.colleague
    for due, hours in ((at(0), 1), (at(2), 2), (at(3), 4), (at(3, 0), 8), (at(9), 16), (None, 32)):
        builders.make_task(person, due_date=due, estimated_hours=hours)
    row = row_of(read(browser_of(office.lead)), person)
    # Midnight ends Wednesday; Monday's is overdue.
    assert [cell.booked for cell in row.cells] == [0, 0, 11, 4, 0, 0, 0]
    assert [cell.tasks for cell in row.cells] == [0, 0, 3, 1, 0, 0, 0]
    assert (row.undated, row.undated_hours) == (1, 32)
    assert row.cells[2].over == 3


def test_the_week_is_the_one_that_the_api_tells(office: Office, browser_of: Browsers) -> None:
    person = office.colleague
    person.focus_factor = Decimal("0.5")
    person.save()
    builders.make_time_off(person, starts_on=MONDAY + timedelta(days=4))
    for due, hours in ((at(-3), 3), (at(2, 20), 2), (at(6), 4), (at(12), 8), (None, 1)):
        builders.make_task(person, due_date=due, estimated_hours=hours)
    row, week = row_of(read(browser_of(office.lead)), person), capacity.week(person, now=NOW)
    assert (row.max_hours, row.used_hours, row.contracted_hours) == (
        week.max_hours,
        week.used_hours,
        week.contracted_hours,
    )


def test_days_off_are_named(office: Office, browser_of: Browsers) -> None:
    builders.make_time_off(office.colleague, starts_on=MONDAY + timedelta(days=3), reason="Vacation")
    TeamDayOff.objects.create(team=office.lead.team, on=MONDAY + timedelta(days=4), name="Summer party")
    office.lead.team.country = "US"
    office.lead.team.save()
    html = read(browser_of(office.lead)).content.decode()
    assert html.count('title="Vacation"') == 1
    assert html.count('title="Summer party"') == 4
    assert html.count("Juneteenth") == 0, "the team's own day is on that date"
    assert "Independence Day" in read(browser_of(office.lead), "?week=2026-07-01").content.decode()


def test_other_weeks_are_shown_and_nonsense_is_this_one(office: Office, browser_of: Browsers) -> None:
    builders.make_task(office.colleague, due_date=at(9), estimated_hours=3)
    lead = browser_of(office.lead)
    later = row_of(read(lead, "?week=2026-06-24"), office.colleague)
    assert later.cells[2].booked == 3
    assert later.undated == 0
    for asked in ("nonsense", "9999-12-31", "0001-01-01", ""):
        assert read(lead, f"?week={asked}").context["monday"] == MONDAY


def test_a_past_day_shows_what_was_done_on_it(office: Office, browser_of: Browsers) -> None:
    builders.make_done_task(office.colleague, at=at(1), hours=3)
    row = row_of(read(browser_of(office.lead)), office.colleague)
    assert (row.cells[1].done, row.cells[1].finished) == (3, 1)


def test_figures_stand_beside_last_week(office: Office, browser_of: Browsers) -> None:
    team_mate = office.colleague
    for when, late in ((at(1), False), (at(-6), True), (at(-5), False)):
        builders.make_done_task(team_mate, at=when, due_date=when + timedelta(hours=-1 if late else 1))
    builders.make_task(team_mate, due_date=at(2, 16))
    shown = {figure.label: figure for figure in read(browser_of(office.lead)).context["figures"]}
    assert (shown["Due today"].value, shown["On time"].value, shown["On time"].change) == ("1", "100%", "+50")
    assert shown["On time"].tone == "good"


def test_the_queue_names_whoever_fits_best_and_why(office: Office, browser_of: Browsers) -> None:
    skill = builders.make_skill(office.colleague, level=4, name="Renewals")
    builders.make_task(team=office.lead.team, title="Renew it", skills={skill: 2})
    builders.make_task(team=office.lead.team, title="Fly it", skills={builders.make_skill(team=office.lead.team): 1})
    (first, second) = read(browser_of(office.lead)).context["waiting"]
    assert (first.task.title, first.person) == ("Renew it", office.colleague)
    assert first.why.startswith("Renewals 4/5")
    assert (second.person, second.why) == (None, "Nobody has the skills")


def test_what_changes_elsewhere_shows_and_nothing_is_sent_while_nothing_does(
    office: Office, browser_of: Browsers
) -> None:
    lead = browser_of(office.lead)
    url = read(lead).context["live_url"]
    assert lead.get(url, headers=HTMX).status_code == 204
    builders.make_task(office.colleague, due_date=at(3), estimated_hours=2)
    assert b"live" in lead.get(url, headers=HTMX).content


def place(browser: Client, task: Task, **form: Any) -> Any:
    return browser.post(f"/tasks/{task.pk}/place", form, follow=True)


@pytest.mark.parametrize(
    ("was", "day", "due"),
    [
        (at(3, 9), 4, at(4, 9)),  # the time of day stays
        (None, 4, at(4, 17)),  # without one it is the end of work
        (at(4, 9), 4, at(4, 9)),
        (at(4, 9), 2, at(2, 17)),  # nine o'clock is past
        (None, 5, at(6, 0)),  # a Saturday has no working time: all day
    ],
)
def test_putting_it_on_a_day_gives_it_and_moves_its_date(
    was: datetime | None, day: int, due: datetime, office: Office, browser_of: Browsers
) -> None:
    task = builders.make_task(team=office.lead.team, due_date=was)
    manager = browser_of(office.manager)
    on = (MONDAY + timedelta(days=day)).isoformat()
    answer = place(manager, task, to=office.colleague.pk, on=on)
    held = Task.objects.get(pk=task.pk)
    assert (held.assignee, held.due_date) == (office.colleague, due)
    manager.post("/undo", {"note": note_of(answer)})
    back = Task.objects.get(pk=task.pk)
    assert (back.assignee, back.due_date) == (None, was)


def test_putting_it_on_a_person_leaves_the_date(office: Office, browser_of: Browsers) -> None:
    task = builders.make_task(office.member, due_date=at(3))
    place(browser_of(office.manager), task, to=office.colleague.pk)
    held = Task.objects.get(pk=task.pk)
    assert (held.assignee, held.due_date) == (office.colleague, at(3))


def test_another_day_of_the_same_person_moves_the_date_alone(office: Office, browser_of: Browsers) -> None:
    task = builders.make_task(office.member, due_date=at(3))
    answer = place(browser_of(office.manager), task, to=office.member.pk, on="2026-06-19")
    assert Task.objects.get(pk=task.pk).due_date == at(4)
    assert "is now due" in answer.content.decode()
    assert task.assignments.count() == 1


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"to": "nobody", "on": "2026-06-18"}, "Choose who gets it"),
        ({"to": "{colleague}", "on": "2026-06-16"}, "This day is over"),
        ({"to": "{colleague}", "on": "18.6."}, "Choose a day."),
        ({"to": "{colleague}", "on": "2026-06-18"}, "is off on this day: Vacation"),
        ({"to": "{stranger}"}, "Choose who gets it"),
        ({"to": "{member}"}, "has it already"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    form: dict[str, str], why: str, office: Office, browser_of: Browsers
) -> None:
    builders.make_time_off(office.colleague, starts_on=date(2026, 6, 18), reason="Vacation")
    task = builders.make_task(office.member, due_date=at(3))
    people = {name: str(user.pk) for name, user in office.people().items()}
    answer = place(browser_of(office.manager), task, **{name: value.format(**people) for name, value in form.items()})
    assert why in answer.content.decode()
    task.refresh_from_db()
    assert (task.assignee, task.due_date, task.version) == (office.member, at(3), 1)


def test_leads_take_what_nobody_has_and_plan_nobodys_day(office: Office, browser_of: Browsers) -> None:
    task, lead = builders.make_task(team=office.lead.team, due_date=at(3)), browser_of(office.lead)
    assert "Only managers" in place(lead, task, to=office.lead.pk, on="2026-06-19").content.decode()
    place(lead, task, to=office.lead.pk)
    assert Task.objects.get(pk=task.pk).assignee == office.lead
    html = read(lead).content.decode()
    assert "data-drop" not in html
    assert "Assign all" not in html


def test_all_that_waits_is_shown_given_and_taken_back(office: Office, browser_of: Browsers) -> None:
    tasks = [builders.make_task(team=office.lead.team, due_date=at(4), estimated_hours=4) for _ in range(3)]
    manager = browser_of(office.manager)
    preview = manager.post("/team/workload/plans", follow=True)
    assert Task.objects.filter(pk__in=[task.pk for task in tasks], assignee=None).count() == 3
    loads = preview.context["loads"]
    assert sum(load.added for load in loads) == 12
    run = Run.objects.get()
    answer = manager.post(f"/team/workload/plans/{run.pk}/apply", follow=True)
    assert "3 tasks were given out." in answer.content.decode()
    for load in loads:
        assert row_of(answer, load.person).used_hours == load.after, "as it was promised"
    assert "This plan was carried out." in manager.get(f"/team/workload/plans/{run.pk}").content.decode()
    taken = manager.post("/undo", {"note": note_of(answer)}, follow=True)
    assert "Taken back for 3 tasks" in taken.content.decode()
    assert Task.objects.filter(pk__in=[task.pk for task in tasks], assignee=None).count() == 3


def test_a_plan_that_grew_old_says_so(office: Office, browser_of: Browsers) -> None:
    manager = browser_of(office.manager)
    plans = []
    for _ in range(2):
        builders.make_task(team=office.lead.team)
        plans.append(manager.post("/team/workload/plans")["Location"])
    for url in reversed(plans):
        answer = manager.post(f"{url}/apply", follow=True)
    assert "make a new plan" in answer.content.decode()


def test_the_week_is_evened_out_and_put_back(office: Office, browser_of: Browsers) -> None:
    for _ in range(6):
        builders.make_task(office.member, estimated_hours=8, due_date=at(4, 16))
    manager = browser_of(office.manager)
    preview = manager.get("/team/workload/balance")
    moves = preview.context["moves"]
    assert moves
    assert Task.objects.filter(assignee=office.member).count() == 7
    chosen = [move.pk for move in moves]
    answer = manager.post("/team/workload/balance/apply", {"move": chosen}, follow=True)
    assert Suggestion.objects.filter(state=Suggestion.APPLIED).count() == len(chosen)
    manager.post("/undo", {"note": note_of(answer)})
    assert Task.objects.filter(assignee=office.member).count() == 7
    assert "Tick the moves" in manager.post("/team/workload/balance/apply", follow=True).content.decode()


def test_a_cell_lists_what_is_due_that_day(office: Office, browser_of: Browsers) -> None:
    for title, due in (("Late", at(1)), ("Now", at(2)), ("Then", at(3))):
        builders.make_task(office.colleague, title=title, due_date=due)
    lead = browser_of(office.lead)
    titles = {
        on: [task.title for task, _ in lead.get(f"/team/workload/people/{office.colleague.pk}/{on}").context["tasks"]]
        for on in ("2026-06-16", "2026-06-17", "2026-06-18")
    }
    assert titles == {"2026-06-16": [], "2026-06-17": ["Late", "Now"], "2026-06-18": ["Then"]}
    for wrong in ("nonsense", "9999-12-31", "2026-06-31"):
        assert lead.get(f"/team/workload/people/{office.colleague.pk}/{wrong}").status_code == 404


def test_whom_one_may_give_it_to_is_listed_with_loads(office: Office, browser_of: Browsers) -> None:
    task = builders.make_task(office.member, due_date=at(3))
    html = browser_of(office.manager).get(f"/team/workload/tasks/{task.pk}", headers=HTMX).content.decode()
    assert "Fits best" in html
    assert "Back to the queue" in html
    assert "<html" not in html
    assert "Only managers" in browser_of(office.lead).get(f"/team/workload/tasks/{task.pk}").content.decode()


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", "clme"),
        ("load=over", "c"),
        ("load=nearly", "l"),
        ("load=room", "me"),
        ("load=away", "e"),
        ("skill={skill}", "cm"),
        ("skill={skill}&load=over&in=tasks", "c"),
        ("load=over&week=2026-06-22", ""),
        ("skill=x&load=x", "clme"),
    ],
)
def test_the_address_narrows_the_people(query: str, shown: str, office: Office, browser_of: Browsers) -> None:
    """And the export holds the same; figures and queue stay the whole team's."""
    away = builders.make_user(team=office.lead.team)
    people = {"c": office.colleague, "l": office.lead, "m": office.manager, "e": away}
    office.member.is_active = False
    office.member.save()
    builders.make_time_off(away, starts_on=MONDAY + timedelta(days=4))
    builders.make_task(office.colleague, due_date=at(3), estimated_hours=60)
    builders.make_task(office.lead, due_date=at(3), estimated_hours=38)
    skill = builders.make_skill(office.colleague)
    builders.make_skill(office.manager, name=skill.name)
    query = query.format(skill=skill.pk)
    response = read(browser_of(office.manager), f"?{query}")
    expected = {people[one].pk for one in shown}
    assert {line.row.user.pk for line in response.context["lines"]} == expected
    assert response.context["everybody"] == 4
    assert ("Nobody matches this filter." in response.content.decode()) == (not shown)
    rows = browser_of(office.manager).get(f"/export/workload?format=json&{query}")
    assert {row["Id"] for row in json.loads(rows.getvalue())} == expected
    assert browser_of(office.colleague).get(f"/export/workload?{query}").status_code == 403
