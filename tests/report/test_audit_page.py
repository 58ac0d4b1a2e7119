import io
from pathlib import Path
from typing import Any

from PIL import Image

from plusx.core.finding import Finding
from plusx.report.audit_page import MOST_LINES, MOST_PICTURES, AuditFacts, render, write_audit
from plusx.report.facts import Snippet


def jpeg(size: int = 40) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((size, size), 90).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def finding(code: str, number: int = 0, **told: Any) -> dict[str, Any]:
    made = Finding(
        code, told.pop("severity", "warning"), f"{code} of 图{number}.png", "Mend it.", f"图{number}.png", **told
    )
    return made.to_json() | {"command": made.command}


def test_every_kind_is_told_with_reason_advice_pictures_and_command(tmp_path: Path) -> None:
    found = [finding("leak", severity="error"), finding("groups-names", options=("--group-pattern", "(.+)<_"))]
    steps = [Snippet("leave out", "plusx check DATA --fix-list fix.csv")]
    facts = AuditFacts("花", 7, ["folders, 2 classes"], found, {"图0.png": jpeg()}, steps)
    write_audit(tmp_path / "out.html", facts)
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    for words in ("花", "leak of 图0.png", "Mend it.", "1 error", "1 warning", "plusx check DATA --fix-list fix.csv"):
        assert words in page
    assert "plusx fit DATA --group-pattern &#39;(.+)&lt;_&#39;" in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert "http" not in page.replace("http-equiv", "")


def test_nothing_found_is_said() -> None:
    assert "nothing was found that needs attention" in render(AuditFacts("花", 7))


def test_the_page_is_bounded() -> None:
    found = [finding("tiny", number) for number in range(1000)]
    found += [finding(f"code{number}", number) for number in range(60)]
    large = jpeg(500)
    page = render(AuditFacts("many", 1000, findings=found, pictures={f"图{n}.png": large for n in range(1000)}))
    assert page.count("tiny of ") == MOST_LINES
    assert f"The first {MOST_LINES} of 1000" in page
    assert MOST_PICTURES <= page.count("data:image") < 60
    assert len(page) < 3_000_000
