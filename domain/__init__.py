"""Decisions in plain Python: arguments in, a value with its reasons out. No Django, no clock, no I/O."""
