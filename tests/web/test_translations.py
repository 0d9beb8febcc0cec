"""The pages speak a second language: every text is in its catalogue, with the same variables."""

import re

from django.test import Client

from tests import translations
from tests.translations import CATALOGUE, Text
from tests.web.conftest import Office
from tests.web.test_pages import EVERYBODY, PAGES, filled

VARIABLE = re.compile(r"%\(\w+\)s|\{\{.*?\}\}|</?\w+")
NUMBER = re.compile(r'\b(?:x|y|width|height|cx|cy|r|x1|x2|y1|y2|value|min|max|step|d|points)="[^"]*\d,\d[^"]*"')
TYPED = re.compile(r'<input[^>]*inputmode="decimal"[^>]*>')
"""Fields that people type numbers into, as their language writes them."""
KNOWN = translations.read()


def test_no_text_is_missing_and_none_is_left_over() -> None:
    assert set(KNOWN) == set(translations.collected())
    assert [text.one for text, answers in KNOWN.items() if not all(answers)] == []


def test_a_translation_has_the_same_variables_and_tags() -> None:
    assert {text.one: KNOWN[text] for text in KNOWN if not is_like_its_original(text)} == {}


def is_like_its_original(text: Text) -> bool:
    return all(
        sorted(VARIABLE.findall(answer)) == sorted(VARIABLE.findall(original))
        and answer[:1].isspace() == original[:1].isspace()
        for original, answer in zip((text.one, text.many), KNOWN[text], strict=False)
    )


def test_a_number_is_not_parted_from_its_unit_and_is_written_as_in_german() -> None:
    parted = re.compile(r"(\)s|\}|\d) (h|min|s|ms|MB|MiB|kB|%%?)(?!\w)|\d,\d{3}\b|\bz\. B\.")
    assert [answer for answers in KNOWN.values() for answer in answers if parted.search(answer)] == []


def test_what_the_product_reads_is_what_is_written() -> None:
    assert CATALOGUE.with_suffix(".mo").read_bytes() == translations.compiled(KNOWN)


def test_numbers_for_machines_have_no_comma(office: Office, browser_of) -> None:
    browser = browser_of(office.manager)
    browser.cookies["django_language"] = "de"
    for path in [path for path, people in PAGES.items() if people == EVERYBODY]:
        response = browser.get(filled(path, office))
        assert response["Content-Language"] == "de", path
        assert NUMBER.findall(TYPED.sub("", response.content.decode())) == [], path


def test_the_language_is_chosen_and_else_the_browsers(office: Office, browser_of, client: Client) -> None:
    assert 'lang="de"' in client.get("/accounts/login/", headers={"Accept-Language": "de-AT,en;q=0.5"}).content.decode()
    assert 'lang="en"' in client.get("/accounts/login/", headers={"Accept-Language": "fr"}).content.decode()
    browser = browser_of(office.member)
    assert browser.post("/language", {"language": "de", "next": "/settings/profile"})["Location"] == "/settings/profile"
    assert "Aufgaben" in browser.get("/tasks").content.decode()
    browser.post("/language", {"language": ""})
    assert "Aufgaben" not in browser.get("/tasks").content.decode()
    assert browser.post("/language", {"language": "de", "next": "//elsewhere.example"})["Location"] == "/"
