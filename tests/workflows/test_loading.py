import pytest

from plusx.core.errors import InputError
from plusx.workflows import loading
from plusx.workflows.loading import loading_processes


def test_without_shared_locks_images_are_loaded_in_this_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loading, "hindrance", lambda: "no locks")
    assert loading_processes(0) == 0
    assert not caplog.messages
    assert loading_processes(None) == 0
    assert "loaded in this process, which is slower: no others can be started here (no locks)" in caplog.text
    with pytest.raises(InputError, match=r"can be started here \(no locks\)\. Say --workers 0\."):
        loading_processes(2)


def test_as_many_as_asked() -> None:
    assert loading_processes(3) == 3
    assert 0 <= loading_processes(None) <= 8
