"""What the audit log keeps of what a team lets be learned."""

from operator import attrgetter

from learning.models import TeamLearning
from people.audit import Kind, columns_of

LEARNING = Kind("learning", columns_of(TeamLearning), name_of=attrgetter("team.name"))
