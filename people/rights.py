"""Who may do what. Predicates only; which rows one sees is each model's `visible_to`."""

from typing import Any

from people.models import User

RIGHTS: dict[str, tuple[str, ...]] = {
    User.MEMBER: ("edit_tasks",),
    User.LEAD: ("edit_tasks", "view_team"),
    User.MANAGER: ("edit_tasks", "view_team", "manage_team"),
}


def may(user: User, right: str) -> bool:
    """Whether the user's role carries `edit_tasks`, `view_team` or `manage_team`."""
    return right in RIGHTS.get(user.role, ())


def manages_team_of(user: User, row: Any) -> bool:
    """Whether the user is a manager of the team that the row belongs to."""
    return user.manages and bool(row.team_id == user.team_id)


def may_complete(user: User, task: Any) -> bool:
    """People complete what is assigned to them; managers also on behalf of others."""
    return task.assignee_id == user.pk or manages_team_of(user, task)


def may_edit_task(user: User, task: Any) -> bool:
    """Its assignee, its owner, and the team's managers."""
    return user.pk in (task.assignee_id, task.owner_id) or manages_team_of(user, task)


def may_edit_rule(user: User, rule: Any) -> bool:
    """Its owner; managers all of the team's. A team-wide rule is the managers' alone."""
    if rule.scope == rule.TEAM:
        return manages_team_of(user, rule)
    return rule.owner_id == user.pk or manages_team_of(user, rule)


def may_edit_contact(user: User, contact: Any) -> bool:
    """Its owner, and the team's leads and managers."""
    return contact.owner_id == user.pk or (user.leads and contact.team_id == user.team_id)


def may_change_account(user: User, person: User) -> bool:
    """A manager of the person's team; the account of a superuser only another superuser."""
    return manages_team_of(user, person) and (user.is_superuser or not person.is_superuser)


def may_change_hours(user: User, person: User) -> bool:
    """Everybody their own working hours and time off, managers their team's."""
    return user.pk == person.pk or manages_team_of(user, person)


def may_see_figures(user: User, person: User) -> bool:
    """A person's score and how full their week is: their own, and for leads and managers their team's."""
    return user.pk == person.pk or (may(user, "view_team") and person.team_id == user.team_id)


def may_edit_enrolment(user: User, enrolment: Any) -> bool:
    """Whoever enrolled the contact, whoever may change the contact, and the team's managers."""
    return (
        enrolment.owner_id == user.pk or may_edit_contact(user, enrolment.contact) or manages_team_of(user, enrolment)
    )


def may_steer_jobs(user: User) -> bool:
    """Running a job again that was given up, and cancelling one that waits: managers and superusers."""
    return user.manages or user.is_superuser
