"""What was learned, said in one sentence with its figures: for pages, programs and whoever asks why."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.learning import best_time, estimates, experiments, lead_score
from domain.learning.estimates import Forecast, Report
from learning.attempts import FAST
from learning.best_times import Advice
from learning.models import ContactScore, Experiment

_WHOSE = {
    best_time.WORKSPACE: "with contacts of the team",
    best_time.SEGMENT: "with contacts of this status",
    best_time.CONTACT: "with this contact",
}
_WHICH = {
    estimates.WORKSPACE: "of the team",
    estimates.KIND: "of this kind",
    estimates.PERSON: "of this person",
    estimates.PERSON_KIND: "of this kind and person",
}


_TESTS = {
    experiments.TOO_EARLY: "Nothing is said before 50 contacts of each delay had their time.",
    experiments.RUNNING: "Nothing is clear yet: keep it running. Looking early is paid for already.",
    experiments.BETTER: "One delay is better, by all contacts that were planned.",
    experiments.INVALID: (
        "The contacts are split in a way that is no chance, so the answers are hidden: find out what keeps some out."
    ),
    experiments.HARMFUL: "It was stopped, since a delay did harm.",
}


def best_time_of(advice: Advice) -> str:
    """At what hour they answer, against the worst that may be asked: sooner, never more."""
    if advice.history < advice.needed:
        return f"There is not enough history yet: {advice.history} of {advice.needed} attempts."
    if advice.best is None or advice.chance is None:
        return "No hour of that time is within working hours."
    at = advice.best.astimezone(ZoneInfo(advice.zone)).hour
    whose, share, tries = _WHOSE[advice.level], advice.chance, advice.level_attempts
    hours = FAST // timedelta(hours=1)
    return f"At {at}:00 an answer within {hours} h is {share:.0%} likely, by {tries} attempts {whose}."


def evidence_of(advice: Advice, name: str) -> str:
    """How much sooner a contact of this name answers at the best hour than at the one that is tried most; on what."""
    if advice.history < advice.needed or advice.best is None:
        return best_time_of(advice)
    at = advice.best.astimezone(ZoneInfo(advice.zone)).hour
    most = max(range(len(advice.attempts)), key=advice.attempts.__getitem__)
    share, usual, best, other = advice.chances[at], advice.chances[most], f"{at:02d}:00", f"{most:02d}:00"
    if advice.level == best_time.CONTACT:
        who = f"{name} answers"
    else:
        who = "Contacts of this status answer" if advice.level == best_time.SEGMENT else "Contacts of the team answer"
    tries = advice.level_attempts
    if at == most:
        told = f"{who} within 4 h {share:.0%} of the time at {best}, where they are tried most ({tries} attempts)."
    else:
        told = f"{who} within 4 h {share:.0%} of the time at {best} against {usual:.0%} at {other} ({tries} attempts)."
    if advice.level == best_time.CONTACT:
        return told
    tried = advice.own_attempts
    own = f"Own attempts of {name}, {tried} until now, are too few to differ."
    return " ".join((told, own if tried else f"{name} has not been tried yet."))


def timing_of(timing: Mapping[str, Any] | None) -> str:
    """Why a task is due at the hour it is, from what `best_time.Choice.as_dict` kept with it; "" where a person moved
    it, or no rule asked for the best one.
    """
    if not timing or timing.get("moved"):
        return ""
    reason, share, usual = timing["reason"], timing.get("chance"), timing.get("usual_chance")
    if reason == best_time.TOO_FEW:
        return f"The rule's own hour: {timing['attempts']} of {timing['needed']} attempts are not enough history."
    if reason == best_time.HELD_OUT:
        return "The rule's own hour: this contact is kept out of best times, so that what they bring can be told."
    if reason == best_time.NO_HOUR or share is None or usual is None:
        return "The rule's own hour: no other is within working hours."
    if reason == best_time.TRYING:
        return "An hour drawn by chance, so that more than the best one is known."
    sooner = f"Answers come sooner at this hour: {share:.0%} of the time within 4 h, against {usual:.0%} at the rule's."
    level, tries = timing.get("level"), timing.get("attempts")
    if level not in _WHOSE or not tries:
        return sooner
    whose = _WHOSE[level]
    return " ".join((sooner, f"That is known by {tries} attempts {whose}."))


def score_of(row: ContactScore) -> str:
    """How far a score is learned, with what was seen of leads like it."""
    model = row.model
    if model.kind == lead_score.RULES:
        losses = model.n - model.wins
        return f"By points, not learned yet: {model.wins} won and {losses} lost, where 30 of each are needed."
    seen = observed(row)
    if seen is None or not seen["n"]:
        return f"Learned from {model.n} leads, of which {model.wins} were won."
    rate, low, high = seen["rate"], seen["low"], seen["high"]
    return f"Of {seen['n']} leads scored like this {rate:.0%} were won ({low:.0%} to {high:.0%})."


def observed(row: ContactScore) -> dict[str, Any] | None:
    """What became of leads in the same band that the model had not seen; None where that was not tried."""
    bands: list[dict[str, Any]] = (row.model.check_data or {}).get("bands", [])
    return next((band for band in bands if band["band"] == row.band), None)


def experiment_of(row: Experiment, *, fraction: float) -> str:
    """What its verdict means; `fraction` of the planned contacts had had their time at the last look."""
    if row.optimises:
        return "Most contacts get what was answered most so far, which proves nothing."
    if row.verdict == experiments.BETTER and fraction < 1:
        early = "Early winners look bigger than they are: expect less than the difference that was seen."
        return f"One delay is better, which was clear before the planned end. {early}"
    if row.verdict == experiments.NO_DIFFERENCE and row.effect is not None:
        points = f"{100 * row.effect:.3g}"
        return f"No difference above {points} points was found; one that large is found in four of five such tests."
    if row.ended_at is not None and row.verdict in (experiments.TOO_EARLY, experiments.RUNNING):
        return "It was ended before anything was clear."
    return _TESTS.get(row.verdict, "")


def forecast_of(found: Forecast) -> str:
    """Beside the estimate, never instead of it; from the narrowest level that has any tasks."""
    told = [one for one in found.basis if one.n]
    if not told:
        return "No finished task tells of this yet."
    if found.estimate is not None and not found.corrects:
        there, needed = found.basis[0].n, estimates.ENOUGH
        if there < needed:
            return f"Finished tasks until now: {there} of {needed} needed. The estimate stands."
        return "Finished tasks say nothing else than the estimate."
    last, low, middle, high = told[-1], found.low, found.middle, found.high
    return f"Usually {middle:.1f} h, 8 of 10 times {low:.1f} to {high:.1f} h ({last.n} tasks {_WHICH[last.level]})."


def estimates_of(report: Report) -> str:
    """How often the bands held, and what tasks usually took; of one person where that is all there is."""
    whole = report.workspace or next(iter(report.people.values()), None)
    if whole is None:
        return "No finished task with an estimate and its hours tells of this yet."
    low, middle, high = whole.low, whole.middle, whole.high
    took = f"Tasks usually took {middle:.2f} times their estimate, 8 of 10 {low:.2f} to {high:.2f} times."
    return " ".join((took, f"The hours of {whole.held} of {whole.n} lay in the band that was foreseen."))
