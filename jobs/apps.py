from django.apps import AppConfig

from jobs import among


class JobsConfig(AppConfig):
    name = "jobs"

    def ready(self) -> None:
        among.register()
