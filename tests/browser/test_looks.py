"""What an accessibility checker and the eye say of each page, in both themes, at both widths; and what it weighs."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from people.models import User
from tests.browser.conftest import PASSWORD
from tests.browser.looks import LOOKS
from tests.browser.test_face import PAGES, ids_of
from tests.browser.test_two_step import code
from tests.pictures import PHONE, WIDE, keep

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.django_db(transaction=True)]

MOST_BYTES = 120_000
"""Of the first page, compressed."""
AXE = Axe().axe_script
VIOLATIONS = """options => axe.run(document, options).then(
  found => found.violations.map(one => `${one.id} at ${one.nodes[0].target}`))"""
WIDTHS = {"light": (WIDE, PHONE), "dark": (PHONE, WIDE)}
"""In the order in which a page takes them: it is loaded and clicked at the first, and only drawn anew at the second,
for no script of ours asks how wide the window is.
"""


@pytest.mark.parametrize("theme", WIDTHS)
def test_neither_axe_nor_the_eye_finds_a_fault(theme: str, page: Page, manager: User, live_server) -> None:
    page.context.add_cookies([{"name": "theme", "value": theme, "url": live_server.url}])
    page.goto("/accounts/login/")
    found = faults(page, theme)
    page.goto("/accounts/password/reset/")
    found += faults(page, theme)
    page.goto("/accounts/login/")
    page.fill("[name=login]", manager.username)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    ids = ids_of(manager)
    speak(manager, "de" if theme == "dark" else "")
    for path in PAGES:
        page.set_viewport_size(WIDTHS[theme][0])
        page.goto(path.format(**ids))
        found += faults(page, theme, path)
    speak(manager, "")
    page.set_viewport_size(WIDTHS[theme][0])
    page.goto("/")
    page.get_by_role("link", name="Call Ana").click()
    page.locator("#peek h2").wait_for()
    found += faults(page, theme)
    for _step in two_steps(page):
        found += faults(page, theme)
    assert found == []


def speak(person: User, language: str) -> None:
    User.objects.filter(pk=person.pk).update(language=language)


def two_steps(page: Page) -> Iterator[None]:
    """The pages behind the password, one after the other: the key, then the codes."""
    page.goto("/settings/security/two-step")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.locator("#key").wait_for(state="attached")
    yield
    page.get_by_label("The six digits").fill(code((page.locator("#key").text_content() or "").replace(" ", "")))
    page.get_by_role("button", name="Switch on").click()
    page.locator(".codes").wait_for()
    yield


def faults(page: Page, theme: str, path: str = "") -> list[str]:
    """What axe says of the page, and what is cut, covered or wider than the window, also with longer labels; at both
    widths. A page whose `path` is told is kept as a picture.

    In the dark only contrast is asked of axe, for the theme changes nothing else; there the pages are in German, which
    is long by itself.
    """
    asked: dict[str, Any] = {"resultTypes": ["violations"]}  # what passes is not told node by node: that takes longest
    if theme == "dark":
        asked["runOnly"] = {"type": "rule", "values": ["color-contrast"]}
    found = []
    page.evaluate(AXE)
    for width in WIDTHS[theme]:
        page.set_viewport_size(width)
        if path:
            keep(page, path, theme=theme, width=width["width"])
        seen = [*page.evaluate(VIOLATIONS, asked), *page.evaluate(LOOKS, False)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            seen.append("wider than the window")
        found += [f"{page.url} at {width['width']} px: {one}" for one in seen]
    for width in reversed(WIDTHS[theme]) if theme == "light" else ():
        page.set_viewport_size(width)
        seen = page.evaluate(LOOKS, width == WIDTHS[theme][-1])  # once longer, labels stay so
        found += [f"{page.url} at {width['width']} px with longer labels: {one}" for one in seen]
    return found


def test_the_first_page_is_light(signed_in: Page) -> None:
    sizes: list[int] = []
    signed_in.on("response", lambda response: sizes.append(len(gzip.compress(response.body()))))
    signed_in.goto("/")
    signed_in.wait_for_load_state("networkidle")
    assert len(sizes) > 5
    assert sum(sizes) < MOST_BYTES
