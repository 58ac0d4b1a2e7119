import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from plusx.cli import main as module
from plusx.cli.main import main
from plusx.cli.parser import Words
from plusx.cli.verbs import VERBS
from plusx.core.errors import DataError, InterruptedRunError


def failing(monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    """`plusx models` fails in this way."""

    def run(words: Words) -> int:
        raise failure

    monkeypatch.setattr(module, "VERBS", MappingProxyType({**VERBS, "models": replace(VERBS["models"], run=run)}))


def test_without_a_verb_the_overview_is_shown_and_nothing_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr()
    assert "usage: plusx VERB" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_the_overview_names_every_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {verb} " in shown for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: plusx {verb} ")
    assert f"\nexamples:\n  plusx {verb} " in shown
    assert main(["help", verb]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"]])
def test_the_version_is_that_of_the_package(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert main(words) == 0
    assert capsys.readouterr().out == f"plusx {version('plusx')}\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["train", "--help"], "Unknown verb 'train'. Did you mean fit?\nSee plusx --help.\n"),
        (["fti"], "Unknown verb 'fti'. Did you mean fit, find-rate, tune?\nSee plusx --help.\n"),
        (["help", "modles"], "Unknown verb 'modles'. Did you mean models, labels, compare?\nSee plusx --help.\n"),
        (["--epochs", "3"], "Unknown option '--epochs'. The verb comes first: plusx VERB --epochs ...\n"),
        (["fit", "x", "--epoch", "3"], "Unknown option '--epoch'. Did you mean --epochs, "),
        (["fit", "x", "--task", "find"], "--task: found 'find', expected one of auto, classify, multilabel, "),
        (
            ["fit", "x", "--epochs", "ten", "--rate", "0"],
            "--epochs: found 'ten', expected a whole number or none.\n--r",
        ),
        (["fit", "my", "photos"], "Too many arguments: photos. plusx fit takes [DATA]; quote a path with spaces.\n"),
        (["predict"], "RUN is missing: directory that `plusx fit` wrote, or a model file.\nIMAGES is missing: "),
        (["models", "--json=yes"], "Argument --json: ignored explicit argument 'yes'.\nSee plusx models --help.\n"),
    ],
)
def test_a_command_line_that_cannot_be_understood(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(text)
    assert shown.err.endswith("--help.\n")
    assert shown.out == ""


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["models", "resnet51"],
            "plusx models: Unknown model 'resnet51'. Did you mean resnet50, resnet56, resnet18?\n",
        ),
        (["models", "vit*"], "plusx models: No architecture matches 'vit*'. `plusx models` lists all of them.\n"),
        (["weights", "resnet50.a1"], "plusx weights: Unknown weights 'resnet50.a1'. Did you mean resnet50."),
        (
            ["weights", "没有/model.pth"],
            "plusx weights: 没有/model.pth does not exist. Give a file, a run directory or ",
        ),
        (["check", "没有的文件夹"], "plusx check: 没有的文件夹 does not exist"),
    ],
)
def test_names_and_paths_that_lead_nowhere(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith(text)
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_an_error_for_users_has_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, DataError("图片 is broken"))
    assert main(["models"]) == 1
    assert capsys.readouterr().err == "plusx models: 图片 is broken\n"


@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_traceback_is_shown_when_asked_for(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, DataError("broken"))
    if how == "variable":
        monkeypatch.setenv("PLUSX_DEBUG", "1")
    assert main(["models", *(["--debug"] if how == "option" else [])]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last):\n")
    assert shown.endswith("\nplusx models: broken\n")


def test_a_fault_of_plusx_shows_its_traceback_once_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, ZeroDivisionError("oh"))
    for words in (["models"], ["models", "--debug"]):
        assert main(words) == 70
        shown = capsys.readouterr().err
        assert shown.count("ZeroDivisionError: oh") == 1
        assert shown.endswith(
            "this is a fault of plusx, not of what you gave it. Please report it with the lines above.\n"
        )


def test_ctrl_c_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_a_run_that_was_stopped_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(monkeypatch, InterruptedRunError("Go on with: plusx fit --resume runs/a"))
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "Go on with: plusx fit --resume runs/a\n"


def shell(*words: str, **variables: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", "import sys; from plusx.cli.main import main; sys.exit(main())", *words]
    environment = {**os.environ, **variables}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def test_the_package_can_be_run() -> None:
    done = subprocess.run([sys.executable, "-m", "plusx", "fit", "--epochs"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("--epochs needs a value.")
    done = subprocess.run([sys.executable, "-m", "plusx", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[0]) == (0, "plusx")


def test_a_reader_that_goes_away_is_no_error() -> None:
    with shell("models", "resnet50", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0", "LC_ALL": "C"}]
)
def test_letters_that_the_terminal_lacks_do_not_stop_it(variables: dict[str, str]) -> None:
    with shell("models", "resnet18", **variables) as process:
        shown, complaints = process.communicate()
    assert (process.returncode, complaints) == (0, b"")
    assert b"3\xc3\x973" in shown or b"3\\xd73" in shown


def test_a_chinese_path_in_a_message_on_an_ascii_terminal() -> None:
    with shell("weights", "没有/一.pth", PYTHONIOENCODING="ascii") as process:
        _, complaints = process.communicate()
    assert process.returncode == 1
    assert complaints.startswith(rb"plusx weights: \u6ca1\u6709/\u4e00.pth does not exist.")


@pytest.fixture
def loaded() -> Callable[..., set[str]]:
    """Which of the slow libraries a command line loads."""

    def of(*words: str) -> set[str]:
        code = (
            "import sys; from plusx.cli.main import main; main(sys.argv[1:]);"
            "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        return set(done.stderr.split()) & {"torch", "torchvision", "numpy", "rich", "PIL", "onnxruntime", "pandas"}

    return of


def test_help_loads_nothing_slow(loaded: Callable[..., set[str]]) -> None:
    assert loaded("--help") == set()
    assert loaded("fit", "--help") == set()
    assert loaded("models", "--help") == set()


def test_models_and_weights_need_no_tensors(loaded: Callable[..., set[str]]) -> None:
    assert loaded("models", "resnet50") == set()
    assert loaded("models", "--sort", "top-1") == set()
    assert loaded("weights", "resnet50.a1_in1k") <= {"rich"}
