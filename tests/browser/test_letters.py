"""A letter as a mail program shows it, and what its links do in a browser that nobody is signed in to."""

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from notifications import outbox, preferences
from notifications.channels.email import letters
from notifications.models import Delivery, Notification
from tests import builders
from tests.pictures import PHONE
from work.models import Task


@pytest.fixture
def letter(transactional_db: None, live_server: Any, settings: Any) -> Any:
    """Of three tasks, one with the longest of titles."""
    settings.MAILS, settings.BASE_URL = True, live_server.url
    reader = builders.make_user(email="ada@example.org")
    preferences.choose(reader, {"assigned": {"email": "now"}})
    for n, title in enumerate(("Call Bo", "Write <the> offer", "Longword" * 25)):
        task = builders.make_task(reader, title=title)
        outbox.tell(
            reader,
            kind=Notification.ASSIGNED,
            key=f"a{n}",
            title=f"New task: {title}",
            body="You own the contact.",
            task=task,
            path=f"/tasks/{task.pk}",
            now=timezone.now(),
        )
    first, *others = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk__in=[row.pk for row in others]).update(state=Delivery.SENDING, sent_with=first)
    return letters.of(Delivery.objects.select_related("notification__task", "user__team").get(pk=first.pk))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_is_answered_without_a_session(chrome: Browser, letter: Any, scheme: Any) -> None:
    context = chrome.new_context(viewport=PHONE, color_scheme=scheme)
    page = context.new_page()
    ((html, _),) = letter.alternatives
    page.set_content(html)
    expect(page.get_by_role("heading")).to_have_text("3 tasks assigned to you")
    expect(page.get_by_text("New task: Write <the> offer")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("link", name="Mark it done").first.click()
    page.get_by_role("button", name="Mark it done").click()
    expect(page.get_by_role("status")).to_contain_text("is done")
    assert Task.objects.filter(status=Task.DONE).count() == 1
    assert context.cookies() == []
    context.close()
