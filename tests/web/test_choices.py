"""The page of a task tells how its holder was chosen, by the same data as the API."""

from datetime import UTC, datetime

from assignment import dispatch, explanations, next_task, runs
from tests import builders
from tests.web.conftest import Office


def test_the_page_of_a_task_compares_people_and_says_what_kept_the_others(office: Office, browser_of) -> None:
    now = datetime.now(UTC)
    skill = builders.make_skill(office.member, level=4, name="Negotiation")
    task = builders.make_task(team=office.member.team, title="Haggle", skills={skill: 3})
    dispatch.assign_best(task, now=now)
    choice = explanations.of_task(task)["choice"]
    html = browser_of(office.manager).get(f"/tasks/{task.pk}").content.decode()
    assert "How it was chosen" in html
    assert f'<td class="right num">{choice["top"][0]["total"]}</td>' in html
    assert f"{office.colleague.display_name}: Negotiation level 0 &lt; 3" in html
    assert "SKILL" in html


def test_who_does_not_lead_reads_why_in_plain_words_and_nothing_of_the_others(office: Office, browser_of) -> None:
    task = builders.make_task(team=office.member.team, title="Haggle", skills={builders.make_skill(office.member): 3})
    dispatch.assign_best(task, now=datetime.now(UTC))
    html = browser_of(office.member).get(f"/tasks/{task.pk}").content.decode()
    assert f"{office.member.display_name} fits best: has the skills for it" in html
    assert "How it was chosen" not in html
    assert office.colleague.display_name not in html
    office.member.language = "de"
    office.member.save()
    said = browser_of(office.member).get(f"/tasks/{task.pk}").content.decode()
    assert f"{office.member.display_name} passt am besten: hat die Fähigkeiten dafür, hat diese Woche Platz" in said
    assert "/h =" not in browser_of(office.manager).get(f"/tasks/{task.pk}").content.decode()


def test_the_page_of_a_next_task_compares_tasks(office: Office, browser_of) -> None:
    team = office.member.team
    for title in ("First", "Second"):
        builders.make_task(team=team, title=title, estimated_hours=1)
    given = next_task.give(office.member, now=datetime.now(UTC))
    html = browser_of(office.member).get(f"/tasks/{given['assigned']}").content.decode()
    assert '<th scope="row">First</th>' in html
    assert '<th scope="row">Second</th>' in html
    assert f"It is the best task for {office.member.display_name} to do next." in html


def test_a_task_somebody_took_by_hand_compares_nothing(office: Office, browser_of) -> None:
    assert "How it was chosen" not in browser_of(office.member).get(f"/tasks/{office.task.pk}").content.decode()


def test_the_page_of_a_task_that_nobody_got_says_why(office: Office, browser_of) -> None:
    skill = builders.make_skill(team=office.member.team, name="Negotiation")
    task = builders.make_task(team=office.member.team, title="Haggle", skills={skill: 3})
    browser = browser_of(office.manager)
    assert "Nobody has it" not in browser.get(f"/tasks/{task.pk}").content.decode()
    runs.run(office.member.team, now=datetime.now(UTC))
    assert "Nobody has it: nobody has the skills. " in browser.get(f"/tasks/{task.pk}").content.decode()
    browser.cookies["language"] = "de"
    office.manager.language = "de"
    office.manager.save()
    assert "Niemand hat sie: niemand hat die Fähigkeiten. " in browser.get(f"/tasks/{task.pk}").content.decode()
