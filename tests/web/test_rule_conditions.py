"""The If of a rule's form: rows and the expression say the same, and what is wrong is said beside its row."""

from collections.abc import Iterator

import pytest
from django.http import QueryDict
from django.utils import timezone

from domain import conditions
from web.rule_conditions import EXPRESSION, ROWS, Checked, Conditions, ShownRow


@pytest.fixture(autouse=True)
def _berlin() -> Iterator[None]:
    with timezone.override("Europe/Berlin"):
        yield


def sent(part: Conditions) -> QueryDict:
    """The part as a browser would send it."""
    data = QueryDict(mutable=True)
    data["condition_mode"], data["match"], data["rows"] = part.mode, part.match, str(len(part.rows))
    data["condition"] = part.text
    for number, row in enumerate(part.rows):
        data[f"row-{number}-field"], data[f"row-{number}-operator"] = row.field, row.operator
        data.setlist(f"row-{number}-value", row.typed)
    return data


@pytest.mark.parametrize(
    "source",
    [
        "",
        "contact.lead_score >= 60",
        'contact.lead_score >= 60.5 && contact.status == "lead"',
        'contact.status in ["lead", "active"] || contact.has_owner',
        "20 <= contact.lead_score && contact.lead_score <= 80",
        '"vip" in contact.tags && !has(contact.phone)',
        'contact.created_at > timestamp("2026-03-02T09:30:00+01:00")',
        'now - duration("48h") <= contact.last_activity_at && contact.last_activity_at <= now',
        'activity.data.plan == "pro"',
    ],
)
def test_a_kept_condition_is_shown_as_rows_and_sent_back_the_same(source: str) -> None:
    shown = Conditions.kept(source)
    assert (shown.mode, [row.error for row in shown.rows]) == (ROWS, [""] * len(shown.rows))
    assert Conditions.sent(sent(shown)).source() == source


def test_what_rows_cannot_say_stays_an_expression_and_says_so() -> None:
    source = 'contact.tags.exists(tag, tag == "vip")'
    shown = Conditions.kept(source)
    assert (shown.mode, shown.text) == (EXPRESSION, source)
    shown.act("to-rows")
    assert (shown.mode, shown.text) == (EXPRESSION, source)
    assert "Rows cannot say this" in shown.note


def test_the_two_ways_of_writing_turn_into_each_other() -> None:
    part = Conditions(EXPRESSION, text="contact.lead_score > 80 && contact.has_owner")
    part.act("to-rows")
    assert [(row.field, row.operator) for row in part.rows] == [
        ("contact.lead_score", "above"),
        ("contact.has_owner", "is_true"),
    ]
    part.act("to-expression")
    assert (part.mode, part.text) == (EXPRESSION, "contact.lead_score > 80 && contact.has_owner")


def test_rows_are_added_and_removed() -> None:
    part = Conditions()
    part.act("add-row")
    part.act("add-row")
    part.rows[1].typed = ["60"]
    part.act("remove-row-0")
    assert [row.first for row in part.rows] == ["60"]
    for nonsense in ("remove-row-7", "remove-row-x", "remove-row-", "nonsense", ""):
        part.act(nonsense)
    assert len(part.rows) == 1


def test_a_new_row_has_no_fault_before_it_is_filled_in_and_is_none_for_the_rule() -> None:
    part = Conditions()
    part.act("add-row")
    assert part.rows[0].error == ""
    assert "number" in Conditions.sent(sent(part)).rows[0].error
    with pytest.raises(conditions.ConditionError):
        part.source()


def test_unsound_rows_do_not_turn_into_an_expression() -> None:
    part = Conditions(rows=[ShownRow("contact.lead_score", "above", ["many"])])
    part.act("to-expression")
    assert part.mode == ROWS
    assert "Mend the rows" in part.note


def test_another_field_has_its_own_operators_and_forgets_the_value() -> None:
    row = ShownRow("contact.status", "at_least", ["60"])
    assert (row.operator, row.typed, row.choices) == ("is", [], ("lead", "active", "inactive", "lost"))


@pytest.mark.parametrize(
    "field", ["", "nonsense", "contact", "contact.nonsense", "contact.name.below", "activity.data"]
)
def test_a_field_that_is_none_is_a_fault_not_a_crash(field: str) -> None:
    assert ShownRow(field, "is", ["x"]).error


def test_a_time_is_typed_on_the_viewers_clock() -> None:
    row = ShownRow("contact.created_at", "after", ["2026-03-02T09:30"])
    assert row.row.value == "2026-03-02T09:30:00+01:00"


@pytest.mark.parametrize(("rows", "count"), [("x", 0), ("-1", 0), ("", 0), ("99999999999999999999", 0), ("999", 50)])
def test_a_count_of_rows_that_is_nonsense_is_no_work(rows: str, count: int) -> None:
    part = Conditions.sent(QueryDict(f"condition_mode=rows&rows={rows}"))
    assert len(part.rows) == count


def test_an_expression_is_checked_as_it_is_typed() -> None:
    assert Checked.of("contact.lead_score > 80").sentence == "lead score is above 80"
    assert "Did you mean lead_score" in Checked.of("contact.leadscore > 80").fault
    assert Checked.of("  ") == Checked()
