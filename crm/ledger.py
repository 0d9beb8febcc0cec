"""Inserting activities in one statement that says which of them were new; the same SQL on both databases."""

from collections.abc import Sequence

from django.db import connection

from crm.models import Activity


def insert_new(rows: Sequence[Activity]) -> dict[tuple[str, str], int]:
    """Inserts what the unique key (team, source, source_key) lets in.

    Returns the ids of the rows really inserted by (source, source_key): whatever is missing was there before, or was
    being inserted by somebody else who won.
    """
    fields = [field for field in Activity._meta.concrete_fields if not field.primary_key]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    one_row = f"({', '.join(['%s'] * len(fields))})"
    parameters = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in rows for field in fields]
    statement = (
        f"INSERT INTO {quote(Activity._meta.db_table)} ({columns}) VALUES {', '.join([one_row] * len(rows))} "  # noqa: S608
        "ON CONFLICT DO NOTHING RETURNING id, source, source_key"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return {(source, source_key): pk for pk, source, source_key in cursor.fetchall()}
