"""Schemathesis from one answer to the next request: what was made is found, what was deleted is gone, and no order of
requests is answered in a way that the document does not name. Which answers lead where follows from the document's ids.
"""

import os
from collections import Counter
from typing import Any

import pytest
import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ensure_resource_availability, use_after_free

from api import limits
from config.wsgi import application
from tests.api.test_fuzz import CHECKS, EXAMPLES, connected, token

__all__ = ["connected", "token"]

STEPS = 20
MADE = (
    r"^/api/(contacts|tasks|skills|webhooks|forms|sources|users|tokens|task-automation/(rules|sequences|campaigns))/?"
    r"(\{[^}]*\}/?)?$"
)
"""What is made, read, changed and deleted by its id."""
WHOLE = "."
"""With thousands of links, which take long to find, and mostly lead to what is not there."""


@pytest.mark.long
@pytest.mark.parametrize("paths", [MADE, WHOLE] if "NEXTMOVE_TEST_FUZZ_EXAMPLES" in os.environ else [MADE])
def test_whatever_order_it_comes_in(paths: str, token: str) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
    schema.config.generation.update(modes=[GenerationMode.POSITIVE])
    links = schema.include(path_regex=paths).as_state_machine()
    answers: Counter[str] = Counter()

    class Orders(links):  # type: ignore[misc,valid-type]
        """Each begins with the same rows."""

        def setup(self) -> None:
            limits.reset()
            self.before = transaction.savepoint()

        def teardown(self) -> None:
            transaction.savepoint_rollback(self.before)

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"headers": {"Authorization": f"Bearer {token}"}}

        def validate_response(self, response: Any, case: schemathesis.Case, **_more: Any) -> None:
            answers[f"{case.operation.method.upper()} {response.status_code}"] += 1
            checks = [*CHECKS, use_after_free, ensure_resource_availability]
            case.validate_response(response, checks=checks, recorder=self.recorder)

    Orders.run(
        settings=settings(
            max_examples=max(EXAMPLES, 10),
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
    )
    assert paths == WHOLE or (answers["POST 201"] and answers["PATCH 200"] + answers["DELETE 204"]), answers
