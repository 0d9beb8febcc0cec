"""Wires the rooms once Django has loaded them: what lower rooms call by name or by what was registered."""

from django.apps import AppConfig


class WiringConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from api import erasure as api_erasure
        from assignment import erasure as assignment_erasure
        from automation import cadence, calendar_changes, contact_merges, engine, programmes, rules, sweeps, tasks
        from automation import erasure as automation_erasure
        from crm import contacts, erase, merge
        from jobs import hooks
        from notifications import delivery, outbox
        from notifications import erasure as notifications_erasure
        from notifications.channels.email import letters
        from notifications.models import Notification
        from people import deactivation
        from people.models import Team
        from performance import erasure as performance_erasure
        from performance import letters as report_letters
        from work import contact_moves, lifecycle
        from work import erasure as work_erasure

        hooks.register(hooks.Drain(tasks.drain_team.name, engine.pending_teams, every_seconds=0))
        hooks.register(hooks.Drain(tasks.sweep_team.name, sweeps.due_teams, every_seconds=15))
        hooks.register(hooks.Drain(tasks.follow_calendar.name, calendar_changes.teams, every_seconds=60))
        hooks.on_dead(outbox.tell_of_dead_job)
        hooks.on_dead(delivery.give_up)
        hooks.teams(lambda: [hooks.TeamClock(*row) for row in Team.objects.values_list("pk", "timezone", "created_at")])
        letters.register(Notification.REPORT, report_letters.of_notice)
        contacts.register(cadence.contact_changed)
        deactivation.register(lifecycle.release_work_of)
        deactivation.register(rules.pass_on_rules_of)
        deactivation.register(programmes.pass_on)
        merge.register(contact_merges.STEP)
        merge.register(contact_moves.STEP)
        erase.lock_first(contact_merges.enter)
        for room in (work_erasure, notifications_erasure, assignment_erasure, performance_erasure, automation_erasure):
            erase.register(room.wipe)
        erase.register(api_erasure.wipe)
