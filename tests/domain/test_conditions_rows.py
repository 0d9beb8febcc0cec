"""Rows to CEL and back without loss, and judged as a plain reading of the rows would judge them."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain import conditions
from domain.conditions import CATALOGUE, ConditionError, ConditionFailed, Row, Rows
from domain.conditions.operators import OPERATORS

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
FIELDS = {f"{root}.{field.name}": field for root, fields in CATALOGUE.items() for field in fields.values()}
KINDS = {name: field.kind for name, field in FIELDS.items() if field.kind != "map"} | {
    "activity.data.plan": "any",
    "activity.data.utm source": "any",
    "activity.data.a.in": "any",
}
TEXT = st.text(max_size=6) | st.text("aä\\\"'\n\x00\x1b{}`😀", max_size=4)
NUMBER = st.integers(-3, 3) | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
HOURS = st.integers(1, 2000) | st.sampled_from([0.5, 1.25, 1e-7, 5e-324])
MOMENT = st.integers(-3000, 3000).map(lambda hours: NOW + timedelta(hours=hours))


def _row_values(operator, field):
    texts = (
        st.sampled_from([*field.choices, ""]) if field and field.choices and operator.name.startswith("is") else TEXT
    )
    return {
        "nothing": st.none(),
        "text": texts,
        "texts": st.lists(texts, min_size=1, max_size=3).map(tuple),
        "number": NUMBER,
        "numbers": st.tuples(NUMBER, NUMBER).map(sorted).map(tuple),
        "hours": HOURS,
        "time": MOMENT.map(lambda moment: moment.isoformat()),
    }[operator.takes]


@st.composite
def one_row(draw):
    name = draw(st.sampled_from(sorted(KINDS)))
    operator = draw(st.sampled_from([*OPERATORS[KINDS[name]].values()]))
    return Row(name, operator.name, draw(_row_values(operator, FIELDS.get(name))))


ROWS = st.builds(Rows, st.sampled_from(["all", "any"]), st.lists(one_row(), max_size=5).map(tuple))
JSON = st.none() | st.booleans() | NUMBER | TEXT | st.lists(TEXT, max_size=3)
BY_KIND = {
    "text": TEXT,
    "number": NUMBER,
    "bool": st.booleans(),
    "time": MOMENT,
    "list": st.lists(TEXT, max_size=3),
    "any": JSON,
}


@st.composite
def record(draw, rows):
    """Values for the fields of the rows, each absent, drawn at random, or near what its row asks for."""
    values = {root: {} for root in CATALOGUE}
    for row in rows.rows:
        asked = row.value[0] if isinstance(row.value, tuple) else row.value
        near = (
            st.just(asked)
            if type(asked) in (str, int, float) and KINDS[row.field] in ("text", "number", "any")
            else None
        )
        found = draw(st.none() | (BY_KIND[KINDS[row.field]] if near is None else near | BY_KIND[KINDS[row.field]]))
        root, first, *path = row.field.split(".")
        if found is not None or draw(st.booleans()):
            inside = values[root]
            for key in [first, *path][:-1]:
                inside = inside.setdefault(key, {})
            inside[path[-1] if path else first] = found
    return values


class Mixed(Exception):
    """The row compares what cannot be compared."""


def judged(row, values):
    """The plain reading of one row."""
    found = values
    for key in row.field.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    kind = KINDS[row.field]
    if found is None:
        found = {"text": "", "bool": False, "list": []}.get(kind)
    return _JUDGES[row.operator](found, row.value)


def _ordered(compare):
    def judge(found, *asked):
        if found is None:
            return False
        if isinstance(found, bool) or not isinstance(found, int | float | datetime):
            raise Mixed
        return compare(float(found) if isinstance(found, int) else found, *asked)

    return judge


def _part(compare):
    def judge(found, asked):
        if found is None:
            return False
        if not isinstance(found, str):
            raise Mixed
        return compare(found, asked)

    return judge


def _same(found, asked):
    if isinstance(found, bool) or isinstance(asked, bool):
        return found is asked
    if isinstance(found, int | float) and isinstance(asked, int | float):
        return float(found) == float(asked)
    return type(found) is type(asked) and found == asked


def _includes(found, asked):
    if found is None:
        return False
    if not isinstance(found, list):
        raise Mixed
    return asked in found


def _at(text):
    return datetime.fromisoformat(text)


def _ago(hours):
    return NOW - timedelta(hours=hours)


_JUDGES = {
    "is": _same,
    "is_not": lambda found, asked: not _same(found, asked),
    "contains": _part(lambda found, asked: asked in found),
    "starts_with": _part(str.startswith),
    "ends_with": _part(str.endswith),
    "is_one_of": lambda found, asked: any(_same(found, one) for one in asked),
    "is_empty": lambda found, _: found in (None, "", []),
    "is_not_empty": lambda found, _: found not in (None, "", []),
    "equals": _same,
    "not_equals": lambda found, asked: not _same(found, asked),
    "above": _ordered(lambda found, asked: found > asked),
    "at_least": _ordered(lambda found, asked: found >= asked),
    "below": _ordered(lambda found, asked: found < asked),
    "at_most": _ordered(lambda found, asked: found <= asked),
    "between": _ordered(lambda found, asked: float(asked[0]) <= found <= float(asked[1])),
    "is_true": lambda found, _: found is True,
    "is_false": lambda found, _: found is False,
    "before": _ordered(lambda found, asked: found < _at(asked)),
    "after": _ordered(lambda found, asked: found > _at(asked)),
    "within_last_hours": _ordered(lambda found, asked: _ago(asked) <= found <= NOW),
    "older_than_hours": _ordered(lambda found, asked: found < _ago(asked)),
    "includes": _includes,
    "excludes": lambda found, asked: not _includes(found, asked),
}


def source_of(rows):
    try:
        return conditions.from_rows(rows)
    except ConditionError as error:
        assume("characters" not in str(error))  # too long together
        raise


@settings(max_examples=400)
@given(ROWS)
def test_rows_come_back_as_they_were(rows):
    source = source_of(rows)
    conditions.check(source)
    assert conditions.to_rows(source) == rows
    assert conditions.rows_from_json(json.dumps(conditions.rows_to_json(rows))) == rows
    assert conditions.sentence(source) != ""


@settings(max_examples=400)
@given(st.data())
def test_rows_mean_what_they_say(data):
    rows = data.draw(ROWS)
    values = data.draw(record(rows))
    condition = conditions.compiled(source_of(rows))
    try:
        expected = [judged(row, values) for row in rows.rows]
    except Mixed:
        with suppress(ConditionFailed):  # unless the other rows decide before this one is looked at
            condition.holds(values, now=NOW)
        return
    assert condition.holds(values, now=NOW) == (any(expected) if rows.match == "any" else all(expected))


@settings(max_examples=200)
@given(st.data())
def test_each_row_is_explained_by_itself(data):
    rows = data.draw(ROWS.filter(lambda rows: rows.match == "all" and len(rows.rows) > 1))
    values = data.draw(record(rows))
    clauses = conditions.explain(source_of(rows), values, now=NOW)
    assert len(clauses) == len(rows.rows)
    for row, clause in zip(rows.rows, clauses, strict=True):
        try:
            assert clause.holds == judged(row, values)
        except Mixed:
            assert clause.holds is None
            assert clause.fault


@settings(max_examples=200)
@given(st.data())
def test_what_is_read_as_rows_means_the_same(data):
    """Rows are mixed by hand with other ways to write them; where rows come out they judge alike."""
    rows = data.draw(ROWS.filter(lambda rows: rows.rows))
    sign = data.draw(st.sampled_from([" && ", " || ", " && ( ", " || ( "]))
    pieces = [source_of(Rows("all", (row,))) for row in rows.rows]
    source = sign.join(pieces) + ")" * (len(pieces) - 1) * ("(" in sign)
    assume(len(source) < 2000)
    found = conditions.to_rows(source)
    if found is None:
        return
    values = data.draw(record(rows))
    again = conditions.compiled(conditions.from_rows(found))
    try:
        assert conditions.compiled(source).holds(values, now=NOW) == again.holds(values, now=NOW)
    except ConditionFailed:
        assume(False)


@pytest.mark.parametrize(
    "source",
    [
        "contact.lead_score + 1 > 80",
        "size(contact.name) > 3",
        "contact.status == contact.company",
        '!(contact.status == "lead")',
        'contact.status == "lead" && (contact.bounced || contact.lead_score > 3)',
        "contact.lead_score > 1 ? contact.bounced : contact.unsubscribed",
        'contact.tags.exists(tag, tag == "vip")',
        "true",
    ],
)
def test_what_rows_cannot_say_is_shown_as_it_is(source):
    conditions.check(source)
    assert conditions.to_rows(source) is None
    assert conditions.sentence(source) == source


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("", "always"),
        ('contact.lead_score > 80 && contact.status == "lead"', "lead score is above 80 and status is lead"),
        ('contact.status in ["lead", "lost"] || contact.bounced', "status is lead or lost or bounced is yes"),
        ("20 <= contact.lead_score && contact.lead_score <= 80", "lead score is between 20 and 80"),
        ("activity.data.plan == 'pro'", "plan is pro"),
        ('contact.last_touch_at < now - duration("72h")', "last touch is more than 72 hours ago"),
        ("!has(contact.owner)", "owner is empty"),
        ("nonsense (", "nonsense ("),
    ],
)
def test_sentences(source, sentence):
    assert conditions.sentence(source) == sentence


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "Rows are given as"),
        ("{", "not JSON"),
        ({"match": "some", "rows": [{}, {}]}, "Row 1 has no field"),
        ({"match": "some"}, "choose all or any"),
        ({"rows": ["x"]}, "Row 1 is"),
        ({"rows": [{"field": "contact.email", "operator": "is_empty", "colour": 1}]}, '"colour", which means nothing'),
        ({"rows": [{"field": "contact.email", "operator": "is_empty", "value": 1}]}, "needs no value, not 1"),
        ({"rows": [{"field": "contact.mail", "operator": "is", "value": "a"}]}, "Did you mean email?"),
        ({"rows": [{"field": "email", "operator": "is", "value": "a"}]}, "is not a field"),
        ({"rows": [{"field": "contact.email.x", "operator": "is", "value": "a"}]}, "take .x away"),
        ({"rows": [{"field": "contact.lead_score", "operator": "is", "value": 1}]}, "has no operator is"),
        ({"rows": [{"field": "contact.lead_score", "operator": "above", "value": "80"}]}, 'not "80"'),
        ({"rows": [{"field": "contact.lead_score", "operator": "above", "value": True}]}, "needs a number"),
        ({"rows": [{"field": "contact.lead_score", "operator": "above", "value": 10**20}]}, "needs a number"),
        ({"rows": [{"field": "contact.lead_score", "operator": "between", "value": [5, 1]}]}, "a lowest and a highest"),
        ({"rows": [{"field": "contact.status", "operator": "is", "value": "leed"}]}, "Did you mean lead?"),
        ({"rows": [{"field": "contact.email", "operator": "is_one_of", "value": []}]}, "needs a list of texts"),
        ({"rows": [{"field": "contact.email", "operator": "is", "value": "\ud800"}]}, "needs a text"),
        ({"rows": [{"field": "contact.created_at", "operator": "before", "value": "2026-03-02"}]}, "with its zone"),
        ({"rows": [{"field": "contact.created_at", "operator": "older_than_hours", "value": 0}]}, "above 0"),
        ({"rows": [{"field": "activity.data", "operator": "is", "value": "a"}]}, "name a key below it"),
        ({"rows": [{"field": "contact.bounced", "operator": "is_true"}] * 51}, "50 rows"),
        ({"rows": [{"field": "contact.name", "operator": "is", "value": "x" * 2000}]}, "characters"),
    ],
)
def test_rows_that_cannot_be_are_refused_with_their_number(rows, told):
    with pytest.raises(ConditionError) as refused:
        conditions.rows_from_json(rows)
    assert told in str(refused.value)


@given(
    st.recursive(
        JSON,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["match", "rows", "field", "operator", "value"]), inner, max_size=4)
        ),
    )
)
def test_any_json_is_rows_or_a_clear_refusal(data):
    with suppress(ConditionError):
        conditions.rows_from_json(data)


def test_a_lone_row_needs_no_choice_of_all_or_any():
    row = Row("contact.bounced", "is_true")
    assert Rows("any", (row,)) == Rows("all", (row,))


def test_operators_for_a_form():
    assert ("above", "is above") in conditions.operators_for("number")
    assert [name for name, _ in conditions.operators_for("bool")] == ["is_true", "is_false"]
    assert conditions.operators_for("map") == []


@pytest.mark.parametrize("operator", ["above", "between", "older_than_hours"])
def test_a_number_that_is_none_or_has_no_place_is_refused(operator):
    field = "contact.created_at" if operator == "older_than_hours" else "contact.lead_score"
    for value in (10**400, -(10**400), 2**53 + 1, float("inf"), float("nan"), True, "80", None):
        row = {"field": field, "operator": operator, "value": [0, value] if operator == "between" else value}
        with pytest.raises(ConditionError, match=rf"Row 1 \({field} {operator}\): .* needs a"):
            conditions.rows_from_json({"rows": [row]})
