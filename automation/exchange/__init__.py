"""Rules, sequences and campaigns as one readable YAML file: written from the rows of a team, and read back into them.

writing.export(team)                       # the text; the same rows always give the same bytes
reading.bring_in(text, by=user, now=now)   # a report: created, updated, unchanged, differing, refused
"""
