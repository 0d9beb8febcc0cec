"""What the audit log keeps of rules, sequences, campaigns and jobs: what somebody sets, not what is counted."""

from automation.models import Campaign, Sequence, TaskAutomationRule
from people.audit import Facts, Kind, columns_of

COUNTED = ("times_triggered", "tasks_created", "content_hash")
PLANNED = ("off_since", "active_since", "off_before", "seen_active", "next_run_at", "planned_for", "planned_at")
STEP = ("message_type", "name", "body", "delay_days", "order", "condition", "priority", "settings")


def _steps(campaign: Campaign) -> Facts:
    return {"steps": list(campaign.steps.values(*STEP))}


RULE = Kind("rule", columns_of(TaskAutomationRule, without=COUNTED + PLANNED))
SEQUENCE = Kind("sequence", columns_of(Sequence))
JOB = Kind("job", ("state",), name_of=lambda job: job.name.rpartition(".")[2])
CAMPAIGN = Kind("campaign", columns_of(Campaign), parts=_steps)
