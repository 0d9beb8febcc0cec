"""Scores of people and teams as they stood on a day, and the daily report of a team."""

from django.db import models
from django.db.models import OuterRef, Subquery

from people.models import PeopleQuerySet, Team, User


class ScoreQuerySet(models.QuerySet["ScoreSnapshot"]):
    def visible_to(self, user: User) -> "ScoreQuerySet":
        """A person's own; leads and managers their team's."""
        team = self.filter(user__team_id=user.team_id)
        return team if user.leads else team.filter(user=user)

    def newest_of(self, people: PeopleQuerySet) -> "ScoreQuerySet":
        """One row a person: looked up in the index of each, so however many days are kept."""
        newest = ScoreSnapshot.objects.filter(user=OuterRef("pk")).order_by("-on").values("pk")[:1]
        return self.filter(pk__in=people.annotate(newest_score=Subquery(newest)).values("newest_score"))


class ScoreSnapshot(models.Model):
    """One person's score on one day (in the team's zone); the newest is the current one."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="scores")
    on = models.DateField()
    total = models.DecimalField(max_digits=9, decimal_places=5, null=True, help_text="Unrounded; null: not enough data")
    provisional = models.BooleanField(default=True)
    label = models.CharField(max_length=10, blank=True)
    details = models.JSONField(default=dict, help_text="Parts, ranges and inputs, as shown")
    computed_at = models.DateTimeField()

    objects = ScoreQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "on"], name="one_score_a_day")]
        get_latest_by = "on"

    def __str__(self) -> str:
        return f"{self.user_id} on {self.on}: {self.total}"


class TeamScore(models.Model):
    """The average of a team on one day (in its zone), as last computed for all; it stays when somebody leaves."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="scores")
    on = models.DateField()
    average = models.DecimalField(
        max_digits=9, decimal_places=5, null=True, help_text="Of those with enough data, unrounded"
    )
    people = models.PositiveIntegerField(help_text="How many had enough data")
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "on"], name="one_team_score_a_day")]
        get_latest_by = "on"

    def __str__(self) -> str:
        return f"{self.team_id} on {self.on}: {self.average}"


class ReportQuerySet(models.QuerySet["DailyReport"]):
    def visible_to(self, user: User) -> "ReportQuerySet":
        return self.filter(team_id=user.team_id) if user.leads else self.none()


class DailyReport(models.Model):
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="reports")
    on = models.DateField()
    data = models.JSONField()
    created_at = models.DateTimeField()

    objects = ReportQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "on"], name="one_report_a_day")]

    def __str__(self) -> str:
        return f"{self.team_id} on {self.on}"
