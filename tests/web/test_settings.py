"""The settings: one frame round all its pages, which show to whoever may open them."""

import re

import pytest
from django.urls import reverse

from tests.web.conftest import Office
from web import settings_tabs

pytestmark = pytest.mark.django_db


CURRENT = re.compile(r'<a href="([^"]+)" aria-current="page"')


def frame_of(html: str) -> str:
    """The frame's list, without the phone's menu."""
    return html.split('class="settings-nav"')[1].split("</nav>")[0]


def links(html: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', frame_of(html))


def test_members_see_their_own_pages_and_managers_the_teams_too(office: Office, browser_of) -> None:
    mine = links(browser_of(office.member).get(reverse("web:profile")).content.decode())
    all_of_them = links(browser_of(office.manager).get(reverse("web:profile")).content.decode())
    assert "/settings/tokens" in mine
    assert "/settings/webhooks" not in mine
    assert "/settings/webhooks" in all_of_them
    assert set(mine) < set(all_of_them)


@pytest.mark.parametrize("who", ["member", "lead", "manager"])
def test_whatever_is_linked_can_be_opened_and_says_that_it_is_open(who: str, office: Office, browser_of) -> None:
    browser = browser_of(office.people()[who])
    for address in links(browser.get(reverse("web:profile")).content.decode()):
        response = browser.get(address)
        assert response.status_code == 200, address
        assert CURRENT.findall(frame_of(response.content.decode())) == [address]


def test_a_page_that_does_not_exist_is_not_linked(office: Office) -> None:
    missing = settings_tabs.Tab("Nowhere", "circle", "nowhere")
    assert list(settings_tabs._links([missing], "")) == []
