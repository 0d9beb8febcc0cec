"""Views of the lists of tasks and contacts that a person has named: kept, listed in the page's head, found by name."""

from dataclasses import dataclass

from django import forms
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from people.models import SavedView, User
from web import answers, contact_filters, task_filters, undoing, words
from web.access import Request, signed_in

MOST = 20
"""Of one list: more are no help to find one."""
KINDS = {
    SavedView.TASKS: words.Word(gettext_lazy("Tasks"), "list-checks"),
    SavedView.CONTACTS: words.Word(gettext_lazy("Contacts"), "contact-round"),
}
FILTERS: dict[str, type[task_filters.Filters | contact_filters.Filters]] = {
    SavedView.TASKS: task_filters.Filters,
    SavedView.CONTACTS: contact_filters.Filters,
}


class NameForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)


@dataclass(frozen=True)
class Views:
    """What the head of a list says of them."""

    page: str
    query: str
    """What the list shows now, in the one spelling in which it is kept; empty when nothing narrows it."""
    kept: list[SavedView]
    here: SavedView | None
    """The one that is shown."""
    full: bool


def of(user: User, page: str, query: QueryDict) -> Views:
    """In one query."""
    kept = list(SavedView.objects.visible_to(user).filter(page=page).order_by("name"))
    shown = spelled(page, query)
    here = next((one for one in kept if one.query == shown), None)
    return Views(page, shown, kept, here, len(kept) >= MOST)


def spelled(page: str, query: QueryDict) -> str:
    """What narrows and orders the list, and whether it is a board, without the rest of the address and what is none."""
    given = FILTERS[page].of(query).given()
    board = {"as": "board"} if page == SavedView.TASKS and query.get("as") == "board" else {}
    return urlencode(board | given)


def address_of(view: SavedView) -> str:
    return f"{reverse(f'web:{view.page}')}?{view.query}"


@require_POST
@signed_in
def new(request: Request) -> HttpResponse:
    """Names what a list shows; the same name again stands for what is shown now."""
    page, form, user = request.POST.get("page", ""), NameForm(request.POST), request.user
    if page not in FILTERS:
        return answers.refused(request, _("There are no views of this page."))
    back, query = reverse(f"web:{page}"), spelled(page, QueryDict(request.POST.get("query", "")))
    if not form.is_valid() or not query:
        return answers.refused(request, _("Filter the list and give the view a name of up to 60 letters."), back=back)
    name, mine = form.cleaned_data["name"], SavedView.objects.visible_to(user).filter(page=page)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)  # one at a time: the number of them is bounded
        if not mine.filter(name=name).exists() and mine.count() >= MOST:
            return answers.refused(request, _("There are %(n)s views: delete one first.") % {"n": MOST}, back=back)
        view, _new = SavedView.objects.update_or_create(user=user, page=page, name=name, defaults={"query": query})
    return answers.done(request, _("Kept: %(name)s") % {"name": name}, back=address_of(view))


@require_POST
@signed_in
def rename(request: Request, pk: int) -> HttpResponse:
    view, form = _view(request, pk), NameForm(request.POST)
    others = SavedView.objects.visible_to(request.user).filter(page=view.page).exclude(pk=pk)
    if not form.is_valid() or others.filter(name=form.cleaned_data["name"]).exists():
        why = _("Give a name of up to 60 letters that no other view has.")
        return answers.refused(request, why, back=address_of(view))
    SavedView.objects.filter(pk=pk).update(name=form.cleaned_data["name"])
    return answers.done(request, _("Saved."), back=address_of(view))


@require_POST
@signed_in
def delete(request: Request, pk: int) -> HttpResponse:
    view = _view(request, pk)
    view.delete()
    text = _("Deleted: %(name)s") % {"name": view.name}
    return answers.done(request, text, undo=undoing.note_of_view(request.user, view), back=address_of(view))


def _view(request: Request, pk: int) -> SavedView:
    return get_object_or_404(SavedView.objects.visible_to(request.user), pk=pk)
