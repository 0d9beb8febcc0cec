"""The addresses of the pages."""

from django.urls import path
from django.views.generic import RedirectView, TemplateView

from web import (
    activity,
    contacts,
    inbox,
    monitor,
    mywork,
    newtask,
    notices,
    profile,
    reports,
    rules,
    tasks,
    team,
    theme,
    tokens,
)

app_name = "web"
# allauth's own pages would promise a letter that nobody sends.
no_mail = TemplateView.as_view(template_name="account/no_mail.html")
urlpatterns = [
    path("accounts/password/reset/", no_mail, name="no-reset"),
    path("accounts/email/", no_mail, name="no-email"),
    path("", mywork.page, name="mywork"),
    path("bell", inbox.bell, name="bell"),
    path("theme", theme.choose, name="theme"),
    path("tasks", tasks.index, name="tasks"),
    path("tasks/new", newtask.page, name="task-new"),
    path("tasks/<int:pk>", tasks.page, name="task"),
    path("tasks/<int:pk>/peek", tasks.peek, name="task-peek"),
    path("tasks/<int:pk>/complete", tasks.complete, name="task-complete"),
    path("tasks/<int:pk>/pin", tasks.pin, name="task-pin"),
    path("contacts", contacts.index, name="contacts"),
    path("contacts/new", contacts.new, name="contact-new"),
    path("contacts/<int:pk>", contacts.page, name="contact"),
    path("contacts/<int:pk>/status", contacts.status, name="contact-status"),
    path("contacts/<int:pk>/cadence", contacts.cadence, name="contact-cadence"),
    path("activity", activity.page, name="activity"),
    path("automations/task-scheduling", rules.index, name="rules"),
    path("automations/task-scheduling/new", rules.new, name="rule-new"),
    path("automations/task-scheduling/<int:pk>", rules.page, name="rule"),
    path("automations/task-scheduling/<int:pk>/switch", rules.switch, name="rule-switch"),
    path("automations/task-scheduling/<int:pk>/delete", rules.archive, name="rule-delete"),
    path("automations/jobs", monitor.page, name="jobs"),
    path("automations/jobs/<uuid:pk>/retry", monitor.retry, name="job-retry"),
    path("team/workload", team.workload, name="workload"),
    path("team/performance", team.performance, name="performance"),
    path("team/reports", reports.index, name="reports"),
    path("team/reports/<int:pk>", reports.page, name="report"),
    path("team/reports/<int:pk>/apply", reports.apply_all, name="report-apply"),
    path("team/reports/<int:pk>/moves/<int:move>/apply", reports.apply, name="move-apply"),
    path("team/reports/<int:pk>/moves/<int:move>/undo", reports.undo, name="move-undo"),
    path("inbox", inbox.page, name="inbox"),
    path("inbox/read", inbox.read_all, name="inbox-read"),
    path("inbox/<int:pk>/open", inbox.follow, name="notice"),
    path("settings", RedirectView.as_view(pattern_name="web:profile"), name="settings"),
    path("settings/profile", profile.page, name="profile"),
    path("settings/notifications", notices.page, name="notices"),
    path("settings/tokens", tokens.page, name="tokens"),
    path("settings/tokens/<int:pk>/revoke", tokens.revoke, name="token-revoke"),
    path("admin", RedirectView.as_view(url="/admin/"), name="admin"),
]
