"""Delays of a rule tried against each other, on its page: asked, begun, looked at, adopted or stopped."""

from datetime import UTC, datetime
from typing import Any

import pytest

from automation import experimenting
from crm import merge
from learning.experiments import plan
from learning.models import Experiment, ExperimentLook
from tests import builders
from tests.web.conftest import Office

pytestmark = pytest.mark.django_db
ASKED = {"delay_1": "24", "delay_2": "72", "effect": "50", "base": "30"}


@pytest.fixture
def page(office: Office, browser_of: Any) -> Any:
    for _ in range(40):
        builders.make_firing(office.rule, contact=builders.make_contact(office.member))
    return browser_of(office.manager)


def address(office: Office) -> str:
    return f"/automations/task-scheduling/{office.rule.pk}/try"


def html(page: Any, office: Office) -> str:
    return str(page.get(address(office)).content.decode())


def test_what_it_takes_is_told_before_it_begins(office: Office, page: Any) -> None:
    assert "What would it take?" in html(page, office)
    told = page.post(address(office), ASKED | {"do": "plan"}).content.decode()
    total = plan([24, 72], base=0.3, effect=0.5, weekly=10).total
    assert f"That takes {total} contacts, some {round(total / 10)} weeks" in told
    assert 'value="start"' in told
    hopeless = page.post(address(office), ASKED | {"do": "plan", "effect": "2"}).content.decode()
    assert "more than half a year" in hopeless
    assert 'value="start"' not in hopeless
    assert not Experiment.objects.exists()


def test_it_is_begun_looked_at_and_adopted(office: Office, page: Any) -> None:
    assert page.post(address(office), ASKED | {"do": "start", "delay_3": "120"}).status_code == 302
    row = Experiment.objects.get()
    assert row.delays_hours == [24, 72, 120]
    experimenting.look(office.manager.team, now=datetime.now(UTC))
    assert "Too early to tell" in html(page, office)
    page.post(address(office), {"do": "adopt", "arm": "9"})
    assert Experiment.objects.get().is_running
    page.post(address(office), {"do": "adopt", "arm": "2"})
    office.rule.refresh_from_db()
    assert (office.rule.delay_hours, office.rule.experiment) == (120, None)
    assert 'value="adopt"' not in html(page, office)


def test_what_a_test_cannot_show_is_optimised_without_a_word_of_a_winner(office: Office, page: Any) -> None:
    refused = page.post(address(office), ASKED | {"do": "plan", "effect": "2"}).content.decode()
    assert "or have them optimised, which proves nothing" in refused
    assert 'value="optimise"' in refused
    assert page.post(address(office), {"do": "optimise", "delay_1": "24", "delay_2": ""}).status_code == 422
    assert page.post(address(office), {"do": "optimise", "delay_1": "24", "delay_2": "72"}).status_code == 302
    row = Experiment.objects.get()
    assert (row.kind, row.delays_hours, row.per_arm) == ("optimise", [24, 72], None)
    row.days.update(shares=[0.2, 0.8])
    told = html(page, office)
    assert "It proves nothing" in told
    assert "80%" in told
    assert not any(word in told for word in ("better", "plausible range", "planned contacts"))
    page.post(address(office), {"do": "adopt", "arm": "1"})
    office.rule.refresh_from_db()
    assert (office.rule.delay_hours, office.rule.experiment) == (72, None)
    page.post(address(office), {"do": "optimise", "delay_1": "24", "delay_2": "48"})
    page.post(address(office), {"do": "stop"})
    assert Experiment.objects.latest("pk").decision == Experiment.STOPPED


