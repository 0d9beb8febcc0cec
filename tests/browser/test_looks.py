"""What an accessibility checker and the eye say of each page, in both themes, at both widths; and what it weighs."""

import gzip

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from people.models import User
from tests.browser.conftest import PASSWORD
from tests.browser.looks import LOOKS
from tests.browser.test_face import PAGES, ids_of
from tests.pictures import PHONE, WIDE, keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = Axe()
MOST_BYTES = 120_000
"""Of the first page, compressed."""


@pytest.mark.parametrize("width", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_neither_axe_nor_the_eye_finds_a_fault(theme: str, width: dict, page: Page, manager: User, live_server) -> None:
    page.set_viewport_size(width)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": live_server.url}])
    page.goto("/accounts/login/")
    found = faults(page, theme)
    page.fill("[name=login]", manager.username)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    ids = ids_of(manager)
    for path in PAGES:
        page.goto(path.format(**ids))
        keep(page, path, theme=theme, width=width["width"])
        found += faults(page, theme)
    page.goto("/")
    page.get_by_role("link", name="Call Ana").click()
    page.locator("#peek h2").wait_for()
    found += faults(page, theme)
    assert found == []


def faults(page: Page, theme: str) -> list[str]:
    """What axe says of the page, and what is cut, covered or wider than the window, also with longer labels.

    In the dark only contrast is asked for: the theme changes nothing else.
    """
    asked = {} if theme == "light" else {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
    found = [
        f"{one['id']} at {one['nodes'][0]['target']}" for one in AXE.run(page, options=asked).response["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("wider than the window")
    if theme == "light":
        for longer in (False, True):
            found += [f"{one}{' (longer)' if longer else ''}" for one in page.evaluate(LOOKS, longer)]
    return [f"{page.url}: {one}" for one in found]


def test_the_first_page_is_light(signed_in: Page) -> None:
    sizes: list[int] = []
    signed_in.on("response", lambda response: sizes.append(len(gzip.compress(response.body()))))
    signed_in.goto("/")
    signed_in.wait_for_load_state("networkidle")
    assert len(sizes) > 5
    assert sum(sizes) < MOST_BYTES
