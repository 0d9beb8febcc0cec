"""The editor's live parts and what stands around a rule: dry run, backtest, runs, versions, explain, activation."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from automation import rules
from automation.models import Firing, ParkedPair, RuleVersion, TaskAutomationRule
from automation.simulation import dry_run
from jobs.models import Job
from people import skills
from tests import builders
from tests.web.conftest import Office
from tests.web.test_rules import FIRST, HTMX, as_sent
from web.rule_templates import TEMPLATES
from work.models import Task

BASE = "/automations/task-scheduling"
ROWS = {
    "condition_mode": "rows",
    "match": "all",
    "rows": "1",
    "row-0-field": "contact.lead_score",
    "row-0-operator": "at_least",
    "row-0-value": "60",
}


def clicked(contact: Any, *, hours: float = 1) -> None:
    at = datetime.now(UTC) - timedelta(hours=hours)
    builders.make_activity(contact, activity_type="email_clicked", occurred_at=at, received_at=at)


def html_of(response: Any) -> str:
    return str(response.content.decode())


def test_the_unsaved_form_is_tried_with_a_reason_for_each_contact(office: Office, browser_of) -> None:
    clicked(builders.make_contact(office.member, name="Joel Park", lead_score=78))
    clicked(builders.make_contact(office.member, name="Ben Otis", lead_score=52))
    again = builders.make_contact(office.member, name="Hana Kim", lead_score=86)
    clicked(again, hours=3)
    clicked(again, hours=2)
    before = (TaskAutomationRule.objects.count(), Task.objects.count(), Firing.objects.count())
    html = html_of(browser_of(office.member).post(f"{BASE}/new/dry-run", FIRST | ROWS, headers=HTMX))
    assert "Call Joel Park" in html
    assert "Not so: lead score is at least 60, it is 52" in html
    assert "Hana Kim" in html
    assert (TaskAutomationRule.objects.count(), Task.objects.count(), Firing.objects.count()) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": ""}, "Title of the task: This field is required."),
        ({"title": "{{nonsense}}"}, "Unknown variable"),
        ({"activity_types": []}, "Choose at least one."),
        ({"row-0-value": "many"}, "needs a number"),
        ({"condition_mode": "expression", "condition": "contact.leadscore > 1"}, "Did you mean lead_score"),
        ({"try_on": "example", "try_contact": "Nobody At All"}, "There is no contact"),
    ],
)
def test_a_form_that_cannot_be_tried_says_what_is_missing(change, words: str, office: Office, browser_of) -> None:
    response = browser_of(office.member).post(f"{BASE}/new/dry-run", FIRST | ROWS | change, headers=HTMX)
    assert response.status_code == 200
    assert words in html_of(response).replace("&#x27;", "'")


def test_the_pool_is_who_has_the_skills_and_follows_the_form(office: Office, browser_of) -> None:
    skill = builders.make_skill(office.lead, name="Spanish", level=4)
    builders.make_skill(office.colleague, name="Spanish", level=2)
    deeper = builders.make_skill(office.colleague, name="Negotiation", level=5)
    with transaction.atomic():
        skills.require(deeper, {skill: 3})
    browser, address = browser_of(office.manager), f"{BASE}/new/dry-run"

    def pool(**change: Any) -> str:
        html = browser.post(address, {"kind": "activity", **change}, headers=HTMX).content.decode()
        found = re.search(r'<div[^>]* id="pool" hx-swap-oob="true">(.*?)</div>', html, re.DOTALL)
        assert found is not None
        return " ".join(re.sub("<[^>]*>", "", found.group(1)).split())

    waits = "When none of them can take a task, it waits in the queue."
    wanted, more = f"skill_{skill.pk}", f"skill_{deeper.pk}"
    assert pool(assign="owner") == pool(assign=f"user:{office.lead.pk}") == ""
    assert pool(assign="best_match") == f"Pool: everybody in the team. {waits}"
    assert pool(assign="round_robin", **{wanted: "3"}) == f"Pool: {office.lead.display_name}. {waits}"
    assert pool(assign="best_match", **{wanted: "5"}).startswith("Nobody has all of these skills")
    assert pool(assign="best_match", **{more: "1"}).startswith("Nobody has all"), "the skill asks for another"
    office.rule.assign, office.rule.required_skills = "round_robin", [{"skill": "spanish", "level": 2}]
    office.rule.save()
    html = browser.get(f"{BASE}/{office.rule.pk}").content.decode()
    assert f"{office.lead.display_name}, {office.colleague.display_name}" in html or (
        f"{office.colleague.display_name}, {office.lead.display_name}" in html
    )


def test_an_example_is_tried_on_the_contact_that_is_named(office: Office, browser_of) -> None:
    sent = FIRST | {"try_on": "example", "try_contact": "ana"}
    html = html_of(browser_of(office.member).post(f"{BASE}/new/dry-run", sent, headers=HTMX))
    assert "“Call Ana Ruiz” for Maya Chen" in html


def test_a_rule_about_how_things_are_is_tried_on_that_first(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert browser.get(f"{BASE}/new").context["source"] == "day"
    assert browser.get(f"{BASE}/new?template=quiet").context["source"] == "now"
    assert browser.post(f"{BASE}/new", FIRST | {"try_on": "example", "do": "add-row"}).context["source"] == "example"


def test_nobody_tries_a_rule_on_contacts_they_may_not_see(office: Office, browser_of) -> None:
    clicked(office.contact)
    browser = browser_of(office.colleague)
    assert browser.post(f"{BASE}/{office.rule.pk}/dry-run", FIRST).status_code == 403
    for source in ("day", "now", "example"):
        html = html_of(browser.post(f"{BASE}/new/dry-run", FIRST | {"try_on": source, "try_contact": "ana"}))
        assert "Call Ana" not in html
    assert browser_of(office.stranger).post(f"{BASE}/{office.rule.pk}/dry-run", FIRST).status_code == 404


def test_rows_make_the_condition_of_the_rule(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert browser.post(f"{BASE}/new", FIRST | ROWS).status_code == 302
    rule = TaskAutomationRule.objects.latest("pk")
    assert rule.condition == "contact.lead_score >= 60"
    html = html_of(browser.get(f"{BASE}/{rule.pk}"))
    assert 'name="row-0-value" value="60"' in html


def test_a_row_that_is_not_sound_is_not_saved_and_says_why(office: Office, browser_of) -> None:
    response = browser_of(office.member).post(f"{BASE}/new", FIRST | ROWS | {"row-0-value": ""})
    assert response.status_code == 422
    assert "at_least needs a number" in html_of(response)
    assert TaskAutomationRule.objects.count() == 1


@pytest.mark.parametrize("address", [f"{BASE}/new", f"{BASE}/conditions"], ids=["page", "fragment"])
def test_rows_come_and_go_with_and_without_scripts(address: str, office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    more = html_of(browser.post(address, FIRST | ROWS | {"do": "add-row"}))
    assert 'name="row-1-field"' in more
    assert 'value="60"' in more
    assert 'class="wrong"' not in more
    fewer = html_of(browser.post(address, FIRST | ROWS | {"do": "remove-row-0"}))
    assert "row-0-field" not in fewer
    text = html_of(browser.post(address, FIRST | ROWS | {"do": "to-expression"}))
    assert "contact.lead_score &gt;= 60</textarea>" in text
    assert TaskAutomationRule.objects.count() == 1


def test_the_form_is_tried_without_scripts(office: Office, browser_of) -> None:
    clicked(office.contact)
    html = html_of(browser_of(office.member).post(f"{BASE}/new", FIRST | {"do": "try"}))
    assert "“Call Ana Ruiz” for Maya Chen" in html
    assert 'value="Call {{contact_name}}"' in html


def test_an_expression_is_checked_as_it_is_typed(office: Office, browser_of) -> None:
    browser = browser_of(office.member)
    assert "If lead score is above 80" in html_of(
        browser.post(f"{BASE}/conditions/check", {"condition": "contact.lead_score > 80"})
    )
    assert "Did you mean lead_score" in html_of(
        browser.post(f"{BASE}/conditions/check", {"condition": "contact.leadscore > 80"})
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_template_is_a_rule_that_can_be_saved_as_it_is(name: str, office: Office, browser_of) -> None:
    response = browser_of(office.member).get(f"{BASE}/new?template={name}")
    assert browser_of(office.member).post(f"{BASE}/new", as_sent(response)).status_code == 302
    rule = TaskAutomationRule.objects.latest("pk")
    template = TEMPLATES[name]
    assert (rule.name, rule.trigger_type) == (str(template.name), template.fields["kind"])
    assert rule.condition == template.fields.get("condition", "")


def test_all_that_the_api_knows_of_a_rule_is_in_the_form(office: Office, browser_of) -> None:
    sent = FIRST | {
        "delay": "2",
        "delay_unit": "working_days",
        "delay_at": "09:30",
        "outside_hours": "previous",
        "burst": "7",
    }
    browser = browser_of(office.member)
    assert browser.post(f"{BASE}/new", sent).status_code == 302
    rule = TaskAutomationRule.objects.latest("pk")
    assert (str(rule.delay_at), rule.outside_hours, rule.burst) == ("09:30:00", "previous", 7)
    html = html_of(browser.get(f"{BASE}/{rule.pk}"))
    assert 'value="09:30"' in html
    assert browser.post(f"{BASE}/{rule.pk}", FIRST).status_code == 302
    assert TaskAutomationRule.objects.get(pk=rule.pk).burst == 7


def test_the_list_says_how_each_rule_goes(office: Office, browser_of) -> None:
    builders.make_firing(office.rule, contact=office.contact, outcome=Firing.FAILED, reason="no title")
    html = html_of(browser_of(office.member).get(BASE))
    assert "<b>2</b>runs" in html
    assert "<b>50%</b>success" in html
    assert "task in the last 8 days: " in html


def test_runs_are_narrowed_by_outcome_and_contact(office: Office, browser_of) -> None:
    builders.make_firing(
        office.rule,
        contact=builders.make_contact(office.member, name="Bo"),
        outcome=Firing.SUPPRESSED,
        reason="too old",
    )
    browser, path = browser_of(office.member), f"{BASE}/{office.rule.pk}/runs"
    assert "too old" in html_of(browser.get(path))
    assert "too old" not in html_of(browser.get(f"{path}?outcome=fired"))
    found = html_of(browser.get(f"{path}?q=bo"))
    assert "too old" in found
    assert "Call Ana" not in found
    assert "Nothing like this" in html_of(browser.get(f"{path}?q=nobody"))


def test_a_parked_contact_is_let_go_on(office: Office, browser_of) -> None:
    pair = ParkedPair.objects.create(
        rule=office.rule, contact=office.contact, reason="a circle", chain=["A", "B"], at=datetime.now(UTC)
    )
    browser, path = browser_of(office.member), f"{BASE}/{office.rule.pk}"
    assert "A → B" in html_of(browser.get(f"{path}/runs"))
    assert browser_of(office.colleague).post(f"{path}/parked/{pair.pk}/release").status_code == 403
    assert browser.post(f"{path}/parked/{pair.pk}/release").status_code == 302
    pair.refresh_from_db()
    assert pair.released_at is not None
    assert browser.post(f"{path}/parked/{pair.pk}/release").status_code == 302


def test_versions_show_what_changed_and_go_back(office: Office, browser_of) -> None:
    rule = rules.create(
        office.member,
        name="Call",
        task_title_template="Call",
        trigger_type="activity",
        trigger_config={"activity_types": ["email_clicked"]},
        delay_hours=Decimal(4),
        delay_kind="elapsed",
    )
    rules.update(rule, task_title_template="Write", delay_kind="business", delay_days=2, delay_hours=Decimal(0))
    browser, path = browser_of(office.member), f"{BASE}/{rule.pk}/versions"
    html = html_of(browser.get(path))
    assert "<del>Call</del>" in html
    assert "<ins>Write</ins>" in html
    assert "<ins>2</ins>" in html
    assert browser_of(office.colleague).post(f"{path}/1/revert").status_code == 403
    assert browser.post(f"{path}/99/revert").status_code == 404
    assert browser.post(f"{path}/1/revert").status_code == 302
    back = TaskAutomationRule.objects.get(pk=rule.pk)
    assert (back.task_title_template, back.delay_days, back.delay_hours) == ("Call", None, Decimal(4))
    assert rules.content_hash(back) == RuleVersion.objects.get(rule=rule, number=1).content_hash
    assert "No difference" in html_of(browser.get(f"{path}?to=now"))


def test_a_version_that_cannot_run_any_more_is_refused(office: Office, browser_of) -> None:
    leaver = builders.make_user(team=office.manager.team)
    rule = builders.make_rule(office.manager, assign=f"user:{leaver.pk}")
    rules.freeze(rule, rules.content_hash(rule), now=datetime.now(UTC))
    rules.update(rule, assign="owner")
    leaver.is_active = False
    leaver.save()
    response = browser_of(office.manager).post(f"{BASE}/{rule.pk}/versions/1/revert", follow=True)
    assert "cannot run any more" in html_of(response)
    assert TaskAutomationRule.objects.get(pk=rule.pk).assign == "owner"


def test_explain_says_why_not(office: Office, browser_of) -> None:
    rules.update(office.rule, condition="contact.lead_score > 80")
    browser, path = browser_of(office.member), f"{BASE}/{office.rule.pk}/explain"
    html = html_of(browser.get(f"{path}?q=ana"))
    assert "Ana Ruiz:" in html
    assert "contact.lead_score &gt; 80" in html
    builders.make_contact(office.member, name="Ana Other")
    assert "Which one?" in html_of(browser.get(f"{path}?q=ana"))
    assert "Nobody of that name" in html_of(browser.get(f"{path}?q=zzz"))
    assert browser_of(office.colleague).get(f"{path}?contact={office.contact.pk}").status_code == 404
    assert browser.get(f"{path}?contact=99999999999999999999").status_code == 200


def test_a_backtest_draws_the_load_and_lists_it(office: Office, browser_of) -> None:
    for _ in range(3):
        clicked(builders.make_contact(office.member), hours=30)
    today = datetime.now(UTC).date()
    path = f"{BASE}/{office.rule.pk}/backtest?start={today - timedelta(days=7)}&end={today}"
    response = browser_of(office.member).get(path)
    html = html_of(response)
    assert response.context["told"]["created"] == 3
    assert response.context["reasons"] == []
    assert '<svg class="load-chart"' in html
    assert 'class="table"' in html
    fragment = html_of(browser_of(office.member).get(path, headers=HTMX))
    assert "<html" not in fragment
    assert '<svg class="load-chart"' in fragment


def test_unsaved_changes_are_backtested_beside_the_saved_rule(office: Office, browser_of) -> None:
    clicked(builders.make_contact(office.member, lead_score=5), hours=30)
    browser, path = browser_of(office.member), f"{BASE}/{office.rule.pk}"
    response = browser.post(f"{path}/backtest", FIRST | ROWS)
    assert response.context["told"]["difference"]["created"] == -1
    assert response.context["reasons"] == [("Not so: lead score is at least 60", 1)]
    html = html_of(response)
    assert 'type="hidden" name="row-0-value" value="60"' in html
    back = html_of(browser.post(path, FIRST | ROWS | {"do": "edit"}))
    assert 'name="row-0-value" value="60"' in back
    assert TaskAutomationRule.objects.get(pk=office.rule.pk).condition == ""


@pytest.mark.parametrize(
    "span", ["start=2026-02-01&end=2026-01-01", "start=2020-01-01&end=2026-01-01", "start=x&end=y"]
)
def test_dates_that_cannot_be_replayed_are_refused_in_words(span: str, office: Office, browser_of) -> None:
    response = browser_of(office.member).get(f"{BASE}/{office.rule.pk}/backtest?{span}")
    assert response.status_code == 200
    assert "told" not in response.context
    assert "choose other dates" in html_of(response) or "Enter a valid date" in html_of(response)


def test_switching_on_shows_what_matches_and_works_on_it_only_when_asked(office: Office, browser_of) -> None:
    clicked(builders.make_contact(office.member, name="Joel Park"))
    rule = builders.make_rule(office.member, is_active=False)
    browser, path = browser_of(office.member), f"{BASE}/{rule.pk}/activate"
    builders.make_notification(office.member)  # so that two are unread: the page shows its own number
    html = html_of(browser.get(path))
    assert "Joel Park" in html
    assert "Switch on and make the 1 task now" in html
    assert browser.post(path, {"apply": "0"}).status_code == 302
    assert TaskAutomationRule.objects.get(pk=rule.pk).is_active
    assert not Job.objects.filter(name="automation.tasks.apply_rule").exists()
    assert browser.post(path, {"apply": "1"}).status_code == 302
    assert Job.objects.filter(name="automation.tasks.apply_rule").count() == 1
    assert browser_of(office.lead).post(path, {"apply": "1"}).status_code == 403


def test_what_matches_already_is_looked_at_up_to_a_number_that_is_said(office: Office, browser_of) -> None:
    """However many contacts there are, the answer comes as soon, and all of them can be asked for."""
    builders.make_contacts(office.member, dry_run.AT_ONCE - 2, status="active")
    builders.make_contacts(office.member, 5, status="active", lead_score=90)
    rule = builders.make_rule(
        office.member,
        is_active=False,
        trigger_type="status_change",
        trigger_config={"to_status": "active"},
        condition="contact.lead_score > 50",
    )
    browser, path = browser_of(office.member), f"{BASE}/{rule.pk}/activate"
    html = html_of(browser.get(path))
    assert "At least 2 tasks would be made for what matches already" in html
    assert "1000 records were looked at, and there are more." in html
    assert "Switch on and make all the tasks now" in html
    said = html_of(browser.post(path, {"apply": "1"}, follow=True))
    assert "The rule is on, and the tasks for what matches already are being made: at least 2." in said


def test_all_can_be_asked_for_when_none_of_the_first_match(office: Office, browser_of) -> None:
    builders.make_contacts(office.member, dry_run.AT_ONCE + 1, status="active")
    rule = builders.make_rule(
        office.member,
        is_active=False,
        trigger_type="status_change",
        trigger_config={"to_status": "active"},
        condition="contact.lead_score > 50",
    )
    html = html_of(browser_of(office.member).get(f"{BASE}/{rule.pk}/activate"))
    assert "No task yet for what matches already" in html
    assert "Switch on and make all the tasks now" in html


def test_statistics_lead_from_event_to_done(office: Office, browser_of) -> None:
    done = builders.make_done_task(office.member, contact=office.contact)
    builders.make_firing(office.rule, task=done, contact=office.contact)
    builders.make_firing(
        office.rule, contact=office.contact, outcome=Firing.SUPPRESSED, reason="its task is still open"
    )
    response = browser_of(office.member).get("/automations/stats")
    sums = response.context["sums"]
    assert (sums["runs"], sums["fired"], sums["completed"]) == (3, 2, 1)
    assert "its task is still open" in html_of(response)


@pytest.mark.django_db
def test_statistics_without_rules_offer_the_first(browser_of) -> None:
    html = html_of(browser_of(builders.make_user()).get("/automations/stats"))
    assert "Create the first rule" in html
