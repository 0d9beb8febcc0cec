"""What the figures of performance mean, in the words of the policy that the team scores by."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True)
class Definition:
    name: Text
    text: Text


_SCORE = _(
    "From 0 to 100: 35 % completion, 25 % estimates, 20 % balance, 20 % skills, over the last 90 days. A part without "
    "data is left out, and the others weigh more. It never decides who gets work."
)
_RANGE = _(
    "Few tasks say little. The range holds the share of tasks that somebody finishes four times in five; people whose "
    "ranges overlap are not clearly different."
)
_PARTS: dict[str, tuple[Definition, ...]] = {
    "classic": (
        Definition(_("Completion"), _("Finished of all that were given in the last 90 days.")),
        Definition(
            _("Estimates"),
            _("How near actual hours came to the plan: twice as long and half as long both give 50."),
        ),
        Definition(_("Balance"), _("Hours of this week that are still free; an empty week gives 100.")),
        Definition(_("Skills"), _("How well skills match what the tasks asked for.")),
    ),
    "fair": (
        Definition(_("Completion"), _("Of the hours that were due, those on time; late ones count half.")),
        Definition(
            _("Estimates"),
            _("How near actual hours came to the plan, long tasks counting more: twice and half as long give 50."),
        ),
        Definition(_("Balance"), _("100 for a week that is 70 to 90 % full, less for one with less or more.")),
        Definition(_("Skills"), _("How well skills match what the tasks asked for, long tasks counting more.")),
    ),
}
_TEAM = (
    Definition(_("Average"), _("Of everybody with enough data.")),
    Definition(_("High performers"), _("A score above 80, of five finished tasks at least.")),
    Definition(_("May need help"), _("A score below 50, of five finished tasks at least.")),
    Definition(_("Overloaded"), _("More work this week than hours.")),
    Definition(_("More than half free"), _("Less than half of the week's hours are spoken for.")),
    Definition(_("On time"), _("Finished by their due date, of the finished tasks that had one.")),
)


def of(policy: str, *, team: bool) -> list[Definition]:
    """Those of a person's score, and with `team` those of the team's figures."""
    own = [Definition(_("Score"), _SCORE), *_PARTS.get(policy, _PARTS["classic"]), Definition(_("Range"), _RANGE)]
    return [*own, *(_TEAM if team else ())]
