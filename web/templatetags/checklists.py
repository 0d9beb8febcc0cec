"""`{% load checklists %}`: a description as it is read, and how much of its checklist is done."""

from django import template

from domain import checklists

register = template.Library()


@register.filter
def parts(description: str) -> list[checklists.Part]:
    return checklists.parts(description)


@register.filter
def ticks(description: str) -> dict[str, int]:
    done, everything = checklists.progress(description)
    return {"done": done, "all": everything}
