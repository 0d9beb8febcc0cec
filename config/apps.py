"""Wires the rooms once Django has loaded them: what lower rooms call by name or by what was registered."""

from django.apps import AppConfig

from config import celery  # noqa: F401 (the tasks of every process are this application's)


class WiringConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from api import announced
        from api import erasure as api_erasure
        from assignment import erasure as assignment_erasure
        from automation import (
            cadence,
            calendar_changes,
            causes,
            contact_merges,
            engine,
            programmes,
            rules,
            sweeps,
            tasks,
            telling,
        )
        from automation import erasure as automation_erasure
        from config import instants
        from crm import contacts, erase, merge, moving, providers
        from crm.files import erasure as file_erasure
        from crm.files import imports
        from crm.files.contact_rows import Contacts
        from crm.files.models import Import
        from jobs import announcing, hooks, presence
        from learning import contact_merges as learning_merges
        from learning import erasure as learning_erasure
        from learning import lead_scores
        from learning import models as learned
        from notifications import addresses, arrivals, bundles, contact_mutes, delivery, outbox, reports
        from notifications import erasure as notifications_erasure
        from notifications.channels.email import letters
        from notifications.models import Notification
        from people import busy_times, deactivation, undo_notes
        from people.models import Team
        from performance import erasure as performance_erasure
        from performance import letters as report_letters
        from webhooks import endpoints, recording, sending, shapes
        from webhooks import erasure as webhooks_erasure
        from work import contact_moves, lifecycle, pushing
        from work import erasure as work_erasure
        from work.files.task_rows import Tasks

        instants.read_fast()
        presence.follow_celery()
        hooks.register(hooks.Drain(tasks.drain_team.name, engine.pending_teams, every_seconds=0))
        hooks.register(hooks.Drain(tasks.sweep_team.name, sweeps.due_teams, every_seconds=15))
        hooks.register(hooks.Drain(tasks.follow_calendar.name, calendar_changes.teams, every_seconds=60))
        hooks.register(hooks.Drain(tasks.look_at_pushes.name, pushing.teams, every_seconds=60))
        hooks.on_dead(outbox.tell_of_dead_job)
        hooks.on_over(delivery.give_up)
        hooks.on_again(delivery.take_up_again)
        hooks.on_over(sending.give_up)
        hooks.on_again(sending.take_up_again)
        hooks.on_over(imports.give_up)
        hooks.on_again(imports.take_up_again)
        hooks.on_over(busy_times.give_up)
        hooks.on_again(busy_times.take_up_again)
        hooks.on_over(pushing.give_up)
        hooks.on_again(pushing.take_up_again)
        hooks.teams(lambda: [hooks.TeamClock(*row) for row in Team.objects.values_list("pk", "timezone", "created_at")])
        announcing.register(recording.record)
        for subject, reader in announced.READERS.items():
            shapes.register(subject, reader)
        endpoints.tell_of_switching_off(telling.tell_of_webhook_off)
        busy_times.tell_of_failing(telling.tell_of_busy_times)
        pushing.tell_of_stopping(telling.tell_of_push)
        bundles.register_names(causes.names)
        providers.register(reports.take)
        letters.register(Notification.REPORT, report_letters.of_notice)
        imports.register(Import.CONTACTS, Contacts())
        imports.register(Import.TASKS, Tasks())
        imports.after_done(arrivals.tell)
        contacts.register(cadence.contact_changed)
        deactivation.register(lifecycle.release_work_of)
        deactivation.register(rules.pass_on_rules_of)
        lead_scores.register(rules.without_score)
        deactivation.register(programmes.pass_on)
        deactivation.register(addresses.take_all_away)
        deactivation.register(busy_times.end_for)
        deactivation.register(pushing.end_for)
        merge.register(contact_merges.STEP)
        merge.register(learning_merges.STEP)
        merge.register(contact_moves.STEP)
        merge.register(contact_mutes.STEP)
        for own in (
            learned.LeadSnapshot,
            learned.BestTimeProfile,
            learned.ContactScore,
            learned.ExperimentContact,
        ):
            moving.stay(own, "contact")
        erase.lock_first(contact_merges.enter)
        erase.lock_first(learning_erasure.enter)
        erase.register(file_erasure.wipe)
        for room in (work_erasure, notifications_erasure, assignment_erasure, performance_erasure, automation_erasure):
            erase.register(room.wipe)
        erase.register(learning_erasure.wipe)
        erase.register(webhooks_erasure.wipe)
        erase.register(api_erasure.wipe)
        erase.register(lambda subject: undo_notes.forget(subject.team_id))
