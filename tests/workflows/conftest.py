from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def caches_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the caches of the user who runs it."""
    monkeypatch.setenv("PLUSX_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    fresh = Path(tmp_path_factory.mktemp("placements"))  # no test depends on what another has measured
    monkeypatch.setattr("plusx.workflows.kept_placement.cache_directory", lambda: fresh)
    monkeypatch.setenv("PLUSX_WEIGHTS", str(tmp_path_factory.getbasetemp() / "weights"))


@pytest.fixture
def cache(caches_of_its_own: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one for this test alone."""
    monkeypatch.setenv("PLUSX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
