"""A forgotten password: a link by mail where mail is sent, else who can help."""

import smtplib
from typing import Any

from allauth.account.views import PasswordResetView
from anymail.exceptions import AnymailError
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from web import letters

_by_mail: Any = PasswordResetView.as_view()


def forgotten(request: HttpRequest) -> HttpResponse:
    """The answer is the same whether somebody has the address or not."""
    if not settings.MAILS:
        return no_mail(request)
    try:
        return _by_mail(request)
    except (OSError, smtplib.SMTPException, AnymailError):
        return letters.told(
            request,
            _("No mail can be sent now"),
            _("The mail server does not answer. Try again in a few minutes, or ask a manager."),
            status=503,
        )


@require_safe
def no_mail(request: HttpRequest) -> HttpResponse:
    return render(request, "account/no_mail.html")
