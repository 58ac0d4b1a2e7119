"""Downloads against a real server on this machine: whole, broken off, changed, wrong, gone, and from many at once."""

import hashlib
import http.server
import multiprocessing
import re
import resource
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from plusx.core.card import Card, Source
from plusx.core.errors import InputError, OfflineError, StorageError, WeightsError
from plusx.weights.download import address, fetch, local_path, weights_directory

CONTENT = bytes(range(256)) * 20_000  # 5 MB: several chunks
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What the server sends and what it was asked."""

    content: bytes = CONTENT
    etag: str | None = '"one"'
    ranges: bool = True
    breaks: int = 0  # answers that end in the middle
    requests: list[str | None] = field(default_factory=list)  # their Range headers
    url: str = ""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Listening)
        state = self.server.state
        asked = self.headers.get("Range")
        state.requests.append(asked)
        if self.path != "/resnet50-abc.pth":
            self.send_error(404)
            return
        start = 0
        if asked and state.ranges and self.headers.get("If-Range") == state.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(state.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(state.content) - start))
        if state.etag:
            self.send_header("ETag", state.etag)
        self.end_headers()
        body = state.content[start:]
        if state.breaks:
            state.breaks -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Silent."""


class Listening(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, state: Server) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state = state


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = Server()
    with Listening(state) as listening:
        state.url = f"http://127.0.0.1:{listening.server_address[1]}/resnet50-abc.pth"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


def card(url: str, sha256: str = DIGEST) -> Card:
    return Card("resnet50.test", "resnet50", source=Source("torchvision", url=url, sha256=sha256))


def test_whole_with_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(card(server.url), tmp_path, progress=lambda there, total: seen.append((there, total)))
    assert path == tmp_path / "resnet50.test.pth"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(p.name for p in tmp_path.iterdir()) == [".resnet50.test.pth.lock", "resnet50.test.pth"]


def test_a_second_time_asks_nobody(server: Server, tmp_path: Path) -> None:
    fetch(card(server.url), tmp_path)
    fetch(card(server.url), tmp_path)
    assert server.requests == [None]


def test_published_prefix_of_the_digest_is_enough(server: Server, tmp_path: Path) -> None:
    assert fetch(card(server.url, DIGEST[:8].upper()), tmp_path).exists()


def test_broken_off_goes_on_where_it_ended(server: Server, tmp_path: Path) -> None:
    server.breaks = 2
    assert fetch(card(server.url), tmp_path).read_bytes() == CONTENT
    half, quarter = len(CONTENT) // 2, len(CONTENT) // 4
    assert server.requests == [None, f"bytes={half}-", f"bytes={half + quarter}-"]


def test_a_later_process_goes_on(server: Server, tmp_path: Path) -> None:
    server.breaks = 5
    with pytest.raises(OfflineError, match=r"the connection broke off 5 times; the next try goes on where it ended"):
        fetch(card(server.url), tmp_path)
    there = (tmp_path / "resnet50.test.pth.part").stat().st_size
    assert fetch(card(server.url), tmp_path).read_bytes() == CONTENT
    assert server.requests[-1] == f"bytes={there}-"


def test_server_without_ranges_starts_anew(server: Server, tmp_path: Path) -> None:
    server.breaks, server.ranges = 1, False
    assert fetch(card(server.url), tmp_path).read_bytes() == CONTENT


def test_changed_file_starts_anew(server: Server, tmp_path: Path) -> None:
    server.breaks = 5
    with pytest.raises(OfflineError):
        fetch(card(server.url), tmp_path)
    server.content, server.etag = CONTENT[::-1], '"two"'
    digest = hashlib.sha256(server.content).hexdigest()
    assert fetch(card(server.url, digest), tmp_path).read_bytes() == server.content


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_continued(server: Server, tmp_path: Path, etag: str | None) -> None:
    server.etag, server.breaks = etag, 1
    assert fetch(card(server.url), tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, None]


