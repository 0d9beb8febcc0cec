"""When a task is due that somebody puts on a day."""

from datetime import date, datetime, time, timedelta

from domain import calendars


def due_on(day: date, *, was: datetime | None, plan: calendars.Schedule, now: datetime) -> datetime:
    """The instant on the local day: the time of day that it had, else when work ends that day, else the day's end.

    One that is due on the day already stays as it is. An instant that is past by now gives way to the next of these.
    Raises ValueError for a day that is over.
    """
    if was is not None and day_of(was, plan) == day:
        return was
    midnight = calendars.from_wall(datetime.combine(day + timedelta(days=1), time()), plan.zone)
    if midnight <= now:
        raise ValueError("This day is over: choose today or a later one.")
    choices = []
    if was is not None:
        choices.append(calendars.from_wall(datetime.combine(day, was.astimezone(plan.zone).time()), plan.zone))
    if calendars.is_working_day(plan, day):
        spans = [span for span in plan.spans if span.weekday == day.weekday()]
        if all(span.ends > span.starts for span in spans):  # else work ends on the next day
            last = max(span.ends for span in spans)
            choices.append(calendars.from_wall(datetime.combine(day, last), plan.zone))
    return next((at for at in choices if now < at <= midnight), midnight)


def day_of(due: datetime, plan: calendars.Schedule) -> date:
    """The local day on which something is due: at midnight it is the day that ends."""
    return (due.astimezone(plan.zone) - timedelta(microseconds=1)).date()
