"""When a calendar file (RFC 5545) says that somebody is busy: read event by event, recurrences expanded, bounded."""
