import logging
import sys
import warnings

import pytest

from plusx.cli.terminal import prepared_terminal

LOG = logging.getLogger("plusx")


def test_messages_of_plusx_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with prepared_terminal(debug=False):
        LOG.info("new head for %d classes", 3)
        LOG.warning("one class")
        LOG.debug("not shown")
    LOG.info("not shown")
    assert capsys.readouterr() == ("", "new head for 3 classes\nwarning: one class\n")


def test_details_are_shown_while_looking_for_faults(capsys: pytest.CaptureFixture[str]) -> None:
    with prepared_terminal(debug=True):
        LOG.debug("details")
    assert capsys.readouterr().err == "details\n"


def test_warnings_of_other_libraries_are_hidden_from_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", [])
    with prepared_terminal(debug=False):
        warnings.warn("deprecated in torch 3", stacklevel=1)
    with prepared_terminal(debug=True), pytest.warns(UserWarning, match="deprecated in torch 3"):
        warnings.warn("deprecated in torch 3", stacklevel=1)


def test_warnings_asked_for_on_the_python_command_line_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    with prepared_terminal(debug=False), pytest.raises(UserWarning, match="asked for"):
        warnings.warn("asked for", stacklevel=1)


def test_the_logger_is_left_as_it_was() -> None:
    before = (LOG.level, list(LOG.handlers))
    with prepared_terminal(debug=True):
        assert LOG.level == logging.DEBUG
    assert (LOG.level, LOG.handlers) == before
