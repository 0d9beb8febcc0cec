"""Sign-in through allauth: accounts are made by managers, never by strangers."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from people import speech
from people.audited import MEMBER


class Adapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 (allauth's)
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """By the product's own address, not by whatever the request called it."""
        return settings.BASE_URL + urlsplit(super().get_reset_password_from_key_url(key)).path

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002 (allauth's)
        return "/settings/security"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """In the language of whoever gets it, whatever that of the page is on which somebody asked for it."""
        with speech.to(context["user"]):
            super().send_mail(template_prefix, email, context)

    def format_email_subject(self, subject: str) -> str:
        """As it is written, without the name of a site in front."""
        return subject

    def set_password(self, user: Any, password: str) -> None:
        """By somebody who signed in, or proved that the address is theirs."""
        with MEMBER.changing(user, by=user, now=timezone.now()):
            super().set_password(user, password)
