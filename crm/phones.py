"""Phone numbers in the one form in which they can be compared, E.164 (+491701234567)."""

import phonenumbers

PHONE = "phone"
"""The source under which another number of a contact is an identity, as `addresses.EMAIL` is for mail."""
LONGEST = 40


def normalised(number: str, country: str = "") -> str:
    """The number as E.164, or "" when it is none that could be dialled.

    One without its country's code is read as a number of `country` (two letters, such as DE).
    """
    number = number.strip()
    if not number or len(number) > LONGEST:
        return ""
    try:
        parsed = phonenumbers.parse(number, country.upper() or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(parsed) or parsed.extension:
        return ""
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def country_of(number: str) -> str:
    """The country, as PT, that a number in E.164 is dialled in; "" for none, and for those of no country."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number)) if number else None
    except phonenumbers.NumberParseException:
        return ""
    return str(region) if region is not None and region.isalpha() else ""
