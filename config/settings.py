"""All settings, in one file. Values come from the environment or from `.env`; every wrong one is reported at once."""

import ast
import ipaddress
import os
import secrets
import sys
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import dj_database_url
from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config import logs, mail
from domain import calendars


class Environment(BaseSettings):
    """What an operator may set. Names and defaults are part of the product's contract."""

    model_config = SettingsConfigDict(
        env_prefix="NEXTMOVE_",
        env_file=os.environ.get("NEXTMOVE_ENV_FILE", ".env"),
        extra="ignore",
        env_ignore_empty=True,
    )

    data_dir: Path = Path("var")
    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=1, le=65535)
    database_url: str = ""
    secret_key: str = ""
    demo: bool = True
    admin_password: str = ""
    base_url: str = ""
    allowed_hosts: str = ""
    private_hosts: str = ""
    trusted_proxies: str = ""
    email_url: str = ""
    session_idle_hours: int = Field(default=72, ge=1, le=24 * 90)
    two_step_for: Literal["nobody", "managers", "all"] = "nobody"
    session_days: int = Field(default=14, ge=1, le=365)
    time_zone: str = Field(default="UTC", validation_alias=AliasChoices("NEXTMOVE_TIME_ZONE", "CELERY_TIMEZONE"))
    log_format: Literal["console", "json"] = "console"
    celery_broker_url: str = Field(default="", validation_alias="CELERY_BROKER_URL")
    celery_result_backend: str = Field(default="", validation_alias="CELERY_RESULT_BACKEND")
    celery_task_serializer: str = Field(default="json", validation_alias="CELERY_TASK_SERIALIZER")
    celery_result_serializer: str = Field(default="json", validation_alias="CELERY_RESULT_SERIALIZER")
    celery_accept_content: str = Field(default="json", validation_alias="CELERY_ACCEPT_CONTENT")
    redis_key_prefix: str = ""
    queue: str = "nextmove"

    @field_validator("time_zone")
    @classmethod
    def known_zone(cls, value: str) -> str:
        if calendars.first_zone(value).unknown:
            raise ValueError(f"{value!r} is no IANA time zone; write one such as Europe/Berlin")
        return value

    @field_validator("base_url")
    @classmethod
    def whole_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("write the whole address that people type, such as https://tasks.example.org")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def known_proxies(cls, value: str) -> str:
        for word in _words(value):
            try:
                ipaddress.ip_network(word)
            except ValueError:
                raise ValueError(f"{word!r} is no address or network; write such as 10.0.0.5 or 10.0.0.0/8") from None
        return value

    @field_validator("celery_task_serializer", "celery_result_serializer", "celery_accept_content")
    @classmethod
    def only_json(cls, value: str) -> str:
        """Accepts json, ["json"] and ['json']: the three spellings people copy."""
        try:
            parsed = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parsed = value
        words = [parsed] if isinstance(parsed, str) else list(parsed)
        if words != ["json"]:
            raise ValueError("only json is accepted: job arguments are ids and words; set it to json or leave it out")
        return "json"

    @field_validator("celery_broker_url")
    @classmethod
    def known_broker(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "amqp://", "amqps://")):
            raise ValueError("use a redis:// or amqp:// address, or leave it unset to run without a broker")
        return value

    @field_validator("email_url")
    @classmethod
    def known_mail_server(cls, value: str) -> str:
        mail.settings_of(value, host="localhost")
        return value

    @field_validator("database_url")
    @classmethod
    def known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgres://", "postgresql://")):
            raise ValueError("use a sqlite:/// or postgres:// address, or leave it unset for SQLite in the data folder")
        return value


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def read_environment() -> Environment:
    """Reads and checks everything; prints all faults together and ends with 2, since nothing can run on half of it."""
    try:
        return Environment()
    except ValidationError as error:
        lines = ["Some settings cannot be used:"]
        for fault in error.errors():
            name = str(fault["loc"][0])
            name = name if name.isupper() else f"NEXTMOVE_{name.upper()}"
            if name == "NEXTMOVE_TIME_ZONE" and name not in os.environ and "CELERY_TIMEZONE" in os.environ:
                name = "CELERY_TIMEZONE"
            lines.append(f"  {name}: {fault['msg'].removeprefix('Value error, ')} (now {fault['input']!r})")
        sys.stderr.write("\n".join(lines) + "\n")
        raise SystemExit(2) from None


def kept_secret_key(data_dir: Path) -> str:
    """The key made at the first start and kept in the data folder, readable by its owner alone."""
    path = data_dir / "secret_key"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    except OSError as fault:
        words = f"NEXTMOVE_DATA_DIR: nothing can be kept in {data_dir} ({fault.strerror}). Name a folder you may write."
        sys.stderr.write(words + "\n")
        raise SystemExit(2) from None
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_urlsafe(50)
        file.write(key)
    return key


