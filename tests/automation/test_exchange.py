"""Rules, sequences and campaigns leave as one file and come back the same: once, twice, elsewhere, in part."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from automation import rules
from automation.exchange import parsing, printing, reading, writing
from automation.exchange.reports import Report
from automation.models import AutomationStep, Campaign, RuleVersion, Sequence, TaskAutomationRule
from automation.programmes import sequences
from people.models import Team, User
from tests import builders
from tests.api.conftest import Caller, problem
from tests.automation import exchanging
from tests.builders import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.database]

THREE_LINES = """nextmove: 1
rules:
- name: Opened
  trigger_type: activity
  trigger_config: {activity_types: [email_opened]}
  task_title_template: Call {{contact_name}}
"""


@contextmanager
def undone() -> Iterator[None]:
    """What is done within is taken back, for hypothesis to begin anew."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def rows() -> dict[str, list[dict[str, Any]]]:
    """Everything an import could have touched."""
    models = (TaskAutomationRule, RuleVersion, Sequence, Campaign, AutomationStep)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def bring(text: Any, by: User, **how: Any) -> Report:
    return reading.bring_in(text, by=by, now=NOW, **how)


def counted(report: Report) -> dict[str, int]:
    told = report.as_dict()
    return {name: len(told[name]) for name in ("created", "updated", "unchanged", "differing", "refused") if told[name]}


@given(exchanging.teams)
@settings(max_examples=60)
def test_whatever_a_team_has_arrives_elsewhere_as_it_was_and_off(drawn: exchanging.Drawn) -> None:
    with undone():
        first = builders.make_team()
        people = exchanging.make_people(first)
        exchanging.make(drawn, people)
        text = writing.export(first)
        assert text == writing.export(first)
        before = rows()
        everything = len(drawn.rules) + len(drawn.sequences) + len(drawn.campaigns)
        for update in (False, True):
            report = bring(text, people["ada"], update=update)
            assert len(report.unchanged) == everything, report
        assert rows() == before

        second = builders.make_team()
        ada = exchanging.make_people(second)["ada"]
        tried = bring(text, ada, dry_run=True)
        assert counted(tried) == ({"created": everything} if everything else {}), tried
        assert not TaskAutomationRule.objects.filter(team=second).exists()
        assert [one.path for one in bring(text, ada).created] == [one.path for one in tried.created]
        assert writing.export(second) == text
        for model in (TaskAutomationRule, Sequence, Campaign):
            assert not model.objects.filter(team=second, is_active=True).exists()
        before = rows()
        assert counted(bring(text, ada)) == ({"unchanged": everything} if everything else {})
        assert rows() == before


def values() -> st.SearchStrategy[Any]:
    text = st.sampled_from(exchanging.TRICKY) | st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
    )
    scalar = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.decimals(-999, 999, places=2) | text
    return st.recursive(
        scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
    )


@given(st.dictionaries(st.sampled_from(["name", "delay", "required_skills", "steps", "yes"]), values(), max_size=4))
@settings(max_examples=400)
def test_what_is_printed_is_read_as_it_was(entry: dict[str, Any]) -> None:
    written = printing.listed(entry)
    assert parsing.parse(f"rules:\n{written}\n{written}").value == {"rules": [entry, entry]}


def test_what_files_get_wrong_is_read_as_it_was_printed() -> None:
    for text in exchanging.TRICKY:
        for entry in ({"name": text}, {text: 1}, {"delay": {"at": text}}, {"steps": [text, f"a\n{text}"]}):
            written = printing.listed(entry)
            assert parsing.parse(f"rules:\n{written}\n{written}").value == {"rules": [entry, entry]}, written


@pytest.mark.parametrize(
    "text", ["yes", "off", "1e3", "0x1F", "0o17", "12:30:45", "1_000", "2026-12-01", "~", ".5", "+1"]
)
def test_what_other_readers_of_yaml_take_for_something_else_stands_in_quotes(text: str) -> None:
    assert printing.listed({"title": text})[len("- title: ")] in "'\""


