"""A second step at sign-in: a code of somebody's authenticator app, or one of the recovery codes they wrote down.

The rows are django-allauth's. What it keeps in a cache, which belongs to one process, is kept in those rows here: which
code was used last, so that none is good twice, and how often a wrong one was given.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.app_settings import RECOVERY_CODE_COUNT as CODE_COUNT
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from people import sealing
from people.audited import MEMBER
from people.models import User

PERIOD_SECONDS = 30
LATE_PERIODS = 1
"""How many periods a phone's clock may be before or behind ours."""
MOST_WRONG = 5
SHUT_FOR = timedelta(minutes=5)
TOTP, CODES = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES


class BadCode(ValueError):
    """The code is not accepted; the message says what to do."""


@dataclass(frozen=True)
class State:
    """Whether somebody signs in by two steps, since when, and how many recovery codes are left."""

    on_since: datetime | None
    codes_left: int

    @property
    def on(self) -> bool:
        return self.on_since is not None


class Adapter(DefaultMFAAdapter):
    """allauth's way to the keys: sealed in the database, and named after the product."""

    def get_totp_issuer(self) -> str:
        return "Nextmove"

    def get_totp_label(self, user: Any) -> str:
        return str(user.username)

    def encrypt(self, text: str) -> str:
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text)


def state(user: User) -> State:
    kept = {row.type: row for row in Authenticator.objects.filter(user_id=user.pk, type__in=(TOTP, CODES))}
    if TOTP not in kept:
        return State(None, 0)
    left = CODE_COUNT - int(kept[CODES].data["used_mask"]).bit_count() if CODES in kept else 0
    return State(kept[TOTP].created_at, left)


def required_of(user: User) -> bool:
    """Whether the installation asks it of them (NEXTMOVE_TWO_STEP_FOR): of managers and superusers, or of everybody."""
    wanted = settings.TWO_STEP_FOR
    return wanted == "all" or (wanted == "managers" and (user.manages or user.is_superuser))


def missing(user: User) -> bool:
    """Whether they have to set it up before anything else."""
    return required_of(user) and not Authenticator.objects.filter(user_id=user.pk, type=TOTP).exists()


def new_key() -> str:
    """For the app to be set up with, in base32."""
    return str(totp.generate_totp_secret())


def picture(user: User, key: str) -> str:
    """The key as a QR code, an SVG document."""
    adapter = Adapter()
    return adapter.build_totp_svg(adapter.build_totp_url(user, key))


def switch_on(user: User, key: str, code: str, *, now: datetime) -> list[str]:
    """From the next sign-in on a code is asked for, once the app has shown by one that it has the key.

    Returns the recovery codes, which are not shown again. Raises BadCode, also when it is on already.
    """
    used = _counter_of(key, code, now)
    if used is None:
        raise BadCode(_("This is not the code that the app shows now. Look again, and check the clock of your phone."))
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if Authenticator.objects.filter(user_id=user.pk, type=TOTP).exists():
            raise BadCode(_("Two-step sign-in is on already."))
        row = totp.TOTP.activate(user, key).instance
        row.data["last_counter"] = used
        row.save(update_fields=["data"])
        MEMBER.record(user, "two-step on", by=user, now=now, before={"two_step": False}, after={"two_step": True})
        return _renew_codes(user)


def switch_off(user: User, *, by: User | None, now: datetime) -> bool:
    """The password alone is enough again; whether that was a change."""
    with transaction.atomic():
        gone = Authenticator.objects.filter(user_id=user.pk).delete()[0]
        if gone:
            MEMBER.record(user, "two-step off", by=by, now=now, before={"two_step": True}, after={"two_step": False})
    return bool(gone)


def renew_codes(user: User, *, now: datetime) -> list[str]:
    """New recovery codes; those from before are good no more. Raises BadCode when two-step sign-in is off."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not Authenticator.objects.filter(user_id=user.pk, type=TOTP).exists():
            raise BadCode(_("Switch two-step sign-in on first."))
        MEMBER.record(user, "codes renewed", by=user, now=now, after={"recovery_codes": "hidden"})
        return _renew_codes(user)


def _renew_codes(user: User) -> list[str]:
    Authenticator.objects.filter(user_id=user.pk, type=CODES).delete()
    return list(RecoveryCodes.activate(user).get_unused_codes())


def check(user: User, code: str, *, now: datetime) -> Authenticator:
    """The row that took the code, which is good no more. Raises BadCode.

    After five wrong ones in a row nothing is taken for five minutes, whoever asks and from where.
    """
    with transaction.atomic():
        rows = Authenticator.objects.select_for_update().filter(user_id=user.pk, type__in=(TOTP, CODES)).order_by("pk")
        kept = {row.type: row for row in rows}
        guard = kept.get(TOTP)
        if guard is None:
            raise BadCode(_("Two-step sign-in is off."))
        if _shut(guard, now):
            raise BadCode(_("There were too many wrong codes. Wait five minutes and try again."))
        try:
            taken = _taker(kept.values(), code.replace(" ", ""), now)
        except sealing.Unreadable:
            raise BadCode(
                _("NEXTMOVE_SECRET_KEY was changed, so no code can be checked. Ask whoever runs this installation.")
            ) from None
        _count(guard, wrong=taken is None, now=now)
    if taken is None:
        raise BadCode(_("This code is not right, or was used already. Wait for the next one, or use a recovery code."))
    return taken


def _taker(rows: Iterable[Authenticator], code: str, now: datetime) -> Authenticator | None:
    for row in rows:
        if row.type == CODES:
            if RecoveryCodes(row).validate_code(code):
                return row
        elif _use(row, code, now):
            return row
    return None


def _use(row: Authenticator, code: str, now: datetime) -> bool:
    counter = _counter_of(sealing.unseal(row.data["secret"]), code, now)
    if counter is None or counter <= row.data.get("last_counter", -1):
        return False
    row.data["last_counter"] = counter
    return True


def _counter_of(key: str, code: str, now: datetime) -> int | None:
    """Of which period the code is, of those near now (RFC 6238)."""
    here = int(now.timestamp()) // PERIOD_SECONDS
    for counter in range(here - LATE_PERIODS, here + LATE_PERIODS + 1):
        if hmac.compare_digest(totp.format_hotp_value(totp.hotp_value(key, counter)).encode(), code.strip().encode()):
            return counter
    return None


def _shut(row: Authenticator, now: datetime) -> bool:
    wrong_at = row.data.get("wrong_at", 0)
    return row.data.get("wrong", 0) >= MOST_WRONG and now.timestamp() - wrong_at < SHUT_FOR.total_seconds()


def _count(row: Authenticator, *, wrong: bool, now: datetime) -> None:
    if not wrong:
        row.data["wrong"] = 0
    else:
        before = row.data.get("wrong", 0)
        row.data["wrong"] = 1 if before >= MOST_WRONG else before + 1
        row.data["wrong_at"] = now.timestamp()
    row.save(update_fields=["data"])


class _Checked:
    """A form of allauth whose code is checked here."""

    user: User
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            self.authenticator = check(self.user, code, now=timezone.now())
        except BadCode as bad:
            raise ValidationError(str(bad)) from None
        self.authenticator.user = self.user
        return code


class SignInForm(_Checked, AuthenticateForm):
    """The second step of a sign-in."""


class AgainForm(_Checked, ReauthenticateForm):
    """Asked for before something that is worth it, of somebody who is signed in."""
