"""The two ways a condition goes wrong: refused when it is saved, or failed on one record."""


class ConditionError(ValueError):
    """A condition or a row that cannot be saved. The message says what to change, and where."""


class ConditionFailed(Exception):
    """A condition that could not be judged on these values. The message is for people."""
