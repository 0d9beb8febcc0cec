"""`nextmove source` and `nextmove form`: where mail providers and forms on other sites send what happened."""

from typing import Annotated, Any

import typer

from config import children
from config.commands.answers import AsJson, Refused, print_json, user

sources = typer.Typer(help="Where mail providers send their events.", no_args_is_help=True)
forms = typer.Typer(help="Forms on other sites.", no_args_is_help=True)


@sources.command("list")
def list_sources(as_json: AsJson = False) -> None:
    """The addresses to give to mail providers; each holds its secret."""
    children.setup_django()
    from crm.models import InboundSource

    rows = list(InboundSource.objects.select_related("team").order_by("pk"))
    if as_json:
        print_json([{"team": row.team.name, "name": row.name, **_source_facts(row)} for row in rows])
    else:
        for row in rows:  # no table: an address must be there to be copied whole
            typer.echo(f"{row.pk}  {row.team.name}: {row.name}  {_urls_of(row)}")
            if row.notice:
                typer.echo(f"    {row.notice}")
        if not rows:
            typer.echo("No sources. `nextmove source create` makes one.")


@sources.command("create")
def create_source(
    name: Annotated[str, typer.Argument(help="What to call it")] = "SendGrid",
    provider: Annotated[str, typer.Option(help="Whose events arrive here")] = "sendgrid",
    creates_contacts: Annotated[bool, typer.Option(help="Make a contact for an unknown address")] = False,
    key: Annotated[
        list[str] | None, typer.Option(help="What proves the provider's requests, as webhook_signing_key=VALUE.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an address for a mail provider, for the default team."""
    keys = {}
    for pair in key or []:
        given, equals, value = pair.partition("=")
        if not equals or not value:
            raise typer.BadParameter(f"{pair!r} is no key: write NAME=VALUE, as webhook_signing_key=abc")
        keys[given] = value
    children.setup_django()
    from django.utils import timezone

    from crm.audited import SOURCE
    from crm.models import InboundSource
    from crm.providers import PROVIDERS, BadKeys, check_keys
    from people.models import Team

    if provider not in PROVIDERS:
        raise Refused(f"There is no provider {provider}: use one of {', '.join(PROVIDERS)}.")
    try:
        check_keys(provider, keys)
    except BadKeys as bad:
        raise Refused(str(bad)) from None
    team = Team.objects.default()
    made = InboundSource(team=team, provider=provider, name=name, creates_contacts=creates_contacts, keys=keys)
    with SOURCE.changing(made, by=None, now=timezone.now()):
        made.save()
    print_json(_source_facts(made)) if as_json else typer.echo(_urls_of(made))


def _paths_of(row: Any) -> tuple[str, str]:
    """Where tracking events go, and where inbound mail goes, "" when the provider sends none."""
    from crm.providers import PROVIDERS

    path = f"/hooks/mail/{row.provider}/{row.secret}"
    known = PROVIDERS.get(row.provider)
    return path, f"{path}/inbound" if known and known.inbound else ""


def _source_facts(row: Any) -> dict[str, Any]:
    path, inbound_path = _paths_of(row)
    facts = {"id": row.pk, "provider": row.provider, "path": path, "inbound_path": inbound_path}
    return facts | {"keys": sorted(row.keys), "notice": row.notice}


def _urls_of(row: Any) -> str:
    from django.conf import settings

    path, inbound_path = _paths_of(row)
    return f"{settings.BASE_URL}{path}" + (
        f"\n    inbound mail: {settings.BASE_URL}{inbound_path}" if inbound_path else ""
    )


@forms.command("list")
def list_forms(as_json: AsJson = False) -> None:
    """The forms that other sites may post."""
    children.setup_django()
    from django.conf import settings

    from crm.models import InboundForm

    rows = list(InboundForm.objects.select_related("team").order_by("pk"))
    if as_json:
        print_json([{"team": row.team.name, **_form_facts(row)} for row in rows])
        return
    for row in rows:
        state = "" if row.is_active else " (off)"
        typer.echo(f"{row.pk}  {row.team.name}: {row.name}{state}  {settings.BASE_URL}/hooks/forms/{row.key}")
    if not rows:
        typer.echo("No forms. `nextmove form create` makes one.")


@forms.command("create")
def create_form(
    name: Annotated[str, typer.Argument(help="What to call it")],
    owner: Annotated[str, typer.Option(metavar="USER", help="Whose the contacts are that it makes.")] = "",
    field: Annotated[
        list[str] | None, typer.Option(help='Where a field goes, as "E-Mail=email" or "Budget=data.budget".')
    ] = None,
    honeypot: Annotated[str, typer.Option(help="A field that people do not see, and bots fill in.")] = "",
    origin: Annotated[
        list[str] | None, typer.Option(help="A site whose scripts may post, as https://a.example.")
    ] = None,
    redirect: Annotated[str, typer.Option(help="Where a browser goes afterwards.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a form for other sites, for the owner's team, else the default one."""
    children.setup_django()
    from django.conf import settings
    from django.utils import timezone

    from crm import forms as forms_of_sites
    from crm.audited import FORM
    from crm.models import InboundForm
    from people.models import Team

    whose = user(owner) if owner else None
    made = InboundForm(
        team=whose.team if whose else Team.objects.default(),
        owner=whose,
        name=name,
        mapping=dict(pair.rpartition("=")[::2] for pair in field or []),
        honeypot=honeypot,
        allowed_origins=origin or [],
        redirect_url=redirect,
    )
    try:
        forms_of_sites.check(made)
    except forms_of_sites.BadForm as bad:
        raise Refused(str(bad)) from None
    with FORM.changing(made, by=None, now=timezone.now()):
        made.save()
    print_json(_form_facts(made)) if as_json else typer.echo(f"{settings.BASE_URL}/hooks/forms/{made.key}")


def _form_facts(row: Any) -> dict[str, Any]:
    facts = {"id": row.pk, "name": row.name, "path": f"/hooks/forms/{row.key}", "is_active": row.is_active}
    return facts | {"mapping": row.mapping, "trapped": row.trapped}
