"""What opens over a page: menus, the search, the list of keys."""

import pytest
from playwright.sync_api import Page, expect

from crm.models import Contact
from people.models import User
from tests.pictures import PHONE, WIDE
from work.models import Task

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OVER_THE_EDGE = """
async () => {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);  // until it is where it stays
  return [...document.querySelectorAll("details[open] > .menu")].filter(menu => menu.checkVisibility())
    .map(menu => menu.getBoundingClientRect()).filter(box => box.left < 0 || box.right > innerWidth).length;
}
"""


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("width", [WIDE, PHONE], ids=["wide", "phone"])
def test_menus_stay_within_the_window(language: str, width: dict, signed_in: Page, manager: User) -> None:
    Contact.objects.update(phone="+44 20 7946 0072")
    User.objects.filter(pk=manager.pk).update(language=language)
    signed_in.set_viewport_size(width)
    task, contact = Task.objects.get(title="Call Ana"), Contact.objects.get()
    for path, panel in (
        ("/", True),
        (f"/tasks/{task.pk}", False),
        ("/inbox", False),
        ("/contacts", False),
        (f"/contacts/{contact.pk}", False),
    ):
        signed_in.goto(path)
        if panel:
            signed_in.get_by_role("link", name="Call Ana").click()
            signed_in.locator("#peek h2").wait_for()
        opened = 0
        for summary in signed_in.locator("main details.drop:not(.bell) > summary").all():
            if not summary.is_visible():
                continue
            summary.click()
            opened += 1
            assert signed_in.evaluate(OVER_THE_EDGE) == 0, f"{path}: {summary.inner_text()}"
            summary.click()
        assert opened, path


def test_the_list_of_keys_names_pages_and_nothing_else(signed_in: Page) -> None:
    expect(signed_in.locator("#waiting-i")).to_have_text("1")
    signed_in.keyboard.press("?")
    expect(signed_in.locator("[data-places]")).to_contain_text("M My work · I Inbox · T Tasks")


def test_escape_closes_the_search_whatever_is_written_there(signed_in: Page) -> None:
    signed_in.keyboard.press("Control+k")
    signed_in.keyboard.type("ana")
    signed_in.get_by_role("link", name="Ana Ruiz Lumen").wait_for()
    signed_in.keyboard.press("Escape")
    expect(signed_in.locator("#palette")).to_be_hidden()


def test_a_field_that_somebody_drew_larger_troubles_no_policy(signed_in: Page) -> None:
    """The browser writes its size into the element, which must not be copied to the next task's field."""
    for title in ("Call Ana", "Write the offer"):
        signed_in.get_by_role("link", name=title).click()
        expect(signed_in.locator("#peek h2")).to_have_text(title)
        signed_in.locator("#complete_notes").evaluate("field => { field.style.height = '200px' }")
    signed_in.wait_for_load_state("networkidle")
