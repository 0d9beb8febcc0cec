"""Who would fit each of the waiting tasks best if it were given now, and why; changes nothing."""

from dataclasses import dataclass

from assignment import crew, snapshot
from domain import matching


@dataclass(frozen=True)
class Match:
    """A waiting task and the choice for it alone: a run, which weighs all of them at once, may choose otherwise.

    `skills` are what it asks for, by name with the least level and the level of whoever fits best (0 to 5).
    """

    task_id: int
    hours_q: int
    choice: matching.Choice
    skills: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Fit:
    """One person for one task: the first rule that keeps it from them, or empty, and their load in percent."""

    person_id: int
    refusal: str
    load_before: int
    load_after: int


def of_waiting(books: crew.Books, everybody: crew.Crew, *, most: int) -> list[Match]:
    """For the first of the waiting tasks, what is due first first, in a constant number of queries."""
    return of_rows(books, everybody, snapshot.waiting(books.team, most=most))


def of_rows(books: crew.Books, everybody: crew.Crew, rows: list[snapshot.Row]) -> list[Match]:
    reader = snapshot.Reader(books)
    works = reader.works(rows)
    people = everybody.people(works)
    return [_match(work, people, reader) for work in matching.lates_marked(works, people)]


def compared(books: crew.Books, everybody: crew.Crew, row: snapshot.Row) -> tuple[Match, list[Fit]]:
    """The match of one task, and the whole team: the best three first, then by load; whom it is kept from last."""
    reader = snapshot.Reader(books)
    works = reader.works([row])
    people = everybody.people(works)
    (work,) = matching.lates_marked(works, people)
    match = _match(work, people, reader)
    order = {candidate.person_id: place for place, candidate in enumerate(match.choice.top)}
    fits = [_fit(work, person, reader) for person in people]
    fits.sort(key=lambda fit: (bool(fit.refusal), order.get(fit.person_id, len(order)), fit.load_after, fit.person_id))
    return match, fits


def _fit(work: matching.Work, person: matching.Person, reader: snapshot.Reader) -> Fit:
    refused = matching.rejection(work, person, reader.names)
    loads = (round(100 * person.load_with(extra_q)) for extra_q in (0, work.hours_q))
    return Fit(person.id, refused.detail if refused is not None else "", *loads)


def _match(work: matching.Work, people: list[matching.Person], reader: snapshot.Reader) -> Match:
    choice = matching.choose_person(work, people, names=reader.names, weights=reader.team.weights)
    best = next((person for person in people if person.id == choice.person_id), None)
    levels = best.skills if best is not None else {}
    skills = ((reader.names.get(skill, ""), least, levels.get(skill, 0)) for skill, least in work.required)
    return Match(work.id, work.hours_q, choice, tuple(skills))