@given(st.binary(max_size=200) | st.text(st.sampled_from("{}[]&*!|>-:#'\"\n\t ab1%?,\\"), max_size=60).map(str.encode))
@settings(max_examples=400)
def test_whatever_is_sent_is_read_or_refused_in_words(sent: bytes) -> None:
    with suppress(parsing.BadDocument):
        parsing.parse(sent)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nextmove: 1\nrules: &a [1]\nsequences: *a", "anchor"),
        ("a: &a [x]\nb: &b [*a,*a]", "anchor"),
        ("nextmove: !!python/object:os.system {}", "tag"),
        ("nextmove: 1\nnextmove: 1", "Line 2 gives 'nextmove' a second time"),
        ("x: " + "[" * 50, "nested more than 20"),
        ("x: " + "{a: " * 50, "nested more than 20"),
        ("--- 1\n--- 2", "second document"),
        ("x" * (parsing.MOST_BYTES + 1), "send it in parts"),
        ("rules: []", "begin it with the line nextmove: 1"),
        ("nextmove: 2", "begin it with the line nextmove: 1"),
        ("[1]", "begin it"),
        ("", "begin it"),
        ("a: b: c", "Line 1 is no YAML"),
        (b"\xff\xfe", "UTF-8"),
        ('a: "\\0"', "NUL"),
    ],
)
def test_what_no_file_needs_is_refused_with_what_to_do(text: Any, words: str) -> None:
    with pytest.raises(parsing.BadDocument, match=words):
        bring(text, builders.make_manager())


def test_a_rule_of_three_lines_stays_short() -> None:
    ada = builders.make_user(username="ada")
    assert counted(bring(THREE_LINES, ada)) == {"created": 1}
    made = TaskAutomationRule.objects.get()
    assert (made.owner, made.scope, made.is_active, made.delay_hours) == (ada, "own", False, 0)
    assert writing.export(ada.team) == writing.HEAD + (
        "nextmove: 1\n\nrules:\n- name: Opened\n  owner: ada\n  trigger_type: activity\n  trigger_config:\n"
        "    activity_types: [email_opened]\n  task_title_template: Call {{contact_name}}\n"
    )


def test_texts_of_several_lines_stand_as_blocks_whatever_browser_sent_them() -> None:
    rule = builders.make_rule(task_description_template="One: {{contact_name}}\r\n\r\n- two\r\n", delay_hours="4.00")
    text = writing.export(rule.team)
    assert "  task_description_template: |\n    One: {{contact_name}}\n\n    - two\n" in text
    assert "  delay: {hours: 4}\n" in text
    assert bring(text, rule.owner).unchanged


@pytest.mark.parametrize(
    ("lines", "path", "line", "words"),
    [
        ("owner: nobody", "/rules/0/owner", 7, "no user 'nobody' in the team"),
        ("owner: gone", "/rules/0/owner", 7, "not active any more"),
        ("assign: user:nobody", "/rules/0/assign", 7, "no user 'nobody' in the team"),
        ("required_skills: [{skill: Juggling}]", "/rules/0/required_skills", 7, "add it first"),
        ("colour: red", "/rules/0/colour", 7, "no field 'colour'"),
        ("conditio: x", "/rules/0/conditio", 7, "did you mean condition"),
        ("condition: contact.shoe_size > 3", "/rules/0/condition", 7, "shoe_size"),
        ('condition: task.rule == "Nowhere"', "/rules/0/condition", 7, "no rule 'Nowhere'"),
        ("condition: task.rule == 12", "/rules/0/condition", 7, "write its name"),
        ("delay: {at: 10:00}", "/rules/0/delay", 7, "goes with days"),
        ("delay: {kind: business, days: two}", "/rules/0/delay", 7, "whole number"),
        ("burst: many", "/rules/0/burst", 7, "whole number from 0"),
        ("burst: 1e3", "/rules/0/burst", 7, "whole number from 0"),
        ("fires_on_imports: yes", "/rules/0/fires_on_imports", 7, "true or false"),
        ("task_priority: asap", "/rules/0/task_priority", 7, "use low, medium, high, urgent"),
        ("scope: world", "/rules/0/scope", 7, "use own, team"),
    ],
)
def test_what_cannot_be_resolved_is_reported_with_its_place(lines: str, path: str, line: int, words: str) -> None:
    ada = builders.make_manager(username="ada")
    builders.make_user(team=ada.team, username="gone", is_active=False)
    sound = THREE_LINES.split("rules:\n")[1].replace("Opened", "Sound")
    report = bring(f"{THREE_LINES}  {lines}\n{sound}", ada)
    (refusal,) = report.refused
    assert (refusal.path, refusal.line) == (path, line)
    assert words in refusal.message
    assert [one.name for one in report.created] == ["Sound"], "the others are imported"
    assert not report.in_force


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("rules: {a: 1}", "/rules", "dash"),
        ("rules: [x]", "/rules/0", "map with name, trigger_type"),
        ("rules: [{name: A, trigger_type: activity}]", "/rules/0/task_title_template", "needed"),
        ("recipes: []", "/recipes", "use rules, sequences, campaigns"),
        (
            "rules: [{name: A, trigger_type: status_change, trigger_config: {to_status: won}, task_title_template: x}]",
            "/rules/0/trigger_config",
            "no status 'won'",
        ),
        (
            "rules: [{name: A, trigger_type: task_completed, trigger_config: {rules: [B]}, task_title_template: x}]",
            "/rules/0/trigger_config/rules/0",
            "no rule 'B'",
        ),
        (
            "rules: [{name: A, trigger_type: task_completed, trigger_config: {rule_ids: [3]}, task_title_template: x}]",
            "/rules/0/trigger_config",
            "Name the rules",
        ),
        ("sequences: [{name: A, steps: [{title: x, assign: user:no}]}]", "/sequences/0/steps/0/assign", "no user 'no'"),
        ("sequences: [{name: A, steps: [{titel: x}]}]", "/sequences/0/steps/0/titel", "did you mean title"),
        ("sequences: [{name: A, exits: {sold: true}, steps: [{title: x}]}]", "/sequences/0/exits", "Unknown exit"),
        ("campaigns: [{name: A, steps: [{message_type: email}]}]", "/campaigns/0/steps/0/message_type", "not set up"),
        ("campaigns: [{name: A, steps: [{name: '{{ nobody }}'}]}]", "/campaigns/0/steps/0/name", "nobody"),
    ],
)
def test_each_kind_says_where_it_is_wrong(text: str, path: str, words: str) -> None:
    report = bring(f"nextmove: 1\n{text}", builders.make_manager())
    assert [refusal.path for refusal in report.refused] == [path]
    assert words in report.refused[0].message
    assert not report.created


