"""Whether the MCP library is installed: it is an extra, and nothing loads it before an agent asks."""

from importlib.util import find_spec


def needs() -> str:
    """What is missing here, for people; "" when nothing is."""
    if find_spec("mcp"):
        return ""
    return "Agents need the package mcp: install it with `pip install nextmove[mcp]` and start again."
