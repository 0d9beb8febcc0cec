"""Asking a provider for the mail that its notice only names. Bounded in time and size; follows no redirect."""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from crm.providers.channels import NotReady

SECONDS = 10
MOST_BYTES = 30 * 1024 * 1024


def get(url: str, *, headers: Mapping[str, str] | None = None, seconds: float = SECONDS) -> bytes:
    """The body of a 200. Raises NotReady, saying why, for anything else: the provider then tells us again."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise NotReady(f"Only https addresses are asked, not {parts.scheme}://{parts.hostname}.")
    connection = http.client.HTTPSConnection(parts.hostname, parts.port or 443, timeout=seconds)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Accept": "*/*", **(headers or {})})
        response = connection.getresponse()
        body = response.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException, ValueError) as failure:
        raise NotReady(f"{parts.hostname} cannot be reached: {failure}. It is tried again.") from failure
    finally:
        connection.close()
    if response.status != 200:
        raise NotReady(f"{parts.hostname} answered {response.status}: check the key it is asked with.")
    if len(body) > MOST_BYTES:
        raise NotReady(f"{parts.hostname} sent more than {MOST_BYTES // 1024 // 1024} MB, which is not read.")
    return body


def get_json(url: str, *, headers: Mapping[str, str]) -> dict[str, Any]:
    """As `get`, for an answer that is a JSON object."""
    try:
        found = json.loads(get(url, headers=headers))
    except ValueError as failure:
        raise NotReady(f"{urlsplit(url).hostname} answered something that is no JSON.") from failure
    if not isinstance(found, dict):
        raise NotReady(f"{urlsplit(url).hostname} answered something unexpected.")
    return found
