"""Keys of mail providers are sealed in the database, whoever writes them, and open nothing under another key."""

import importlib
from typing import Any

import pytest
from django.db import connection, models
from django.db.migrations.state import ModelState, StateApps
from django.test import Client

from crm.models import InboundSource
from crm.providers import PROVIDERS, NotReady, channels
from people.sealed import Locked
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.database]

KEYS = {"webhook_signing_key": "a-key-of-mailgun", "webhook_secret": "ann:secret"}


def kept() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT keys FROM crm_inboundsource")
        return str(cursor.fetchall())


def test_they_are_sealed_however_they_are_written() -> None:
    row = builders.make_source(provider="mailgun", keys=KEYS)
    params = {"session_params": {"aws_secret_access_key": "of-aws"}}
    for write in (
        lambda: None,
        lambda: InboundSource.objects.filter(pk=row.pk).update(keys=KEYS),
        lambda: InboundSource.objects.bulk_update([InboundSource(pk=row.pk, keys=KEYS)], ["keys"]),
        row.save,
    ):
        write()
        assert InboundSource.objects.get().keys == KEYS
        assert not [secret for secret in KEYS.values() if secret in kept()]
        assert "webhook_signing_key" in kept(), "their names are shown"
    InboundSource.objects.update(keys=params)
    assert InboundSource.objects.get().keys == params
    assert "of-aws" not in kept()


def plain() -> None:
    """As they stood before there were seals, and as somebody may write them in SQL."""
    builders.make_source(provider="mailgun")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE crm_inboundsource SET keys = %s", ['{"webhook_signing_key": "a-key-of-mailgun"}'])


def test_what_was_written_without_a_seal_is_read_and_sealed_when_it_is_written() -> None:
    plain()
    row = InboundSource.objects.get()
    assert row.keys == {"webhook_signing_key": "a-key-of-mailgun"}
    row.save()
    assert "a-key-of-mailgun" not in kept()


def test_the_migration_seals_what_there_is_and_opens_it_on_the_way_back() -> None:
    migration = importlib.import_module("crm.migrations.0012_keys_are_sealed")
    # As migrations know it: what is kept is what they see.
    fields = [("id", models.BigAutoField(primary_key=True)), ("keys", models.JSONField())]
    state = ModelState("crm", "InboundSource", fields, {"db_table": "crm_inboundsource"})
    before = StateApps([], {("crm", "inboundsource"): state})

    plain()
    migration.seal(before, None)
    once = kept()
    assert "a-key-of-mailgun" not in once
    assert InboundSource.objects.get().keys == {"webhook_signing_key": "a-key-of-mailgun"}
    migration.seal(before, None)
    assert InboundSource.objects.get().keys == {"webhook_signing_key": "a-key-of-mailgun"}, "sealed once"
    migration.open_again(before, None)
    assert "a-key-of-mailgun" in kept()


def test_with_another_key_of_the_installation_nothing_is_taken_unproven_and_somebody_hears_why(settings: Any) -> None:
    row = builders.make_source(provider="mailgun", keys=KEYS)
    before = kept()
    settings.SECRET_KEY = "another"
    found = InboundSource.objects.get()
    assert {type(value) for value in found.keys.values()} == {Locked}
    with pytest.raises(NotReady, match="webhook_secret, webhook_signing_key"):
        PROVIDERS["mailgun"].tracking.build(found.keys)
    answer = Client().post(f"/hooks/mail/mailgun/{row.secret}", {}, content_type="application/json")
    assert answer.status_code == 503
    found.refresh_from_db()
    assert found.notice == channels.LOCKED.format(names="webhook_secret, webhook_signing_key")
    found.save()
    assert kept() == before, "written back as they were"
    found.keys = found.keys | KEYS
    found.save()
    assert InboundSource.objects.get().keys == KEYS
