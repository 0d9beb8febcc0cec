"""/api/tokens: keys for programs. A token never grants more than the one it was made with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field, StringConstraints

from api.auth import caller, scope
from api.errors import Problem, invalid
from api.fields import Id, In, Out, one
from api.paging import Cursor, Limit, Page, page
from people import tokens
from people.models import ApiToken

router = Router(tags=["tokens"])


class TokenIn(In):
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(examples=["Import from the shop"])
    scopes: list[str] = Field(["*"], min_length=1, max_length=50, description=f"Some of {', '.join(tokens.SCOPES)}")
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] = 365


class TokenOut(Out):
    id: int
    name: str
    hint: str = Field(description="How its secret begins")
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewToken(TokenOut):
    token: str = Field(description="The secret; shown this once")


def shown(rows: Sequence[ApiToken]) -> list[TokenOut]:
    return [TokenOut.model_validate(row) for row in rows]


@router.get("/api/tokens", auth=scope("tokens:read"), response=Page[TokenOut])
def list_tokens(request: HttpRequest, limit: Limit, cursor: Cursor) -> dict[str, Any]:
    """Your tokens, newest first; never their secrets."""
    rows = ApiToken.objects.visible_to(caller(request))
    return page(request, rows, limit=limit, cursor=cursor, shown=shown, order=("-id",))


@router.post("/api/tokens", auth=scope("tokens:write"), response={201: NewToken})
def create_token(request: HttpRequest, payload: TokenIn) -> Status[NewToken]:
    """Makes a token of yours. Its secret is in this answer and nowhere else."""
    user = caller(request)
    mine = getattr(request, "auth", None)
    if isinstance(mine, ApiToken):
        above = [name for name in payload.scopes if name in tokens.SCOPES and not tokens.allows(mine, name)]
        if above:
            raise Problem(403, f"The token you use lacks {', '.join(above)}: it cannot make one that has more.")
    try:
        token, secret = tokens.issue(
            user, name=payload.name, scopes=payload.scopes, days=payload.expires_in_days, by=user, now=timezone.now()
        )
    except tokens.UnknownScope as unknown:
        raise invalid("/scopes", "unknown", str(unknown)) from None
    return Status(201, NewToken(**TokenOut.model_validate(token).model_dump(), token=secret))


@router.delete("/api/tokens/{int:id}", auth=scope("tokens:write"), response={204: None})
def revoke_token(request: HttpRequest, id: Id) -> Status[None]:
    """Ends a token at once."""
    user = caller(request)
    tokens.revoke(one(ApiToken.objects.visible_to(user), id, "token"), by=user, now=timezone.now())
    return Status(204, None)
