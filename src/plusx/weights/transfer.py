"""One file over HTTP into `<file>.part`, continued where an earlier try broke off (RFC 9110, sections 13.1.5 and 14).

The server's validator (strong ETag or Last-Modified) lies beside the part in `<file>.part.json`: a part is continued
only with `If-Range`, so that bytes of two versions of a file never meet.
"""

import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes there will be (None where the server does not say)."""

_CHUNK: Final = 1 << 20  # bytes
_TIMEOUT: Final = 30  # seconds without a byte
_TRIES: Final = 5  # a connection that breaks off is taken up again
_HEADERS: Final = {"User-Agent": "plusx", "Accept-Encoding": "identity"}


class TransferError(Exception):
    """What the network or the server said instead of sending the file."""


def receive(url: str, part: Path, progress: Progress) -> None:
    """Fills `part` until it is complete. Raises `TransferError`, and `OSError` where the disk refuses."""
    for attempt in range(_TRIES):
        try:
            if _receive_once(url, part, progress):
                return
        except urllib.error.HTTPError as error:
            error.close()
            raise TransferError(f"the server answered {error.code} {error.reason}") from error
        except (urllib.error.URLError, http.client.HTTPException) as error:
            if attempt == _TRIES - 1 or not part.exists():
                raise TransferError(str(getattr(error, "reason", error)) or type(error).__name__) from error
    raise TransferError(f"the connection broke off {_TRIES} times; the next try goes on where it ended")


def forget(part: Path) -> None:
    """Deletes a part and its validator."""
    part.unlink(missing_ok=True)
    _validator_file(part).unlink(missing_ok=True)


def accept(part: Path, path: Path) -> None:
    """A complete and checked part takes its name."""
    part.replace(path)
    _validator_file(part).unlink(missing_ok=True)


def _receive_once(url: str, part: Path, progress: Progress) -> bool:
    """Appends what is still missing; whether all is there now. Starts anew where the file on the server changed."""
    there, validator = _position(part)
    headers = {**_HEADERS, "Range": f"bytes={there}-", "If-Range": validator} if there else _HEADERS
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()
        forget(part)
        return False
    with response:
        continued = response.status == http.HTTPStatus.PARTIAL_CONTENT
        there = there if continued else 0
        length = response.headers.get("Content-Length")
        total = there + int(length) if length else None
        if not continued:
            _keep_validator(part, response.headers.get("ETag") or response.headers.get("Last-Modified"))
        with part.open("ab" if continued else "wb") as file:
            for chunk in _chunks(response):
                file.write(chunk)
                there += len(chunk)
                progress(there, total)
            file.flush()
            os.fsync(file.fileno())
    return total is None or there == total


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body; a failing network raises `URLError`, so that it is told from a failing disk."""
    while True:
        try:
            chunk = response.read(_CHUNK)
        except OSError as error:
            raise urllib.error.URLError(error) from error
        if not chunk:
            return
        yield chunk


def _position(part: Path) -> tuple[int, str]:
    """Bytes that are there and the server's validator for them; (0, "") where they cannot be continued."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return part.stat().st_size, str(json.loads(_validator_file(part).read_text())["validator"])
    return 0, ""


def _keep_validator(part: Path, validator: str | None) -> None:
    """A weak ETag (`W/...`) does not promise equal bytes: without a strong one the next try starts anew."""
    part.unlink(missing_ok=True)
    if validator and not validator.startswith("W/"):
        _validator_file(part).write_text(json.dumps({"validator": validator}))
    else:
        _validator_file(part).unlink(missing_ok=True)


def _validator_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")
