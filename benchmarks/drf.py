"""What POST /api/activities does with a list, as it is usually done with Django REST framework: a ModelSerializer with
`many=True`, which looks each row's contact up and inserts row by row.

Its rights are the product's: the token is looked up as there, needs the same scope, and only contacts that its person
may see can be named. Its rows are the same but for their ids. It checks less than the product does: neither the age of
an event nor whether its key is known already, and it counts no requests.
"""

from typing import Any

from django.db import models, transaction
from django.utils import timezone
from rest_framework import authentication, exceptions, parsers, permissions, renderers, serializers, views
from rest_framework.request import Request
from rest_framework.response import Response

import jobs.bell
from crm import intake
from crm.models import Activity, Contact
from people import tokens

MOST = 1000


class Bearer(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, Any]:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        found = tokens.authenticate(secret.strip(), now=timezone.now()) if scheme == "Bearer" else None
        if found is None or not found.user.is_active:
            raise exceptions.AuthenticationFailed
        return found.user, found

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 (the framework's)
        return "Bearer"


class MayWrite(permissions.BasePermission):
    def has_permission(self, request: Request, view: views.APIView) -> bool:  # noqa: ARG002 (the framework's)
        return tokens.allows(request.auth, "activities:write")


class OneOfTheirs(serializers.PrimaryKeyRelatedField):
    def get_queryset(self) -> models.QuerySet[Contact]:
        return Contact.objects.visible_to(self.context["request"].user)


class ActivitySerializer(serializers.ModelSerializer):
    contact_id = OneOfTheirs(source="contact")

    class Meta:
        model = Activity
        fields = ["contact_id", "activity_type", "occurred_at", "source", "source_key", "data", "origin"]

    def create(self, said: dict[str, Any]) -> Activity:
        contact = said.pop("contact")
        incoming = intake.Incoming(contact_id=contact.pk, **said)
        row = Activity(
            team=self.context["request"].user.team,
            contact=contact,
            content_hash=intake.content_hash(incoming),
            **said,
        )
        models.Model.save(row, force_insert=True)  # the product's own would ring the bell for each
        return row


class Activities(views.APIView):
    authentication_classes = [Bearer]
    permission_classes = [MayWrite]
    parser_classes = [parsers.JSONParser]
    renderer_classes = [renderers.JSONRenderer]

    def post(self, request: Request) -> Response:
        serializer = ActivitySerializer(data=request.data[:MOST], many=True, context={"request": request})
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            made = serializer.save()
            transaction.on_commit(lambda: jobs.bell.ring(request.user.team_id))
        return Response({"accepted": len(made), "duplicates": 0, "rejected": []}, status=202)
