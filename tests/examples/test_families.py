"""The pages of the families tell the truth: quoted code is in its file, examples print what is below them."""

import re
from pathlib import Path

import pytest

from pages import (
    ROOT,
    assert_examples_print_what_is_below_them,
    assert_quotes_are_in_their_files,
    blocks,
    dead_links,
    every_fence_is_seen,
    links,
    quotes,
    text,
)
from plusx.backbones.catalogue import architecture, architectures, cards

FOLDER = ROOT / "docs/families"
ENGLISH = sorted(f"families/{path.name}" for path in FOLDER.glob("*.md") if ".zh-CN" not in path.name)
PAGES = [page for page in ENGLISH if not page.endswith("README.md")]
NAME = re.compile(r"`([a-z]+[a-z0-9_]*\d[a-z0-9_.]*|mobilenet_v3_[a-z]+|xception)`")


def chinese(page: str) -> str:
    return page.removesuffix(".md") + ".zh-CN.md"


BOTH = [version for page in ENGLISH for version in (page, chinese(page))]


def test_every_page_is_in_the_index_of_its_language() -> None:
    assert len(PAGES) >= 8
    for page in PAGES:
        assert Path(page).name in links("families/README.md")
        assert Path(chinese(page)).name in links("families/README.zh-CN.md")


def test_every_paper_has_a_page() -> None:
    pages = "".join(text(page) for page in ENGLISH) + text("walkthrough.md")
    for name in architectures():
        number = architecture(name).paper.rpartition(" ")[2]
        assert number in pages, f"{name}: no page names arXiv {number}"


@pytest.mark.parametrize("page", BOTH)
def test_quoted_code_is_in_its_file(page: str) -> None:
    assert every_fence_is_seen(page)
    assert_quotes_are_in_their_files(page)
    assert page.endswith(("README.md", "README.zh-CN.md")) or quotes(page)


@pytest.mark.parametrize("page", ENGLISH)
def test_both_languages_show_the_same(page: str) -> None:
    assert blocks(page) == blocks(chinese(page))
    names = [sorted(set(NAME.findall(text(version)))) for version in (page, chinese(page))]
    assert names[0] == names[1]
    headings = [len(re.findall("^#+ ", text(version), flags=re.MULTILINE)) for version in (page, chinese(page))]
    assert headings[0] == headings[1]
    turned = [link.replace(".zh-CN", "") for link in links(chinese(page))]
    assert sorted(set(turned) - {Path(page).name}) == sorted(
        {link.replace(".zh-CN", "") for link in links(page)} - {Path(page).name}
    )


@pytest.mark.parametrize("page", BOTH)
def test_links_lead_somewhere(page: str) -> None:
    assert dead_links(page) == []


@pytest.mark.parametrize("page", BOTH)
def test_named_networks_and_weights_exist(page: str) -> None:
    known = {*architectures(), *cards()}
    named = [name for name in NAME.findall(text(page)) if "." in name or not name.startswith(("v1_", "v2_"))]
    assert [name for name in named if name not in known and Path(name).suffix != ".py"] == []


@pytest.mark.parametrize("page", ENGLISH)
def test_examples_print_what_is_below_them(page: str) -> None:
    assert_examples_print_what_is_below_them(page)
