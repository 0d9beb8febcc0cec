"""Matching people with work: hard rules, values, and the choices made from them, each with its reasons."""

from domain.matching.choice import DEPENDENCY, choose_person, choose_task, lates_marked
from domain.matching.model import Candidate, Choice, Person, Rejection, TaskChoice, Value, Weights, Work
from domain.matching.rules import may_have, missing_skill, rejection
from domain.matching.values import skill_match, value_of

__all__ = [
    "DEPENDENCY",
    "Candidate",
    "Choice",
    "Person",
    "Rejection",
    "TaskChoice",
    "Value",
    "Weights",
    "Work",
    "choose_person",
    "choose_task",
    "lates_marked",
    "may_have",
    "missing_skill",
    "rejection",
    "skill_match",
    "value_of",
]
