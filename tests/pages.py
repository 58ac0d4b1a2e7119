"""The pages of docs/: their fenced blocks, where those are quoted from, and what they print."""

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r"(?:^\[`(?P<file>[^`]+)`\]\((?:\.\./)+(?P=file)\):\n\n)?"
    r"(?P<network><!-- weights from the network -->\n)?"
    r"^```(?P<language>\w*)\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)```\n)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block. file: where it is quoted from; output: what the page prints below it."""

    language: str
    code: str
    file: str | None
    output: str | None
    network: bool


def text(page: str) -> str:
    """page: its path below docs/."""
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    found = [match.groupdict() for match in FENCE.finditer(text(page))]
    return [Block(f["language"], f["code"], f["file"], f["output"], f["network"] is not None) for f in found]


def quotes(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.file is not None]


def examples(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.language == "python" and block.file is None and not block.network]


def every_fence_is_seen(page: str) -> bool:
    fences = len(re.findall("^```", text(page), flags=re.MULTILINE))
    found = blocks(page)
    return fences == 2 * (len(found) + sum(block.output is not None for block in found))


def assert_quotes_are_in_their_files(page: str) -> None:
    for quote in quotes(page):
        source = (ROOT / str(quote.file)).read_text(encoding="utf-8")
        assert "\n" + quote.code in source, f"{page} quotes from {quote.file} what is no longer there:\n{quote.code}"


def assert_examples_print_what_is_below_them(page: str) -> None:
    """The examples of a page share one session."""
    session: dict[str, Any] = {}
    for block in examples(page):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(block.code, session)
        assert printed.getvalue() == (block.output or ""), block.code


def links(page: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", text(page))


def dead_links(page: str) -> list[str]:
    """Those that are no address and no file."""
    folder = (ROOT / "docs" / page).parent
    files = [link.split("#")[0] for link in links(page) if not link.startswith("https://")]
    return [file for file in files if file and not (folder / file).exists()]
