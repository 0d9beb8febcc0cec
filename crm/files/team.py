"""People of the team as files name them: by e-mail address or user name."""

from typing import Any

from people.models import User


class People:
    """The team's people, in one query."""

    def __init__(self, by: User) -> None:
        self.names: dict[int, str] = {}
        self.active: dict[str, list[User]] = {}
        for person in User.objects.visible_to(by):
            self.names[person.pk] = person.username
            for word in {person.email.lower(), person.username.lower()} - {""} if person.is_active else ():
                self.active.setdefault(word, []).append(person)

    def named(self, text: str) -> User:
        """Raises ValueError for nobody, and for several."""
        having = self.active.get(text.lower(), [])
        if len(having) != 1:
            why = "several people" if having else "nobody active in your team"
            raise ValueError(f"{text[:100]!r} is {why}: write the e-mail address or user name of one member.")
        return having[0]

    def told(self, changes: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
        """Changes of columns for people: whoever owns or holds it by name."""
        told = dict(changes)
        for name in ("owner_id", "assignee_id"):
            if name in told:
                before, after = told.pop(name)
                told[name.removesuffix("_id")] = (self.names.get(before, ""), self.names.get(after, ""))
        return told
