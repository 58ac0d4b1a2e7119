"""Shards at an address: over HTTP on this machine and in fsspec's memory, with failures on the way."""

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import fsspec
import pytest

from pictures import colour_folder
from plusx.core.errors import DataError, InputError, MissingExtraError
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.shards import blocks, remote
from plusx.data.shards.blocks import Blocks
from plusx.workflows.shard import shard


@dataclass
class Web:
    """What a server gives, and what was asked of it. fail: answers 503 to so many of the next requests."""

    folder: Path
    url: str = ""
    ranges: bool = True
    fail: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    wbufsize = 1 << 16  # head and content in one packet, or each waits for an answer

    def __init__(self, web: Web, *given: Any) -> None:
        self.web = web
        super().__init__(*given)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        web, wanted = self.web, self.headers.get("Range") or ""
        web.asked.append((self.path, wanted))
        path = web.folder / unquote(self.path).lstrip("/")
        if web.fail:
            web.fail -= 1
            return self._send(503, b"", body)
        if path.is_dir():
            page = "".join(f'<a href="{one.name}">x</a>' for one in sorted(path.iterdir()))
            return self._send(200, page.encode(), body, "text/html")
        if not path.is_file():
            return self._send(404, b"", body)
        data = path.read_bytes()
        if wanted and web.ranges:
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", wanted).groups())  # type: ignore[union-attr]
            return self._send(206, data[first : last + 1], body)
        return self._send(200, data, body)

    def _send(self, code: int, data: bytes, body: bool, kind: str = "application/octet-stream") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", kind)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0.001)
    monkeypatch.setattr(remote, "BLOCK", 20_000)
    monkeypatch.setenv("PLUSX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    shard(colour_folder(tmp_path / "data", per_class=5), tmp_path / "shards", images=4, workers=1)
    made = Web(tmp_path / "shards")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, made))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join(10)


def everything(source: Any, cache: Path | None) -> list[tuple[str, Any, bytes]]:
    samples = read(source, ReadOptions(cache=cache)).splits["train"]
    return [(one.name, one.target, one.image()) for one in samples]  # type: ignore[operator]


def test_over_http_as_from_the_disk(web: Web, tmp_path: Path) -> None:
    expected = everything(web.folder, None)
    assert everything(web.url, tmp_path / "kept") == expected
    blocks_asked = [path for path, wanted in web.asked if wanted and path.endswith(".tar")]
    assert len(blocks_asked) == sum(-(-path.stat().st_size // 20_000) for path in web.folder.glob("*.tar"))
    web.asked.clear()
    assert everything(f"{web.url}/", tmp_path / "kept") == expected
    assert not [path for path, wanted in web.asked if wanted and path.endswith(".tar")]
    assert everything(web.url, None) == expected


def test_names_that_an_address_cannot_hold_as_they_are(web: Web, tmp_path: Path) -> None:
    expected = everything(web.folder, None)
    web.folder.rename(tmp_path / "a 图")
    web.folder = tmp_path
    assert everything(f"{web.url}/a 图", None) == everything(f"{web.url}/a%20%E5%9B%BE", None) == expected


def test_without_a_manifest(web: Web, tmp_path: Path) -> None:
    (web.folder / "shards.json").unlink()
    labels = [str(target.index) for _, target, _ in everything(web.folder, None)]
    for address in (web.url, f"{web.url}/train-{{00000..00003}}.tar", f"{web.url}/train-*.tar"):
        listing = read(address, ReadOptions(cache=tmp_path / "kept"))
        assert [listing.classes[one.target.index] for one in listing.splits["train"]] == labels  # type: ignore[union-attr]
    assert len(read(f"{web.url}/train-00002.tar").splits["train"]) == 4


def test_failures_are_tried_again_and_said(web: Web, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = everything(web.folder, None)
    web.fail = 3
    with caplog.at_level(logging.WARNING, logger="plusx"):
        assert everything(web.url, tmp_path / "kept") == expected
    assert caplog.messages[0].startswith(f"{web.url}/shards.json: reading failed (HTTP 503 (Service Unavailable)); try")
    web.fail = 10**6
    with pytest.raises(DataError, match=r"shards\.json: could not be read in 5 attempts \(HTTP 503 .*--resume"):
        read(web.url)


def test_what_servers_do_not_have(web: Web, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{web.url}/no/train\.tar: there is no such file"):
        read(f"{web.url}/no/train.tar")
    samples = read(web.url, ReadOptions(cache=tmp_path / "kept")).splits["train"]
    web.ranges = False
    with pytest.raises(DataError, match=r"the server gives whole files only \(it ignores Range\)"):
        samples[0].image()  # type: ignore[operator]


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/x/shards\.json: could not be read in 5 attempts"):
        read("http://127.0.0.1:9/x")


def test_in_memory_of_fsspec(web: Web, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    for path in web.folder.iterdir():
        memory.pipe_file(f"/bucket/猫/{path.name}", path.read_bytes())
    try:
        assert everything("memory://bucket/猫", tmp_path / "kept") == everything(web.folder, None)
        memory.rm("/bucket/猫/shards.json")
        assert len(read("memory://bucket/猫/train-*.tar").splits["train"]) == 15
        assert len(read("memory://bucket/猫").splits["train"]) == 15
        with pytest.raises(DataError, match=r"nowhere holds no shards\.json and no \.tar or \.parquet; found nothing"):
            read("memory://nowhere")
    finally:
        memory.rm("/bucket", recursive=True)


def test_what_a_library_of_some_cloud_raises_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCredentialsError(Exception):
        pass

    def fail(*_: Any, **__: Any) -> None:
        raise NoCredentialsError("Unable to locate credentials")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "info", fail)
    with pytest.raises(DataError, match=r"in 5 attempts \(NoCredentialsError: Unable to locate credentials\)"):
        read("memory://bucket")


def test_addresses_that_nothing_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"^teapot://x cannot be opened: .*teapot"):
        read("teapot://x")
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"Reading s3://bucket/x needs fsspec.*plusx\[shards\]"):
        read("s3://bucket/x")


def test_blocks_that_are_too_many_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Blocks(tmp_path / "b", bound=2500)
    fetched = []

    def part(name: str) -> bytes:
        return kept.part(name, 1000, 10, 20, lambda: fetched.append(name) or bytes(1000))  # type: ignore[func-returns-value]

    for name in "abc":
        assert part(name) == bytes(10)
        (tmp_path / "b" / name).touch()
    assert len(list((tmp_path / "b").iterdir())) == 2
    part("c")
    assert fetched == ["a", "b", "c"]
    (tmp_path / "b" / "c").write_bytes(b"torn")
    part("c")
    assert fetched == ["a", "b", "c", "c"]
    assert blocks.BOUND > 8 * 256e6
    without = Blocks(None)
    for _ in range(3):
        without.part("x", 5, 0, 5, lambda: fetched.append("x") or bytes(5))  # type: ignore[func-returns-value]
    assert fetched.count("x") == 1
