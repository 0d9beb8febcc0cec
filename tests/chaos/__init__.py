"""The proof under faults, from outside: events go in over HTTP, processes and servers die, and effects are counted."""
