"""The durable queue: a row is the truth, a message only rings the bell."""
