"""Webhooks out: what happened is sent to addresses that a team gives, signed, and tried again until it is taken."""
