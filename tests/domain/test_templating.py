"""Templates: what is refused when saved, what is bounded when rendered, and titles that are always usable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import templating
from domain.templating import DESCRIPTION_LIMIT, TemplateError, check, outline, render, render_title

ANN = {
    "contact_name": "Ann",
    "contact_email": "ann@example.com",
    "contact": {"name": "Ann", "lead_score": 90, "company": " "},
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Call {{contact_name}} ({{ contact.lead_score }})", "Call Ann (90)"),
        ("{% if contact.lead_score > 80 %}hot{% else %}cold{% endif %}", "hot"),
        ("{{ contact.company | default: 'their firm' }}", "their firm"),
        ("{{ contact.phone | default: 'no phone' }}", "no phone"),
        ("[{{ old_status }}]", "[]"),
        ("{{ '2026-03-01' | date: '%d %b %Y' }}", "01 Mar 2026"),
        ("{% for n in (1..3) %}{{ n }}{% endfor %}", "123"),
    ],
)
def test_what_people_write(source, text):
    check(source)
    assert render(source, ANN) == text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Call {{contact_name}}: clicked", "Call …: clicked"),
        ("Help {{ contact_name | default: 'the team' }}\nout", "Help … out"),
        ("{% if contact.lead_score > 80 %}Hot{% else %}Cold{% endif %} lead", "HotCold lead"),
        ("{{contact_name}}", "{{contact_name}}"),
        ("{{ broken", "{{ broken"),
    ],
)
def test_an_outline_reads_without_values(source, words):
    assert outline(source) == words


def test_a_score_that_is_missing_is_not_high():
    assert render("{% if contact.lead_score > 80 %}hot{% else %}cold{% endif %}", {}) == "cold"


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("{{ contact_nmae }}", "Unknown variable contact_nmae: use one of contact_name"),
        ("{{ contact.password }}", r"Unknown variable contact\.password: .*contact\.name"),
        ("{{ contact }}", "Unknown variable contact"),
        ("{{ contact[contact_name] }}", "Unknown variable"),
        ("{{ contact.__class__ }}", "Unknown variable"),
        ("{{ contact.name.__class__ }}", "Unknown variable"),
        ("{{ now }}", "Unknown variable now"),
        ("{{ 'now' | date: '%d' }}", "not available"),
        ("{{ contact_name | upper }}", "Unknown filter 'upper'.*upcase"),
        ("Hello\n{{ contact_name contact_email }}", "Line 2, column"),
        ("{% if contact_name %}", "endif"),
        ("{% include 'x' %}", "include"),
        ("{% render 'x' %}", "render"),
        ("{% extends 'x' %}", "extends"),
        ("{{ 1 | divided_by: 0 }}", "divide by 0"),
        ("x" * 1001, "1001 characters: shorten it to 1000"),
    ],
)
def test_refused_when_saved_with_what_to_change(source, hint):
    with pytest.raises(TemplateError, match=hint):
        check(source)


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..99999999) %}x{% endfor %}",
        "{% for i in (1..100) %}{% for j in (1..100) %}x{% endfor %}{% endfor %}",
        "{% for i in (1..99999999) reversed %}{% break %}{% endfor %}",
        "{% if (1..99999999) contains 'x' %}x{% endif %}",
        "{% assign a = (1..99999999) %}{% if a contains 0.5 %}x{% endif %}",
        "{% if (1..99999999999999999999) contains 'x' %}x{% endif %}",
        "{{ (1..999999999) | join: ',' }}",
        "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaaaaaaaaaaaa'" * 9 + " }}",
        "{% assign a = 99999999 %}" + "{% assign a = a | times: a %}" * 40,
        "{% assign a = 'aaaaaaaa' %}" + "{% assign a = a | append: a %}" * 40,
        "{{ '" + "a" * 1000 + "' | replace: 'a', '" + "b" * 50 + "' | size }}",
        "{{ 99999999999999999999 | times: 99999999999999999999 | modulo: 7 }}",
        "{% for i in (1..200) %}" + "x" * 1000 + "{% endfor %}",
        "{{ " + "contact[" * 1200 + "0" + "]" * 1200 + " }}",
        "{% if true %}" * 50 + "{% endif %}" * 50,
    ],
)
def test_work_is_bounded(source):
    with pytest.raises(TemplateError):
        check(source, limit=DESCRIPTION_LIMIT)


def test_contact_text_is_never_a_template():
    trick = "{{contact_email}} {% for i in (1..9) %}x{% endfor %}"
    assert render("{{contact_name}}", {**ANN, "contact_name": trick}) == trick
    assert render("{{contact.name | append: '!'}}", {"contact": {"name": trick}}) == f"{trick}!"


def test_only_plain_values_go_in():
    with pytest.raises(TypeError, match="pass text"):
        render("{{contact_name}}", {"contact_name": object()})
    with pytest.raises(TypeError, match="mapping"):
        render("{{contact_name}}", {"contact": object()})


PIECES = st.sampled_from(
    [
        *("{{contact_name}}", "{{ contact.company }}", "{{\n old_status}}", "{{contact.lead_score}}", "{{ contact }}"),
        *("{{contact_name | upcase}}", "{{-contact_name-}}", "{% if true %}x{% endif %}", "{{ 'a' }}"),
        *("{{", "}}", "{", "}", " ", "\n", "{%"),
    ]
)
VALUES = st.none() | st.text(max_size=5) | st.sampled_from([" ", "{{contact_email}}", "{% raw %}", 7, True, 1.5])


@given(pieces=st.lists(PIECES | st.text(max_size=3), max_size=6), name=VALUES, company=VALUES)
def test_templates_that_only_name_values_say_what_liquid_says(pieces, name, company):
    source = "".join(pieces)
    values = {"contact_name": name, "old_status": "lead", "contact": {"company": company, "lead_score": 9}}
    scope = dict.fromkeys(templating.FIXED_VARIABLES) | {"old_status": "lead", "contact_name": templating._plain(name)}
    fields = dict.fromkeys(templating.CONTACT_FIELDS) | {"lead_score": 9, "company": templating._plain(company)}
    try:
        liquid = templating._compiled(source).render(**scope, contact=fields)
    except Exception:
        liquid = None
    if liquid is None:
        with pytest.raises(TemplateError):
            render(source, values)
    else:
        assert render(source, values) == liquid


@given(name=st.text(max_size=400), fallback=st.text(max_size=300))
def test_a_title_is_one_line_never_empty_and_fits(name, fallback):
    title = render_title("{{contact_name}}", {"contact_name": name}, fallback=fallback)
    assert title.strip() == title
    assert 1 <= len(title) <= 255
    assert not {"\n", "\r", "\t", "\0"} & set(title)


@pytest.mark.parametrize("blank", ["", " \n\t", "\u200b", "\0"])
def test_a_title_that_shows_nothing_takes_the_fallback(blank):
    assert render_title("{{contact_name}}", {"contact_name": blank}, fallback="Call  Ann") == "Call Ann"
    assert render_title("{{contact_name}}", {"contact_name": blank}, fallback=blank) == "Task"


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        ("xy", "x"),
        ("e\u0301", ""),
        ("\U0001f44d\U0001f3fd", ""),
        ("\U0001f468\u200d\U0001f469", ""),
        ("\U0001f1e9\U0001f1ea", ""),
    ],
)
def test_the_cut_at_255_parts_no_character(tail, kept):
    text = "a" * 254 + tail
    assert render_title("{{contact_name}}", {"contact_name": text}, fallback="-") == "a" * 254 + kept


def test_the_cut_does_not_fall_behind_a_joiner():
    text = "a" * 253 + "\U0001f468\u200d\U0001f469"
    assert render_title("{{contact_name}}", {"contact_name": text}, fallback="-") == "a" * 253


def test_control_characters_are_spaces():
    assert render_title("{{contact_name}}", {"contact_name": "a\0b\nc"}, fallback="-") == "a b c"


def test_255_characters_stay_whole():
    assert render_title("a" * 255, {}, fallback="-") == "a" * 255
