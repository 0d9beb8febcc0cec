"""The demo workspace being filled, and the one source of chance."""

import random
from dataclasses import dataclass, field
from datetime import datetime

from automation.models import TaskAutomationRule
from crm.models import Contact
from people.models import Skill, Team, User

SEED = 7
DAYS = 60


@dataclass
class Workspace:
    """What is being filled, and the one source of chance."""

    team: Team
    now: datetime
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 (not for secrets)
    people: list[User] = field(default_factory=list)
    skills: dict[str, Skill] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    rules: list[TaskAutomationRule] = field(default_factory=list)