ENV = read_environment()
DATA_DIR = ENV.data_dir.resolve()

SECRET_KEY = ENV.secret_key or kept_secret_key(DATA_DIR)
DEBUG = False
PUBLIC_NAME = urlsplit(ENV.base_url).hostname or ""
# This machine's own names always answer: health checks ask by them. So does the one that people and services type.
ALLOWED_HOSTS = [
    "localhost",
    "127.0.0.1",
    "[::1]",
    ENV.host,
    *([f"[{PUBLIC_NAME}]" if ":" in PUBLIC_NAME else PUBLIC_NAME] if PUBLIC_NAME else []),
    *_words(ENV.allowed_hosts),
]
# Hosts of the own network that addresses given by people may lead to: none, unless the operator names them.
PRIVATE_HOSTS = [word.lower() for word in _words(ENV.private_hosts)]
# Whose word is taken for where a request comes from: without it all people behind a proxy would be one address.
TRUSTED_PROXIES = _words(ENV.trusted_proxies)
OWN_NAME = "localhost" if ENV.host in ("0.0.0.0", "::") else ENV.host  # noqa: S104 (compared, not bound)
BASE_URL = ENV.base_url.rstrip("/") or f"http://{OWN_NAME}:{ENV.port or 5000}"
CSRF_TRUSTED_ORIGINS = [BASE_URL] if ENV.base_url else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
SESSION_ENGINE = "people.sessions"
SESSION_IDLE_HOURS, SESSION_DAYS = ENV.session_idle_hours, ENV.session_days
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

INSTALLED_APPS = [
    "jobs",
    "people",
    "crm",
    "work",
    "notifications",
    "webhooks",
    "assignment",
    "performance",
    "learning",
    "automation",
    "api",
    "web",
    "config.apps.WiringConfig",
    "ninja",
    "anymail",
    "axes",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "django_cotton",
    "unfold",
    "django.contrib.admin",
    "django.forms",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.CompressionMiddleware",
    "config.middleware.RequestIdMiddleware",
    "config.middleware.LengthMiddleware",
    "config.middleware.SlashMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.PresenceMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.LanguageMiddleware",  # below what knows whose language it is
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.middleware.TwoStepMiddleware",
]
PROGRAM_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.RequestIdMiddleware",
    "config.middleware.LengthMiddleware",
    "config.middleware.SlashMiddleware",
    "config.middleware.LanguageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["web.templatetags.speech"],
        },
    }
]


def database() -> dict[str, Any]:
    """SQLite with one writer at a time and every acknowledged commit on disk, or PostgreSQL."""
    url = ENV.database_url or f"sqlite:///{DATA_DIR / 'nextmove.sqlite3'}"
    config: dict[str, Any] = dict(dj_database_url.parse(url))
    if "sqlite" in config["ENGINE"]:
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        }
        config["CONN_MAX_AGE"] = None  # opening a file anew at each request costs as much as a small request
    else:
        config |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return config


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_ADAPTER = "people.accounts.Adapter"
ACCOUNT_FORMS = {
    "change_password": "people.passwords.ChangeForm",
    "reset_password_from_key": "people.passwords.LinkForm",
}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # strangers are not written to
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
# The lock-out by user and address is axes' work; allauth's own limit would answer first and say less.
ACCOUNT_RATE_LIMITS: dict[str, str] = {"login_failed": ""}
# Codes of an authenticator app and recovery codes; wrong ones are counted in people.two_step, in the database.
TWO_STEP_FOR = ENV.two_step_for
MFA_ADAPTER = "people.two_step.Adapter"
MFA_FORMS = {"authenticate": "people.two_step.SignInForm", "reauthenticate": "people.two_step.AgainForm"}
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
AXES_FAILURE_LIMIT = 10
AXES_USERNAME_CALLABLE = "people.devices.whose"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = 1
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_VERBOSE = False

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # our own options of a select are said in the language
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_TEAM_ZONE = ENV.time_zone

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Without an address nothing is sent: whatever would send a mail says so instead.
MAILS = bool(ENV.email_url)
globals().update(mail.settings_of(ENV.email_url, host=urlsplit(BASE_URL).hostname or OWN_NAME))
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

CONTENT_SECURITY_POLICY = {
    # The admin's own scripts (Alpine) evaluate expressions; it is for superusers only, and escapes what it shows.
    "EXCLUDE_URL_PREFIXES": ("/admin",),
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    },
}

# Without a broker the runner reads the jobs table; with one, messages ring the bell.
BROKER_URL = ENV.celery_broker_url
QUEUE_NAME = ENV.queue
BROKER_KEY_PREFIX = ENV.redis_key_prefix

LOGGING = logs.configuration(ENV.log_format)