@pytest.mark.parametrize(
    ("verdict", "fraction", "told"),
    [
        ("running", 0.5, "Looking early is paid for already."),
        ("better", 0.5, "Early winners look bigger than they are"),
        ("better", 1, "by all contacts that were planned"),
        ("no_difference", 1, "No difference above 50 points was found"),
        ("invalid", 0.5, "the answers are hidden"),
    ],
)
def test_it_is_said_what_a_verdict_means_and_when_the_next_look_is(
    office: Office, page: Any, verdict: str, fraction: float, told: str
) -> None:
    page.post(address(office), ASKED | {"do": "start"})
    assert "Nothing is said before 50 contacts" in html(page, office)
    row, now = Experiment.objects.get(), datetime.now(UTC)
    data = {"split_chance": 1, "comparisons": [], "harmed_by": None}
    ExperimentLook.objects.create(
        experiment=row, data=data, verdict=verdict, fraction=fraction, counted=True, at=now, on=now
    )
    Experiment.objects.update(verdict=verdict)
    found = html(page, office)
    assert told in found
    assert "next look" in found
    Experiment.objects.update(ended_at=now, decision="run_out")
    assert "next look" not in html(page, office)


def test_a_harm_is_named(office: Office, page: Any) -> None:
    page.post(address(office), ASKED | {"do": "start"})
    row = Experiment.objects.get()
    said = {"verdict": "harmful", "fraction": 0.5, "counted": True, "at": datetime.now(UTC), "on": datetime.now(UTC)}
    data = {"split_chance": 1, "comparisons": [], "harmed_by": "overdue"}
    ExperimentLook.objects.create(experiment=row, data=data, **said)
    assert "work late more often" in html(page, office)


def test_a_rule_that_was_switched_off_meanwhile_adds_nobody(office: Office, page: Any) -> None:
    page.post(address(office), ASKED | {"do": "start"})
    assert "nobody is added" not in html(page, office)
    type(office.rule).objects.update(is_active=False)
    assert "nobody is added" in html(page, office)


def test_it_is_stopped(office: Office, page: Any) -> None:
    page.post(address(office), ASKED | {"do": "start"})
    page.post(address(office), {"do": "stop"})
    assert Experiment.objects.get().decision == Experiment.STOPPED
    again = page.post(address(office), {"do": "stop"}, follow=True)
    assert "over already" in again.content.decode()


@pytest.mark.parametrize(
    "wrong", [{"delay_2": ""}, {"delay_2": "24"}, {"effect": "0"}, {"base": "80"}, {"effect": "2"}, {"delay_1": "x"}]
)
def test_what_cannot_be_tried_is_refused(office: Office, page: Any, wrong: dict[str, str]) -> None:
    answer = page.post(address(office), ASKED | {"do": "start"} | wrong)
    assert answer.status_code == 422
    assert not Experiment.objects.exists()


def test_others_look_and_change_nothing(office: Office, page: Any, browser_of: Any) -> None:
    lead = browser_of(office.lead)
    assert "Nothing is tried here" in html(lead, office)
    assert lead.post(address(office), ASKED | {"do": "start"}).status_code == 403


def test_the_form_of_the_rule_changes_no_delay_meanwhile(office: Office, page: Any) -> None:
    page.post(address(office), ASKED | {"do": "start"})
    path = address(office).removesuffix("/try")
    same = {"kind": "activity", "activity_types": ["email_clicked"], "delay": "4", "delay_unit": "hours"}
    same |= {"title": "Ring {{contact_name}}", "priority": "medium", "assign": "owner"}
    same |= {"repeat_policy": "once_while_open"}
    refused = page.post(path, same | {"delay": "2", "delay_unit": "working_days"})
    assert (refused.status_code, refused.content.decode().count("stop that first")) == (422, 1)
    assert page.post(path, same).status_code == 302
    office.rule.refresh_from_db()
    assert (office.rule.delay_hours, office.rule.task_title_template) == (4, "Ring {{contact_name}}")


def test_who_is_left_out_since_a_person_counts_once_is_said(office: Office, page: Any) -> None:
    page.post(address(office), ASKED | {"do": "start"})
    one, other = (builders.make_contact(office.member) for _ in range(2))
    for contact in (one, other):
        builders.make_firing(office.rule, contact=contact, occurred_at=datetime.now(UTC))
    assert "left out" not in html(page, office)
    merge.merge(one, other, by=office.manager, now=datetime.now(UTC))
    assert "1 contact is left out: merged into another one, since a person counts once." in html(page, office)
