"""NEXTMOVE_EMAIL_URL as Django's settings: an SMTP server, a provider's API, or a place for trying it out."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import dj_email_url

PROVIDERS = {
    "brevo": "BREVO_API_KEY",
    "mailersend": "MAILERSEND_API_TOKEN",
    "mandrill": "MANDRILL_API_KEY",
    "postmark": "POSTMARK_SERVER_TOKEN",
    "resend": "RESEND_API_KEY",
    "sparkpost": "SPARKPOST_API_KEY",
}
"""Those that need nothing but a key: the scheme of the address, and what django-anymail calls the key."""
PLACES = ("smtp", "submission", "console", "file")
NONE = "django.core.mail.backends.dummy.EmailBackend"
_PATIENCE = 20
"""Seconds to wait for a server's answer."""


def settings_of(url: str, *, host: str) -> dict[str, Any]:
    """Django's mail settings; without an address nothing is sent. `host` is the product's own name.

    Raises ValueError with what to write instead.
    """
    if not url:
        return {"EMAIL_BACKEND": NONE}
    parts = urlsplit(url)
    sender = parse_qs(parts.query).get("from", [f"Nextmove <nextmove@{host}>"])[0]
    if parts.scheme in PROVIDERS:
        key = unquote(parts.netloc)
        if not key:
            raise ValueError(f"write the key after {parts.scheme}://, such as {parts.scheme}://KEY?from=Me <me@my.org>")
        return {
            "EMAIL_BACKEND": f"anymail.backends.{parts.scheme}.EmailBackend",
            "ANYMAIL": {PROVIDERS[parts.scheme]: key, "REQUESTS_TIMEOUT": _PATIENCE},
            "DEFAULT_FROM_EMAIL": sender,
        }
    if parts.scheme not in PLACES:
        known = ", ".join(f"{scheme}://" for scheme in (*PLACES, *PROVIDERS))
        raise ValueError(f"write an address that begins with one of {known}")
    found = dj_email_url.parse(url)
    if parts.scheme == "file":
        found["EMAIL_FILE_PATH"] = unquote(parts.path)  # the library takes the root off
    return {
        **{name: value for name, value in found.items() if name.startswith("EMAIL_")},
        "EMAIL_TIMEOUT": found["EMAIL_TIMEOUT"] or _PATIENCE,
        "DEFAULT_FROM_EMAIL": sender,
    }
