"""Answers kept for a day, so that a repeated POST gets the first one's answer."""

from django.db import models

from people.models import User
from people.sealed import SealedText


class IdempotentAnswer(models.Model):
    """`Idempotency-Key` of one user. `status` is 0 while the first request is still being answered."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    content_type = models.CharField(max_length=100, blank=True)
    body = SealedText(blank=True)  # it may hold a secret that is shown once
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")]
        indexes = [models.Index(fields=["created_at"], name="answer_age")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.key}"
