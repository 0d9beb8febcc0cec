"""What the audit log keeps of endpoints: what somebody sets, and of secrets only that they changed."""

from people.audit import Kind

WEBHOOK = Kind("webhook", ("url", "kinds", "is_active", "off_reason", "secret"), secrets=frozenset({"secret"}))
