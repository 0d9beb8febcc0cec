"""Views of the lists that a person has named: kept, listed, found, renamed, deleted, and nobody else's."""

from typing import Any

import pytest

from people.models import SavedView
from tests import builders
from tests.web.conftest import Office
from tests.web.test_doing import note_of
from web import saved_views


def keep(browser: Any, name: str = "Urgent of mine", *, page: str = "tasks", query: str = "priority=urgent") -> Any:
    return browser.post("/views/new", {"page": page, "name": name, "query": query}, follow=True)


@pytest.mark.parametrize(
    ("page", "query", "kept"),
    [
        ("tasks", "status=open&priority=urgent&cursor=7&x=1", "priority=urgent"),
        ("tasks", "as=board&priority=urgent", "as=board&priority=urgent"),
        ("contacts", "q=Ana%20%26%20Co&status=nonsense&sort=score", "q=Ana+%26+Co&sort=score"),
    ],
)
def test_what_a_list_shows_is_kept_and_listed(
    page: str, query: str, kept: str, office: Office, browser_of: Any
) -> None:
    browser = browser_of(office.member)
    answer = keep(browser, page=page, query=query)
    assert answer.redirect_chain == [(f"/{page}?{kept}", 302)]
    html = answer.content.decode()
    assert f'<a href="?{kept.replace("&", "&amp;")}" aria-current="page">Urgent of mine</a>' in html
    assert "Delete this view" in html
    assert "Urgent of mine" in browser.get(f"/{page}").content.decode()
    hits = {hit.label: hit.href for _, found in browser.get("/search?q=of mine").context["groups"] for hit in found}
    assert hits["Urgent of mine"] == f"/{page}?{kept}"


def test_without_a_name_or_a_filter_nothing_is_kept(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    for fields in ({"name": " "}, {"name": "x" * 61}, {"query": "status=open"}, {"page": "jobs"}):
        keep(browser, **fields)
    assert not SavedView.objects.exists()
    assert "Keep this view" not in browser.get("/tasks").content.decode()
    assert "Keep this view" in browser.get("/tasks?priority=urgent").content.decode()


def test_a_name_stands_for_one_view_and_there_are_so_many(
    office: Office, browser_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST", 1)
    browser = browser_of(office.member)
    keep(browser)
    keep(browser, query="priority=high")
    assert "delete one first" in keep(browser, name="Another").content.decode()
    assert SavedView.objects.get().query == "priority=high"
    assert "no room for more" in browser.get("/tasks?priority=low").content.decode()


def test_a_view_is_renamed_and_deleted_and_is_there_again(office: Office, browser_of: Any) -> None:
    browser = browser_of(office.member)
    keep(browser)
    keep(browser, name="Taken", query="priority=low")
    view = SavedView.objects.get(name="Urgent of mine")
    assert (
        "no other view has" in browser.post(f"/views/{view.pk}/rename", {"name": "Taken"}, follow=True).content.decode()
    )
    browser.post(f"/views/{view.pk}/rename", {"name": "Burning"})
    view.refresh_from_db()
    assert view.name == "Burning"
    note = note_of(browser.post(f"/views/{view.pk}/delete", follow=True))
    assert not SavedView.objects.filter(name="Burning").exists()
    browser.post("/undo", {"note": note})
    assert SavedView.objects.get(name="Burning").query == "priority=urgent"
    assert "Another view" in browser.post("/undo", {"note": note}, follow=True).content.decode()


def test_a_view_is_its_persons_alone(office: Office, browser_of: Any) -> None:
    view = builders.make_view(office.member)
    for who in (office.colleague, office.lead, office.manager):
        browser = browser_of(who)
        assert view.name not in browser.get("/tasks").content.decode()
        assert view.name not in browser.get("/search").content.decode()
        for verb in ("rename", "delete"):
            assert browser.post(f"/views/{view.pk}/{verb}", {"name": "x"}).status_code == 404
