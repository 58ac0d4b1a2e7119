"""Files at http:// and https:// addresses, by ranges (RFC 9110, section 14). The standard library is enough."""

import http.client
import re
import urllib.error
import urllib.request
from typing import Any, Final, final
from urllib.parse import quote, unquote, urljoin

from plusx.core.errors import DataError
from plusx.data.shards.remote import Source

_TIMEOUT: Final = 60.0  # seconds without a word from the server
_PLAIN: Final = "%/:?#[]@!$&'()*+,;=~"  # reserved letters of RFC 3986, section 2.2, and those of escapes
_LINK: Final = re.compile(r'href="([^"?#]+)"')


@final
class Http(Source):
    """A web server that answers ranges, as those of object stores do."""

    def about(self, url: str) -> tuple[int, str]:
        with _opened(url, method="HEAD") as answer:
            length = answer.headers.get("Content-Length")
            stamp = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        if length is None:
            raise DataError(f"{url}: the server does not say how long the file is (no Content-Length).")
        return int(length), stamp

    def fetch(self, url: str, offset: int, length: int) -> bytes:
        if not length:
            return b""
        wanted = {"Range": f"bytes={offset}-{offset + length - 1}"}
        with _opened(url, headers=wanted) as answer:
            if answer.status != 206 and (offset, int(answer.headers.get("Content-Length") or -1)) != (0, length):
                raise DataError(
                    f"{url}: the server gives whole files only (it ignores Range). Put the shards on one that gives "
                    "parts (nginx, Apache, any object store), or copy them to this machine."
                )
            return _content(answer)

    def names(self, url: str) -> list[str]:
        """From the links of an index page, where the server makes one."""
        with _opened(f"{url}/") as answer:
            if "html" not in (answer.headers.get("Content-Type") or ""):
                raise NotADirectoryError(url)
            page = _content(answer).decode("utf-8", "replace")
        names = (unquote(urljoin(f"{url}/", link)).removeprefix(f"{unquote(url)}/") for link in _LINK.findall(page))
        return sorted({name for name in names if name and "/" not in name})


def _content(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"the answer broke off: {error!r}") from error


def _opened(url: str, **how: Any) -> http.client.HTTPResponse:
    """url: also with letters that an address may not hold as they are (RFC 3986); those that are escaped stay so."""
    request = urllib.request.Request(quote(url, safe=_PLAIN), **how)
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise FileNotFoundError(url) from None
        if error.code in (401, 403):
            raise PermissionError(f"HTTP {error.code}") from None
        if error.code < 500 and error.code not in (408, 429):
            raise DataError(f"{url}: the server answers HTTP {error.code} ({error.reason}).") from None
        raise ConnectionError(f"HTTP {error.code} ({error.reason})") from None
    except urllib.error.URLError as error:
        raise ConnectionError(str(error.reason)) from None
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from None
