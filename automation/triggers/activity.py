"""A contact did something: opened, clicked, replied, sent a form, or whatever a team records."""

from typing import Any

from crm.models import Activity

KIND = "activity"
WORDS = {
    Activity.EMAIL_OPENED: "opens an email",
    Activity.EMAIL_CLICKED: "clicks a link",
    Activity.EMAIL_REPLIED: "replies",
    Activity.EMAIL_BOUNCED: "cannot be reached by mail",
    Activity.FORM_SUBMITTED: "submits a form",
    Activity.CALL: "had a call",
    Activity.MEETING: "had a meeting",
}


def check(config: dict[str, Any]) -> list[str]:
    unknown = set(config) - {"activity_types"}
    faults = [f"Unknown setting {name!r}: this trigger takes activity_types." for name in sorted(unknown)]
    types = config.get("activity_types")
    if not isinstance(types, list) or not types:
        return [*faults, "Choose at least one activity type."]
    if not all(isinstance(name, str) and 0 < len(name) <= 60 for name in types):
        faults.append("Each activity type is a word of 1 to 60 characters.")
    return faults


def sentence(config: dict[str, Any]) -> str:
    names = [WORDS.get(name, f"has “{name.replace('_', ' ')}”") for name in config.get("activity_types", [])]
    return f"a contact {' or '.join(names)}"


def matches(config: dict[str, Any], event: Activity) -> bool:
    return event.activity_type in config["activity_types"]
