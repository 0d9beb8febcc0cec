"""How commands answer: JSON for programs, tables for people, and refusals that say what to do instead."""

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from people.models import User

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Refused(Exception):
    """What was asked cannot be done; the message says what to do instead."""


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, default=str))


def complain(text: str) -> None:
    """What is wrong and how to mend it: an object for programs, a line on standard error for people."""
    if "--json" in sys.argv:
        print_json({"error": text})
    else:
        sys.stderr.write(text + "\n")


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]], empty: str) -> None:
    """A table for people; rich honours NO_COLOR and pipes by itself."""
    from rich.console import Console
    from rich.table import Table

    made = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        made.add_column(column, no_wrap=place == 0)  # an id is there to be copied whole
    for row in rows:
        made.add_row(*[str(cell) for cell in row])
    Console().print(made if made.row_count else empty, markup=False)


def user(username: str) -> "User":
    """The active user of this name. Raises Refused with the names there are."""
    from people.models import User

    found = User.objects.filter(username=username, is_active=True).first()
    if found is None:
        names = ", ".join(User.objects.active().order_by("username").values_list("username", flat=True)[:20])
        raise Refused(f"There is no active user {username!r}. There are: {names or 'none yet; run `nextmove serve`'}.")
    return found
