"""`nextmove mcp`: tools for agents over standard input and output."""

import os

import typer

from config import children
from config.commands.answers import AsJson, complain

TOKEN = "NEXTMOVE_TOKEN"  # noqa: S105 (its name, not a secret)
NO_TOKEN = (
    f"{TOKEN} is not set: give the agent's token in the environment. `nextmove token create USER --scope tasks:read` "
    "makes one."
)


def mcp(as_json: AsJson = False) -> None:
    """Serve tools to an agent over standard input and output, with the token in NEXTMOVE_TOKEN."""
    if as_json:
        os.environ["NEXTMOVE_LOG_FORMAT"] = "json"
    secret = os.environ.get(TOKEN, "").strip()
    from agents import extra

    missing = extra.needs() or ("" if secret else NO_TOKEN)
    if missing:
        complain(missing)
        raise typer.Exit(2)
    children.setup_django()
    from agents import stdio
    from api.errors import Problem

    try:
        stdio.run(secret)
    except Problem as problem:
        complain(f"{TOKEN}: {problem.detail}")
        raise typer.Exit(2) from None
