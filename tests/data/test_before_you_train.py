import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("before-you-train.md", "before-you-train.zh-CN.md")


def told(page: str) -> list[str]:
    """The codes in the table of a page, in order."""
    rows = re.findall(r"^\| (`.+?`) \|", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([a-z-]+)`", row)]


def test_both_pages_tell_the_same_codes_once() -> None:
    english, chinese = map(told, PAGES)
    assert english == chinese
    assert len(english) == len(set(english)) > 40


def test_every_code_exists_and_every_code_is_told() -> None:
    files = sorted((ROOT / "src" / "plusx" / "data").rglob("*.py"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    for code in told(PAGES[0]):
        assert f'"{code}"' in text
    raised = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)", (?:severity|"(?:error|warning|note)")', text)) - {
        "skip"
    }  # a value of an option
    assert raised <= set(told(PAGES[0]))
