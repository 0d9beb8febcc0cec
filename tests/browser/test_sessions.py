"""What an open page says of whoever sits before it: their session is kept by that alone."""

import pytest
from playwright.sync_api import Page, Request

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def asks_now(page: Page) -> None:
    """Parts that poll ask at once when something was done elsewhere."""
    with page.expect_request(lambda request: "/side" in request.url):
        page.evaluate("document.body.dispatchEvent(new Event('work-changed'))")


def test_polling_says_whether_somebody_touched_the_page_since_the_last_time(signed_in: Page) -> None:
    said = []

    def listen(request: Request) -> None:
        if "hx-request" in request.headers:
            said.append("somebody" if "nextmove-unattended" not in request.headers else "nobody")

    signed_in.wait_for_function("window.htmx && document.querySelector('#health')")
    signed_in.on("request", listen)
    asks_now(signed_in)
    assert set(said) == {"nobody"}
    # A poll by the clock may come between the key and the next lines: then it is the one that says so.
    signed_in.keyboard.press("Shift")
    asks_now(signed_in)
    assert said.count("somebody") == 1
    asks_now(signed_in)
    assert said.count("somebody") == 1
