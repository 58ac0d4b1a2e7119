import sys
from dataclasses import fields

import pytest

from plusx.core.errors import InputError
from plusx.workflows import loading
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.loading import loading_processes
from plusx.workflows.settings import EvaluateSettings


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


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_processes_begin_with_the_users_script_there_are_none_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setattr(loading.os, "cpu_count", lambda: 16)
    monkeypatch.setattr(sys, "platform", platform)
    assert (loading_processes(None), loading_processes(0), loading_processes(4)) == (0, 0, 4)
    monkeypatch.setattr(sys, "platform", "linux")
    assert loading_processes(None) == 8


@pytest.mark.parametrize("settings", [FitSettings, EvaluateSettings])
def test_the_help_says_so(settings: type[FitSettings]) -> None:
    (field,) = (field for field in fields(settings) if field.name == "workers")
    assert "0 on macOS and Windows" in field.metadata["help"]
    assert 'if __name__ == "__main__"' in field.metadata["help"]