def test_a_part_longer_than_the_file_starts_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "resnet50.test.pth.part").write_bytes(CONTENT * 2)
    (tmp_path / "resnet50.test.pth.part.json").write_text('{"validator": "\\"one\\""}')
    assert fetch(card(server.url), tmp_path).read_bytes() == CONTENT
    assert server.requests == [f"bytes={2 * len(CONTENT)}-", None]


def test_wrong_digest_is_deleted(server: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=rf"sha256 {DIGEST}; resnet50\.test was published with 00ff\. It was del"):
        fetch(card(server.url, "00ff"), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [".resnet50.test.pth.lock"]


def test_wrong_digest_of_a_file_put_there(tmp_path: Path) -> None:
    (tmp_path / "resnet50.test.pth").write_bytes(b"cut off")
    with pytest.raises(WeightsError, match=r"resnet50\.test\.pth has sha256 .* Delete it to download it again"):
        fetch(card("https://example.invalid/resnet50-abc.pth"), tmp_path)


def test_not_found(server: Server, tmp_path: Path) -> None:
    with pytest.raises(OfflineError, match=r"could not be downloaded: the server answered 404 Not Found\. Get http"):
        fetch(card(server.url.replace("abc", "gone")), tmp_path)


def test_offline_says_which_file_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/resnet50-abc.pth"
        where = re.escape(f"Get {url} on a machine that can, and put it here: {tmp_path / 'resnet50.test.pth'} ")
        with pytest.raises(OfflineError, match=where):
            fetch(card(url), tmp_path)


def test_by_hand_under_the_published_name(tmp_path: Path) -> None:
    (tmp_path / "resnet50-abc.pth").write_bytes(CONTENT)
    assert fetch(card("https://example.invalid/resnet50-abc.pth"), tmp_path) == tmp_path / "resnet50-abc.pth"


def test_by_hand_as_the_hub_lays_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUSX_WEIGHTS", str(tmp_path))
    hub = Card("resnet50.a1", "resnet50", source=Source("timm", repository="timm/resnet50.a1_in1k"))
    assert local_path(hub) == tmp_path / "resnet50.a1.safetensors"
    there = tmp_path / "timm" / "resnet50.a1_in1k" / "model.safetensors"
    there.parent.mkdir(parents=True)
    there.touch()
    assert fetch(hub) == there


def test_no_room_or_no_right(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"could not be written: Not a directory\. Free some space, or set PLUSX_W"):
        fetch(card(server.url), tmp_path / "file" / "below")


def test_full_disk_keeps_what_has_arrived(server: Server, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))
    try:
        with pytest.raises(StorageError, match=r"could not be written: File too large\. Free some space"):
            fetch(card(server.url), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    there = (tmp_path / "resnet50.test.pth.part").stat().st_size
    assert 0 < there <= 3_000_000
    assert fetch(card(server.url), tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, f"bytes={there}-"]


def _fetch(url: str, directory: Path) -> None:
    fetch(card(url), directory)


def test_several_processes_at_once(server: Server, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_fetch, args=(server.url, tmp_path)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (tmp_path / "resnet50.test.pth").read_bytes() == CONTENT
    assert server.requests == [None]


def test_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Source("timm", repository="timm/resnet50.a1_in1k")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert address(hub) == "https://huggingface.co/timm/resnet50.a1_in1k/resolve/main/model.safetensors"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert address(hub) == "https://mirror.example/timm/resnet50.a1_in1k/resolve/main/model.safetensors"
    with pytest.raises(InputError, match=r"have no web address \('file:///etc/passwd'\); give the path"):
        address(Source(url="file:///etc/passwd"))


def test_directories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PLUSX_WEIGHTS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights_directory() == tmp_path / "plusx" / "weights"
    monkeypatch.setenv("PLUSX_WEIGHTS", "~/mirror")
    assert weights_directory() == Path.home() / "mirror"
