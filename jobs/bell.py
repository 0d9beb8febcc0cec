"""The bell: a hint that a team has unprocessed activities. Losing it costs a second, never an event."""

from jobs import broker, hooks


def ring(team_id: int) -> None:
    """Call after the commit of what is to be looked at. Without a broker the runner is polling anyway."""
    if hooks.drains and broker.configured():
        broker.post(broker.Message(hooks.drains[0].task, [team_id]))
