"""What the rooms below say in English, in the reader's language: known in every template."""

from django import template

from people import speech

register = template.Library()
register.filter("said", speech.said)
register.filter("word", speech.word)
