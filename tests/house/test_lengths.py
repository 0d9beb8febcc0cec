"""How much of a request is taken in at all."""

import io
import tempfile
from typing import Any

import pytest
from django.test import Client

from config.middleware import MOST_BYTES
from domain.busy import reading as calendars
from domain.files import reading as files

FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.mark.parametrize("path", ["/accounts/login/", "/contacts/import", "/hooks/forms/x", "/admin/login/"])
def test_nothing_of_a_body_without_end_is_taken_in(path: str, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form with a file is written to the disk as it comes in, whoever sends it."""
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", lambda *_a, **_k: pytest.fail("it was written down"))
    sent: dict[str, Any] = {"CONTENT_LENGTH": str(MOST_BYTES + 1), "wsgi.input": io.BytesIO(FORM)}
    answer = Client().generic("POST", path, FORM, "multipart/form-data; boundary=x", **sent)
    assert answer.status_code == 413
    assert b"40 MB" in answer.content


def test_the_largest_file_fits() -> None:
    assert max(files.MOST_BYTES, calendars.MOST_BYTES) + 1024 * 1024 < MOST_BYTES
