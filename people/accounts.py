"""Sign-in through allauth: accounts are made by managers, never by strangers."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils import timezone

from people.audited import MEMBER


class Adapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 (allauth's)
        return False

    def set_password(self, user: Any, password: str) -> None:
        """By somebody who signed in, or proved that the address is theirs."""
        with MEMBER.changing(user, by=user, now=timezone.now()):
            super().set_password(user, password)
