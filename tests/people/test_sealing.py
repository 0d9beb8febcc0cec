"""Secrets in the database: unreadable there, readable with the key, shown by their end only."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from people import sealing


@given(st.text())
def test_what_is_sealed_is_read_again_and_does_not_show(secret: str) -> None:
    kept = sealing.seal(secret)
    assert sealing.unseal(kept) == secret
    assert len(secret) < 8 or secret not in kept


def test_another_key_opens_nothing(settings: Any) -> None:
    kept = sealing.seal("the key of a chat")
    settings.SECRET_KEY = "another"
    with pytest.raises(sealing.Unreadable, match="enter it anew"):
        sealing.unseal(kept)


def test_what_was_tampered_with_is_not_read() -> None:
    kept = sealing.seal("the key of a chat")
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(kept[:-4] + "AAA=")


def test_a_short_secret_shows_nothing_of_itself() -> None:
    assert sealing.masked("hunter2") == "••••"
    assert sealing.masked("a-long-secret-0f9c") == "••••0f9c"
