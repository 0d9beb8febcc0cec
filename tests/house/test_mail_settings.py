"""NEXTMOVE_EMAIL_URL: what each address means, and what is said of one that means nothing."""

import pytest
from django.core.mail import get_connection

from config import mail

HOST = "tasks.example.org"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", {"EMAIL_BACKEND": mail.NONE}),
        (
            "smtp://me%40my.org:p%3Ass@mail.my.org:2525?from=Me <me@my.org>",
            {
                "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
                "EMAIL_HOST": "mail.my.org",
                "EMAIL_PORT": 2525,
                "EMAIL_HOST_USER": "me@my.org",
                "EMAIL_HOST_PASSWORD": "p:ss",
                "EMAIL_USE_TLS": False,
                "EMAIL_TIMEOUT": 20,
                "DEFAULT_FROM_EMAIL": "Me <me@my.org>",
            },
        ),
        ("submission://mail.my.org", {"EMAIL_PORT": 587, "EMAIL_USE_TLS": True, "EMAIL_USE_SSL": False}),
        ("smtp://mail.my.org:465?ssl=true", {"EMAIL_PORT": 465, "EMAIL_USE_TLS": False, "EMAIL_USE_SSL": True}),
        ("file:///srv/my%20mails", {"EMAIL_FILE_PATH": "/srv/my mails"}),
        ("console://", {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}),
        (
            "resend://re_Ab-C_d",
            {
                "EMAIL_BACKEND": "anymail.backends.resend.EmailBackend",
                "ANYMAIL": {"RESEND_API_KEY": "re_Ab-C_d", "REQUESTS_TIMEOUT": 20},
                "DEFAULT_FROM_EMAIL": f"Nextmove <nextmove@{HOST}>",
            },
        ),
    ],
)
def test_each_address_means_what_it_says(url: str, expected: dict[str, object]) -> None:
    found = mail.settings_of(url, host=HOST)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("provider", mail.PROVIDERS)
def test_every_provider_is_one_that_the_library_knows(provider: str, settings) -> None:
    found = mail.settings_of(f"{provider}://KEY", host=HOST)
    settings.ANYMAIL = found["ANYMAIL"]
    assert get_connection(found["EMAIL_BACKEND"]).esp_name


@pytest.mark.parametrize("url", ["mail.my.org", "http://mail.my.org", "resend://", "smtp://mail.my.org:port"])
def test_an_address_that_means_nothing_says_what_to_write(url: str) -> None:
    with pytest.raises(ValueError, match=r"write|Port"):
        mail.settings_of(url, host=HOST)