def test_all_that_is_wrong_with_a_rule_is_told_at_once() -> None:
    text = THREE_LINES.replace("contact_name", "contact_nam") + "  owner: nobody\n  assign: user:none\n"
    paths = {refusal.path for refusal in bring(text, builders.make_manager()).refused}
    assert paths == {"/rules/0/owner", "/rules/0/assign", "/rules/0/task_title_template"}


def test_what_differs_is_left_alone_until_told_and_stays_on() -> None:
    ada = builders.make_manager(username="ada")
    rule = rules.create(
        ada,
        name="Opened",
        trigger_type="activity",
        trigger_config={"activity_types": ["email_opened"]},
        task_title_template="Call {{contact_name}}",
    )
    before = rows()
    changed = THREE_LINES + "  delay: {hours: 4}\n"
    report = bring(changed, ada)
    assert [(one.id, one.fields) for one in report.differing] == [(rule.pk, ["delay"])]
    assert rows() == before
    assert bring(changed, ada, update=True, dry_run=True).updated
    assert rows() == before
    assert [one.fields for one in bring(changed, ada, update=True).updated] == [["delay"]]
    rule.refresh_from_db()
    assert (rule.delay_hours, rule.is_active) == (4, True)
    assert rule.versions.count() == 2, "it is on: what changed is published"
    assert counted(bring(changed, ada, update=True)) == {"unchanged": 1}


def test_a_campaign_that_is_updated_keeps_the_steps_that_stay() -> None:
    ada = builders.make_manager(username="ada")
    text = "nextmove: 1\ncampaigns: [{name: Spring, steps: [{name: A}, {name: B, delay_days: 2}]}]"
    assert bring(text, ada).created
    kept = {step.name: step.pk for step in AutomationStep.objects.all()}
    bring(text.replace("{name: A}", "{name: New}, {name: A, priority: high}"), ada, update=True)
    after = {step.name: step for step in AutomationStep.objects.all()}
    assert [step.name for step in AutomationStep.objects.all()] == ["New", "A", "B"]
    assert {name: after[name].pk for name in kept} == kept
    assert after["A"].priority == "high"


def test_rules_that_wait_for_each_other_arrive_together_or_not_at_all() -> None:
    ada = builders.make_manager(username="ada")
    circle = """nextmove: 1
rules:
- {name: A, trigger_type: task_completed, trigger_config: {rules: [B]}, task_title_template: a}
- {name: B, trigger_type: task_completed, trigger_config: {rules: [A, C]}, task_title_template: b}
- {name: C, trigger_type: activity, trigger_config: {activity_types: [call]}, task_title_template: TITLE}
- {name: D, trigger_type: activity, trigger_config: {activity_types: [call]}, task_title_template: d}
"""
    report = bring(circle.replace("TITLE", "'{{ no }}'"), ada)
    assert [one.name for one in report.created] == ["D"]
    assert {refusal.path.split("/")[2] for refusal in report.refused} == {"0", "1", "2"}
    report = bring(circle.replace("TITLE", "c"), ada)
    assert [one.name for one in report.created] == ["A", "B", "C"]
    ids = {rule.name: rule.pk for rule in TaskAutomationRule.objects.all()}
    assert TaskAutomationRule.objects.get(name="A").trigger_config == {"rule_ids": [ids["B"]]}
    assert TaskAutomationRule.objects.get(name="B").trigger_config == {"rule_ids": [ids["A"], ids["C"]]}


