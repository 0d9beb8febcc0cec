"""Python loads this at its start where the folder is on PYTHONPATH: so faults get into the product's own processes
without a line of theirs for it."""

import os

if os.environ.get("CHAOS"):
    import django

    real_setup = django.setup

    def setup(*arguments, **named):  # type: ignore[no-untyped-def]
        from tests.chaos import inside

        inside.arm_clock()
        real_setup(*arguments, **named)
        inside.arm()

    django.setup = setup
