"""What the rooms below say in English, in the reader's language: known in every template."""

from datetime import date

from django import template

from people import speech

register = template.Library()
register.filter("said", speech.said)
register.filter("word", speech.word)


@register.filter(expects_localtime=True)
def dated(at: date | None, form: str) -> str:
    """As Django's `date`, in the order and with the points of the language; empty for none."""
    return speech.dated(at, form) if at else ""
