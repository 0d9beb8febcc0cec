"""What jobs do, in words: for whoever has to decide whether one that failed is to run again."""

import re
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs.models import Job
from people import speech

Text = str | Promise
PREFIX = "automation.tasks."


class About(NamedTuple):
    does: Text
    missing: Text
    """What is not there while it has failed."""


ABOUT: dict[str, About] = {
    "process_activity_triggers": About(
        _("Runs the rules for one activity."), _("The tasks that its rules would have made are missing.")
    ),
    "process_status_change_triggers": About(
        _("Runs the rules for a changed status."), _("The tasks that its rules would have made are missing.")
    ),
    "conclude_firing": About(_("Decides a rule that had to wait."), _("Its task is missing.")),
    "look_for_silence": About(_("Runs the rules on silence for one contact."), _("Their tasks are missing.")),
    "run_time_rule": About(_("Runs a rule at its set time."), _("The tasks of this run are missing.")),
    "run_time_rule_for_contact": About(_("Runs a rule at its set time for one contact."), _("Its task is missing.")),
    "follow_change": About(
        _("Follows what was changed on a contact by hand."), _("Rules on that change have not run.")
    ),
    "take_up": About(_("Tries again what a sweep could not do."), _("What was due for this one row is not done.")),
    "apply_rule": About(_("Applies a new rule to what matches already."), _("The rest got no task yet.")),
    "apply_rule_to_one": About(_("Applies a new rule to one record."), _("This one got no task yet.")),
    "auto_schedule_overdue_tasks": About(_("Looks for overdue work."), _("It is looked at again by the next run.")),
    "process_automation_workflows": About(_("Sweeps what is due."), _("The next run, in 15 minutes, does the same.")),
    "run_enrolment": About(_("Takes the next step of a sequence or campaign."), _("The contact stays where it is.")),
    "schedule_recurring_contact_tasks": About(_("Makes the tasks that come again."), _("Tomorrow's run makes them.")),
    "send_task_reminders": About(_("Sends what is to be reminded of."), _("The next run, in 15 minutes, does it.")),
    "send_delivery": About(_("Sends one notice outside."), _("It is in the inbox, and was not sent outside.")),
    "send_webhook": About(_("Tells another system of an event."), _("The other system has not heard of it.")),
    "read_busy_times": About(_("Reads somebody's calendar."), _("Their busy times are those of the last reading.")),
    "push_calendar": About(_("Puts tasks into somebody's calendar."), _("Their calendar shows older tasks.")),
    "assign_task": About(_("Gives a task to whoever fits best."), _("The task is in the queue.")),
    "assign_next_task_for_user": About(_("Gives somebody their next task."), _("They have one task less.")),
    "find_and_assign_tasks_for_available_users": About(
        _("Gives waiting tasks to whoever has room."), _("The next run, within the hour, does the same.")
    ),
    "update_user_performance_metrics": About(_("Works out somebody's score."), _("The score is that of before.")),
    "recalculate_team_performance": About(_("Works out the team's scores."), _("The scores are those of before.")),
    "send_task_assignment_notification": About(_("Tells somebody of their task."), _("They were not told.")),
    "send_performance_update_notification": About(_("Tells somebody of their score."), _("They were not told.")),
    "replay_rule": About(_("Replays a rule over what happened."), _("Its backtest has no answer yet.")),
    "cleanup_old_assignments": About(_("Cleans up what is long finished."), _("Tomorrow's run does the same.")),
    "generate_daily_reports": About(_("Writes the daily report."), _("Today's report is missing.")),
    "suggest_team_rebalancing": About(_("Suggests how to balance the load."), _("Today's suggestions are missing.")),
    "learn_from_outcomes": About(
        _("Learns best times, scores and estimates from what happened."), _("They are those of the night before.")
    ),
    "read_import": About(_("Reads a file that was uploaded."), _("The import waits at its first step.")),
    "check_import": About(_("Checks a file that was uploaded."), _("The import waits to be checked.")),
    "count_figures": About(_("Counts what rules did."), _("Their statistics are those of some minutes ago.")),
    "run_import": About(_("Brings in the rows of a file."), _("The rows from here on are not in.")),
}
"""By the task's name without its prefix."""

CAUSES: tuple[tuple[re.Pattern[str], Text], ...] = (
    (re.compile("process ended"), _("Its process was ended while it ran, several times: it may need more memory.")),
    (
        re.compile("DoesNotExist|no such|is gone", re.IGNORECASE),
        _("What it was about is not there any more: running it again changes nothing."),
    ),
    (
        re.compile("Timeout|timed out", re.IGNORECASE),
        _("Another system did not answer in time: run it again once that answers."),
    ),
    (
        re.compile("Connection|Refused|resolve|SSL|Network|unreachable", re.IGNORECASE),
        _("Another system could not be reached: run it again once it can be."),
    ),
    (
        re.compile("Authentication|Unauthorized|Forbidden|\\b40[13]\\b|password", re.IGNORECASE),
        _("Another system refused who we are: mend the account first, then run it again."),
    ),
    (
        re.compile("OperationalError|database is locked|deadlock", re.IGNORECASE),
        _("The database was busy or away: running it again will do."),
    ),
    (re.compile("IntegrityError"), _("The database refused a row: somebody has to look at the error below.")),
)
UNKNOWN = _("Nobody foresaw this: the error below is for whoever runs Nextmove.")


def title(name: str) -> str:
    """The job's name as people read it."""
    return speech.said(plain(name))


def plain(name: str) -> str:
    return name.rpartition(".")[2].replace("_", " ").capitalize()


def about(name: str) -> About | None:
    """What it does; None for a job of somebody's own."""
    return ABOUT.get(name.removeprefix(PREFIX))


def cause(job: Job) -> Text:
    """Why it failed, in words; empty when it did not."""
    if not job.error:
        return ""
    return next((text for pattern, text in CAUSES if pattern.search(job.error)), UNKNOWN)
