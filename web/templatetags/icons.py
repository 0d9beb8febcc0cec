"""`{% lucide "x" size=14 %}`, each icon drawn once a process: the library copies a tree for every icon of a page, and
unpacks its archive anew for whatever does not fit into its own small cache.
"""

from functools import lru_cache

from django import template
from lucide.templatetags.lucide import lucide as drawn

register = template.Library()
register.simple_tag(lru_cache(maxsize=1_000)(drawn), name="lucide")
