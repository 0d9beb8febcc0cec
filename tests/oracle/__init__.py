"""An oracle for the engine: a plain, slow reading of how rules, time and cadences behave, and tests that compare.

Nothing here but the drivers and the tests knows the product: the interpreter reads lists of dictionaries, has no
database, and shares no code with what it judges.
"""
