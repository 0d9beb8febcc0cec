"""The frame round the pages of the settings."""

from typing import Any

from django import template
from django.utils.functional import Promise

from web import settings_tabs

register = template.Library()


@register.simple_tag(takes_context=True)
def settings_groups(context: template.Context) -> list[tuple[str | Promise, list[settings_tabs.Link]]]:
    request: Any = context["request"]
    match = request.resolver_match
    return list(settings_tabs.groups(request.user, match.url_name if match is not None else ""))
