"""Secrets that the product must say again, such as a key of somebody's chat: sealed in the database, masked when shown.

The seal is made of NEXTMOVE_SECRET_KEY. A copy of the database alone opens nothing.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_SHOWN = 4


class Unreadable(Exception):
    """It was sealed with another NEXTMOVE_SECRET_KEY, or is damaged; the message says what to do."""


def seal(secret: str) -> str:
    """What to keep: another text each time, in the letters of base64."""
    return _box().encrypt(secret.encode()).decode()


def unseal(kept: str) -> str:
    """The secret again. Raises Unreadable."""
    try:
        return _box().decrypt(kept.encode()).decode()
    except InvalidToken as fault:
        raise Unreadable(
            "This secret was sealed with another NEXTMOVE_SECRET_KEY: enter it anew, or set the old key again."
        ) from fault


def masked(secret: str) -> str:
    """By what somebody knows it again who has it, and nobody learns it who has not."""
    shown = secret[-_SHOWN:] if len(secret) >= 4 * _SHOWN else ""
    return f"••••{shown}"


def _box() -> Fernet:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"nextmove sealed secrets")
    return Fernet(base64.urlsafe_b64encode(derived.derive(settings.SECRET_KEY.encode())))
