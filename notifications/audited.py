"""What the audit log keeps of addresses and accounts outside: that they changed, and what may be shown of them."""

from operator import attrgetter

from people.audit import Kind

ADDRESS = Kind(
    "notification_address",
    ("channel", "service", "sealed", "shown", "confirmed_at"),
    secrets=frozenset({"sealed"}),
    name_of=lambda row: f"{row.user.username}: {row.channel}",
    team_of=attrgetter("user.team_id"),
)
GATEWAY = Kind(
    "notification_gateway",
    ("channel", "service", "sealed", "shown"),
    secrets=frozenset({"sealed"}),
    name_of=attrgetter("channel"),
)