def test_two_of_one_name_in_the_file_are_both_reported() -> None:
    twice = THREE_LINES + THREE_LINES.split("rules:\n")[1]
    report = bring(twice, builders.make_manager())
    assert [refusal.path for refusal in report.refused] == ["/rules/0/name", "/rules/1/name"]
    assert not TaskAutomationRule.objects.exists()


def test_twins_in_the_team_are_named_at_the_head_of_the_file() -> None:
    owner = builders.make_user(username="ada")
    builders.make_rule(owner, name="Twin")
    builders.make_rule(owner, name="Twin", delay_hours=9)
    text = writing.export(owner.team)
    assert '# 2 rules of ada are named "Twin": rename all but one' in text
    assert [refusal.path for refusal in bring(text, owner).refused] == ["/rules/0/name", "/rules/1/name"]
    one = text.split("\n- name")[0] + "\n- name" + text.split("\n- name")[1]
    assert len(bring(one, owner).unchanged) == 1, "it is there"
    other = one.replace("hours: 4", "hours: 5").replace("hours: 9", "hours: 5")
    assert "rename all but one" in bring(other, owner).refused[0].message


def test_ready_made_sequences_are_not_written_and_may_be_named() -> None:
    ada = builders.make_user(username="ada")
    sequences.preset(ada.team, "gentle", owner=ada, now=NOW)
    assert "sequences:" not in writing.export(ada.team)
    report = bring("nextmove: 1\nsequences: [{name: Gentle follow-up}]", ada)
    assert [one.name for one in report.unchanged] == ["Gentle follow-up"]


def test_a_row_that_cannot_run_is_written_and_refused_where_it_is_read() -> None:
    rule = builders.make_rule(trigger_config=["odd"], required_skills="x", task_priority="asap")
    Sequence.objects.create(owner=rule.owner, name="By hand", steps=[{"day": 1, "title": "x"}])
    text = writing.export(rule.team)
    assert {refusal.path for refusal in bring(text, rule.owner).refused} == {
        "/rules/0/trigger_config",
        "/rules/0/required_skills",
        "/rules/0/task_priority",
        "/sequences/0/steps/0/day",
    }


def test_members_import_as_their_own_and_managers_for_all() -> None:
    team = builders.make_team()
    member, other = (builders.make_user(team=team, username=name) for name in ("mia", "otto"))
    manager = builders.make_manager(team=team, username="max")
    for_otto = THREE_LINES + "  owner: otto\n"
    assert "take owner out" in bring(for_otto, member).refused[0].message
    assert "take scope out" in bring(THREE_LINES + "  scope: team\n", member).refused[0].message
    assert bring(THREE_LINES, member).created[0].owner == "mia"
    assert bring(for_otto, manager).created[0].owner == "otto"
    assert "ask a manager" in bring(for_otto + "  burst: 7\n", member, update=True).refused[0].message
    assert bring(THREE_LINES, manager).created[0].owner == "max"
    scopes = {rule.owner.username: rule.scope for rule in TaskAutomationRule.objects.all()}
    assert scopes == {"mia": "own", "otto": "own", "max": "team"}, "what names its owner is never widened"
    assert bring(for_otto, other).unchanged


def test_a_rule_of_the_team_is_found_again_when_its_owner_has_changed() -> None:
    team = builders.make_team()
    ada, ben = (builders.make_manager(team=team, username=name) for name in ("ada", "ben"))
    bring(THREE_LINES, ada)
    assert bring(THREE_LINES, ben).unchanged[0].owner == "ada"


def test_a_name_that_two_rules_have_is_told_apart() -> None:
    team = builders.make_team()
    people = exchanging.make_people(team)
    two = [builders.make_rule(people[name], name="Call") for name in ("ada", "ben")]
    config = {"rule_ids": [two[1].pk]}
    builders.make_rule(people["ada"], name="Then", trigger_type="task_completed", trigger_config=config)
    text = writing.export(team)
    assert "    - name: Call\n      owner: ben\n      scope: team\n" in text
    short = text.replace("\n    - name: Call\n      owner: ben\n      scope: team\n", " [Call]\n")
    assert "give name, owner and scope" in bring(short, people["ada"], update=True).refused[0].message
    elsewhere = builders.make_team()
    assert len(bring(text, exchanging.make_people(elsewhere)["ada"]).created) == 3
    assert writing.export(elsewhere) == text


