"""What an open page says of whoever sits before it: their session is kept by that alone."""

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def says_nobody(page: Page) -> bool:
    """Of a poll, which comes at once when something was done elsewhere."""
    with page.expect_request(lambda request: "/side" in request.url) as asked:
        page.evaluate("document.body.dispatchEvent(new Event('work-changed'))")
    return asked.value.headers.get("nextmove-unattended") == "1"


def test_polling_says_whether_somebody_touched_the_page_since_the_last_time(signed_in: Page) -> None:
    signed_in.wait_for_function("window.htmx && document.querySelector('#health')")
    assert says_nobody(signed_in)
    signed_in.keyboard.press("Shift")
    assert not says_nobody(signed_in)
    assert says_nobody(signed_in)
