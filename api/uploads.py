"""Files as bodies: one file of a form, or the body itself. Files may be larger than other bodies are."""

from collections.abc import Iterator
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from api.errors import Problem
from domain.files.reading import MOST_BYTES

FORM = "multipart/form-data"
PATH = "/api/imports"
AROUND = 64 * 1024
"""What a form adds to its file."""
TYPES = (
    "text/csv",
    "text/vcard",
    "text/x-vcard",
    "text/plain",
    "text/tab-separated-values",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/octet-stream",
)
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES},
        },
    }
}


def file_of(request: HttpRequest) -> tuple[bytes, str]:
    """The file and its name. Raises the 413 for one that is too large, the 415 for what is none, the 422 for a form
    without it.
    """
    if request.content_type == FORM:
        _check_length(request)
        files = _files(request)
        if len(files) != 1:
            raise Problem(422, f"The form holds {len(files)} files: send one, in the field `file`.")
        (file,) = files
        if (file.size or 0) > MOST_BYTES:
            raise _too_large()
        return file.read(), file.name or ""
    if request.content_type not in TYPES:
        given = request.content_type or "none"
        raise Problem(415, f"The body is {given}: send a file as {FORM}, or by itself as one of {', '.join(TYPES)}.")
    return whole(request), ""


def whole(request: HttpRequest) -> bytes:
    """The body, up to the size of a file; where Django looks for it, whoever asks next."""
    if not hasattr(request, "_body"):
        _check_length(request)
        request._body = request.read()
    return bytes(request._body)


def parts_of(request: HttpRequest) -> Iterator[bytes]:
    """What tells one body from another, also of a form with a file."""
    if request.path_info.rstrip("/") != PATH:
        yield request.body
    elif request.content_type == FORM:
        _check_length(request)
        for file in _files(request):
            yield (file.name or "").encode("utf-8", "surrogatepass")
            yield from file.chunks()
            file.seek(0)
    else:
        yield whole(request)


def _files(request: HttpRequest) -> "list[UploadedFile[Any]]":
    return [file for _, listed in request.FILES.lists() for file in listed]


def _check_length(request: HttpRequest) -> None:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES + AROUND:
        raise _too_large()


def _too_large() -> Problem:
    return Problem(413, f"The file is over the limit of {MOST_BYTES // 2**20} MiB. Send it in parts.")
