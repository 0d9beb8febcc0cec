"""What a provider is made of: one or two channels, each the library's own view with what is particular to it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailError, AnymailWebhookValidationFailure
from anymail.webhooks.base import AnymailBasicAuthMixin
from django.http import HttpRequest

from people.sealed import Locked

PASSWORD = "webhook_secret"  # noqa: S105 (a key's name)
"""The key that every provider may have: the `user:password` that it sends as HTTP basic authentication."""
STAND_IN = "none"
REPLAYED_AFTER = timedelta(hours=25)
"""How old a signed request may be: providers repeat one that failed for up to a day."""
CLOCK_AHEAD = timedelta(minutes=10)

LOCKED = "Sealed with another NEXTMOVE_SECRET_KEY: set {names} again, or the old key of the installation."

Keys = Mapping[str, Any]


class BadWebhook(ValueError):
    """The request cannot be read, or does not prove where it comes from."""


class NotReady(Exception):
    """The request is sound, but something here has to be set up before it can be taken: the provider shall repeat it.

    The message says what to do, to whoever looks at the source.
    """


@dataclass(frozen=True)
class Channel:
    """Requests of one kind, tracking events or inbound mail.

    `view` is built for each request from the source's keys. `raws` takes the body apart into single events; `convert`
    turns one of them into the library's events. `proof` is the key the provider signs with: without it the signature
    is not looked at, and the secret in the address is the proof. `stand_ins` are keys that the view cannot be built
    without although we can do without them; `fetches_with` is the key for what has to be asked of the provider;
    `signed_at` reads the instant a signed request names.
    """

    view: Callable[..., Any]
    raws: Callable[[Any, HttpRequest], Iterable[Any]]
    convert: Callable[[Any, Any, HttpRequest], Iterable[Any]]
    keys: tuple[str, ...] = ()
    proof: str = ""
    stand_ins: tuple[str, ...] = ()
    fetches_with: str = ""
    signed_at: Callable[[HttpRequest], float | None] | None = None

    def build(self, keys: Keys) -> Any:
        """The view with the source's keys. Raises NotReady when one of them cannot be used."""
        if locked := sorted(name for name, value in keys.items() if isinstance(value, Locked)):
            raise NotReady(LOCKED.format(names=", ".join(locked)))
        wanted = {name: keys[name] for name in self.keys if keys.get(name)}
        wanted = {name: STAND_IN for name in self.stand_ins if name not in wanted} | wanted
        try:
            # A password of some kind keeps the library from warning about a missing one at every request.
            view = self.view(**wanted, **{PASSWORD: keys.get(PASSWORD) or "none:none"})
        except AnymailConfigurationError as fault:
            raise NotReady(str(fault)) from fault
        except Exception as fault:  # whatever the libraries that read keys make of one that is none
            names = ", ".join(sorted(wanted))
            raise NotReady(f"A key of this source cannot be used: look at {names} and set it again.") from fault
        if not keys.get(PASSWORD):
            view.basic_auth = []
        return view

    def check(self, view: Any, request: HttpRequest, keys: Keys, *, now: datetime) -> None:
        """Raises BadWebhook for a request that does not prove itself by what the source has keys for."""
        try:
            if self.proof and not keys.get(self.proof):
                AnymailBasicAuthMixin.validate_request(view, request)
            else:
                view.run_validators(request)
        except AnymailWebhookValidationFailure as failure:
            raise BadWebhook(f"The request does not prove that it comes from {view.esp_name}") from failure
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, AnymailError) as failure:
            raise BadWebhook(f"The body is nothing that {view.esp_name} would send") from failure
        if self.signed_at is not None and self.proof and keys.get(self.proof):
            self._check_age(request, now)

    def _check_age(self, request: HttpRequest, now: datetime) -> None:
        try:
            age = now.timestamp() - float(self.signed_at(request) or 0)  # type: ignore[misc]
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as failure:
            raise BadWebhook("The request does not say when it was signed") from failure
        if not -CLOCK_AHEAD.total_seconds() <= age <= REPLAYED_AFTER.total_seconds():
            raise BadWebhook("The request was signed too long ago, or its clock is ahead")


@dataclass(frozen=True)
class Provider:
    """One mail provider. `amend` says what the library leaves out of a tracking event: see `tracking.Amendment`."""

    name: str
    title: str
    tracking: Channel
    inbound: Channel | None = None
    amend: Callable[[Any, Any], "Any"] | None = None
    needs: Callable[[], str] | None = None
    greet: Callable[[HttpRequest, Keys], str | None] | None = None
    """Deals with a request that carries no event but wants something done, such as a subscription; None when it is no
    such request, else what somebody still has to do, "" for nothing."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of all keys that a source of this provider may hold."""
        of_channels = [*self.tracking.keys, *(self.inbound.keys if self.inbound else ())]
        return tuple(dict.fromkeys([*of_channels, PASSWORD]))


def document(request: HttpRequest, title: str) -> Any:
    """The body as JSON. Raises BadWebhook for anything else, NaN and infinity included."""
    try:
        return json.loads(request.body, parse_constant=_refuse)
    except (ValueError, RecursionError) as failure:
        raise BadWebhook(f"The body is no JSON that {title} would send") from failure


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def single(view: Any, request: HttpRequest) -> list[Any]:
    """The one event of a body that is a JSON object."""
    found = document(request, view.esp_name)
    if not isinstance(found, dict):
        raise BadWebhook(f"The body is no event of {view.esp_name}")
    return [found]


def several(view: Any, request: HttpRequest) -> list[Any]:
    """The events of a body that is a JSON list."""
    found = document(request, view.esp_name)
    if not isinstance(found, list):
        raise BadWebhook(f"The body is no list of {view.esp_name} events")
    return found


def one_or_several(view: Any, request: HttpRequest) -> list[Any]:
    """The events of a body that is a JSON list, or one event alone."""
    found = document(request, view.esp_name)
    if not isinstance(found, dict | list):
        raise BadWebhook(f"The body is neither an event of {view.esp_name} nor a list of them")
    return [found] if isinstance(found, dict) else found


def under(name: str) -> Callable[[Any, HttpRequest], list[Any]]:
    """The events of a body that is a JSON object with the list under this name."""

    def raws(view: Any, request: HttpRequest) -> list[Any]:
        [found] = single(view, request)
        if not isinstance(found.get(name), list):
            raise BadWebhook(f'The body has no list "{name}" of {view.esp_name} events')
        return list(found[name])

    return raws


def whole(view: Any, request: HttpRequest) -> list[Any]:  # noqa: ARG001 (the shape of all of them)
    """The request itself is the one event: the library reads it from form fields."""
    return [request]


def alone(view: Any, raw: Any, request: HttpRequest) -> list[Any]:  # noqa: ARG001
    """One raw event makes one event of the library's."""
    return [view.esp_to_anymail_event(raw)]


def with_request(view: Any, raw: Any, request: HttpRequest) -> list[Any]:
    """As `alone`, for views that read the event's id from a header."""
    return [view.esp_to_anymail_event(raw, request)]
