"""`column__among=[...]`: as `in`, with all the values as one parameter, on both databases.

For hundreds of them: Django looks at each value of an IN, and the driver at each placeholder of its statement, which
takes longer than the database needs to find the rows.
"""

import json
from typing import Any

from django.db.models import Field, ForeignObject, Lookup

from jobs import rows


class Among(Lookup):
    """Values of the column's own kind: numbers or texts. Of a relation, the ids."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        # The column is named by Django.
        return f"{column} IN (SELECT value FROM json_each(%s))", (*parameters, json.dumps(list(self.rhs)))  # noqa: S608

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", (*parameters, rows.array(list(self.rhs)))


def register() -> None:
    for kind in (Field, ForeignObject):  # relations have lookups of their own alone
        kind.register_lookup(Among)
