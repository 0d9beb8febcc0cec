"""Forms for a new password, with the question whether one's API tokens end with the old one.

Whoever had the password may have made a token by it, which a new password alone would leave alive.
"""

from typing import Any

from allauth.account import forms as allauth
from django import forms
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from people import tokens


class TokensToo(forms.Form):
    """Put before a form that saves a new password of `user`. Nothing is asked of those who have no token."""

    revoke_tokens = forms.BooleanField(
        label=_("Revoke my API tokens too"),
        help_text=_("Programs that work with them need new ones. Leave it on if somebody else may know the password."),
        required=False,
        initial=True,
    )
    user: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        spent = self.user is None  # a link that worked once is nobody's
        if spent or not tokens.live_of(self.user, now=timezone.now()).exists():
            del self.fields["revoke_tokens"]

    def save(self) -> None:
        with transaction.atomic():
            super().save()  # type: ignore[misc]  # of the form that it stands before
            if self.cleaned_data.get("revoke_tokens"):
                tokens.revoke_all(self.user, by=self.user, now=timezone.now())


class ChangeForm(TokensToo, allauth.ChangePasswordForm):
    """One's own, with the one from before."""


class LinkForm(TokensToo, allauth.ResetPasswordKeyForm):
    """One that was forgotten, by the link that came by mail."""
