"""Where a list is to be had as a file, narrowed as the page is."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse

register = template.Library()

FORMATS = (("csv", "CSV"), ("xlsx", "Excel"), ("json", "JSON"))


@register.simple_tag
def exports(name: str, **filters: Any) -> list[tuple[str, str]]:
    """Label and address of each format; filters that are empty do not narrow."""
    given = {key: value for key, value in filters.items() if value not in (None, "")}
    address = reverse("web:export", args=[name])
    return [(label, f"{address}?{urlencode({'format': key, **given})}") for key, label in FORMATS]


@register.simple_tag(takes_context=True)
def exports_here(context: template.Context, name: str, **more: Any) -> list[tuple[str, str]]:
    """The same for a list that is narrowed by the page's own address: what one sees is what one gets, on all pages."""
    query = context["request"].GET.copy()
    for ours in ("cursor", "v", "format"):
        query.pop(ours, None)
    query.update({key: str(value) for key, value in more.items()})
    address = reverse("web:export", args=[name])
    given = f"&{query.urlencode()}" if query else ""
    return [(label, f"{address}?format={key}{given}") for key, label in FORMATS]
