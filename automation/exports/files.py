"""A list as the file that a browser saves or a program reads."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from django.http import StreamingHttpResponse

from domain.files import writing


def answer(
    name: str, form: str, heads: list[str], rows: Iterable[Sequence[Any]], *, now: datetime
) -> StreamingHttpResponse:
    """`form` is one of `writing.FORMATS`."""
    kind, write = writing.FORMATS[form]
    headers = {
        "Content-Disposition": f'attachment; filename="nextmove-{name}-{now:%Y-%m-%d}.{form}"',
        "Cache-Control": "private, no-store",
    }
    return StreamingHttpResponse(_begun(write(heads, rows)), content_type=kind, headers=headers)


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, of which the first is made before the answer begins: what fails by then is still told as such."""
    return chain([next(pieces)], pieces)