def test_another_teams_people_and_rules_are_not_there() -> None:
    stranger = builders.make_manager(username="eve")
    builders.make_rule(stranger, name="Secret")
    report = bring(THREE_LINES + '  owner: eve\n  condition: task.rule == "Secret"\n', builders.make_manager())
    assert {refusal.path for refusal in report.refused} == {"/rules/0/owner", "/rules/0/condition"}
    assert TaskAutomationRule.objects.count() == 1


class TestOverHttp:
    def test_the_file_goes_out_and_comes_back(self) -> None:
        ada = builders.make_manager(username="ada")
        rule = builders.make_rule(ada, name="Größe: ✓")
        response = Caller(ada).get("/api/task-automation/export")
        assert response["Content-Type"] == "text/yaml; charset=utf-8"
        assert response.content.decode() == writing.export(ada.team)
        rule.delay_hours = Decimal(9)
        rule.save()
        path = "/api/task-automation/import"
        report = self.send(ada, f"{path}?dry_run=true&update=true", response.content)
        assert (report["dry_run"], report["updated"][0]["fields"]) == (True, ["delay"])
        rule.refresh_from_db()
        assert rule.delay_hours == 9
        body = {"document": response.content.decode(), "update": True}
        assert Caller(ada).post(path, body).json()["updated"][0]["id"] == rule.pk  # type: ignore[attr-defined]
        rule.refresh_from_db()
        assert rule.delay_hours == 4

    def test_an_object_does_as_well_as_text(self) -> None:
        ada = builders.make_user(username="ada")
        entry = {
            "name": "A",
            "trigger_type": "overdue",
            "trigger_config": {"after_hours": 1.5},
            "task_title_template": "x",
            "delay": {"hours": 0.5},
        }
        body = {"document": {"nextmove": 1, "rules": [entry]}}
        report = Caller(ada).post("/api/task-automation/import", body).json()  # type: ignore[attr-defined]
        assert report["created"][0]["path"] == "/rules/0"
        made = TaskAutomationRule.objects.get()
        assert (made.delay_hours, made.trigger_config) == (Decimal("0.5"), {"after_hours": 1.5})

    def test_refusals_are_problems(self) -> None:
        ada = Caller(builders.make_user())
        path = "/api/task-automation/import"
        problem(ada("POST", path, b"nextmove: 1", Content_Type="text/plain"), 415)
        problem(ada.post(path, {"document": "a: &a 1"}), 422)
        problem(ada.post(path, {"file": "x"}), 422)
        problem(ada.post(path, "{"), 400)
        problem(ada.post(path, {"document": "x" * (parsing.MOST_BYTES + 1)}), 413)
        reader = Caller(builders.make_user(), scopes=("rules:read",))
        problem(reader.post(path, {"document": THREE_LINES}), 403)

    @staticmethod
    def send(user: User, path: str, text: bytes) -> dict[str, Any]:
        caller = Caller(user)
        response = caller.client.post(path, text, content_type="text/yaml", headers=caller.headers)
        assert response.status_code == 200, response.content
        return response.json()  # type: ignore[no-any-return]


def test_a_thousand_entries_are_enough() -> None:
    team: Team = builders.make_team()
    many = "nextmove: 1\nrules:\n" + THREE_LINES.split("rules:\n")[1] * 1001
    with pytest.raises(parsing.BadDocument, match="send it in parts"):
        bring(many, builders.make_user(team=team))


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_make_each_rule_once() -> None:
    ada = builders.make_manager(username="ada")
    at_once = Barrier(2)

    def bring_in_a_thread() -> Report:
        try:
            at_once.wait(timeout=20)
            return bring(THREE_LINES, User.objects.get(pk=ada.pk))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        reports = [done.result() for done in [pool.submit(bring_in_a_thread) for _ in range(2)]]
    assert sorted(len(report.created) for report in reports) == [0, 1]
    assert sorted(len(report.unchanged) for report in reports) == [0, 1]
    assert TaskAutomationRule.objects.count() == 1


def test_the_example_of_the_docs_arrives_and_leaves_as_printed() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/moving-automations.md").read_text()
    example = page.split("```yaml\n")[1].split("```")[0]
    team = builders.make_team()
    assert counted(bring(example, exchanging.make_people(team)["ada"])) == {"created": 4}
    assert writing.export(team) == writing.HEAD + example
