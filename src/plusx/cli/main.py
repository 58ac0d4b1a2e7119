"""`plusx`: finds the verb, calls it, and turns every failure into one clear message and an exit code.

0: all went well. 1: a failure that the user can mend. 2: the command line cannot be understood. 70: a fault of plusx,
shown with its traceback. 75: a scheduler stopped a run (SIGTERM, SIGUSR1), which is saved; run it again (EX_TEMPFAIL of
sysexits.h). 130: stopped with Ctrl-C. 141: the reader of a pipe has gone.
"""

import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from plusx.cli.failures import message_of
from plusx.cli.parser import UsageError, help_text, parse
from plusx.cli.terminal import prepared_terminal
from plusx.cli.verbs import VERBS, Verb
from plusx.core.errors import InterruptedRunError, SaidError, nearest
from plusx.workflows.clock import CALLED

USAGE: Final = 2
FAULT: Final = 70
REQUEUE: Final = 75
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line (default: the process's own) and returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = _take(words, "--debug") or os.environ.get("PLUSX_DEBUG", "0") not in ("", "0")
    with prepared_terminal(debug):
        try:
            code = _run(words)
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            _discard_output()
            return BROKEN_PIPE
        except (Exception, KeyboardInterrupt) as error:
            return _fail(error, words, debug)


def _run(words: Sequence[str]) -> int:
    match list(words):
        case []:
            print(overview(), file=sys.stderr)
            return USAGE
        case ["-h" | "--help" | "help"]:
            print(overview())
            return 0
        case ["-V" | "--version" | "version", *_]:
            print(f"plusx {_version()}")
            return 0
        case ["help", name, *_]:
            print(help_text(_verb(name).grammar))
            return 0
        case _:
            return _call(_verb(words[0]), words[1:])


def _call(verb: Verb, arguments: Sequence[str]) -> int:
    words = parse(verb.grammar, arguments)
    if words is None:
        print(help_text(verb.grammar))
        return 0
    called = CALLED.set(time.monotonic())
    try:
        return verb.run(words)
    finally:
        CALLED.reset(called)


def overview() -> str:
    """What `plusx --help` prints."""
    width = max(map(len, VERBS))
    lines = [f"  {name:{width}}  {verb.grammar.settings.__doc__}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "usage: plusx VERB ...",
            "",
            "y = H(x) + x: residual networks on your own images.",
            "",
            "verbs:",
            *lines,
            "",
            "always:",
            "  plusx VERB --help  what the verb takes",
            "  plusx --version    which version this is",
            "  --debug            (or PLUSX_DEBUG=1) show tracebacks and the warnings of other libraries",
        ]
    )


ELSEWHERE: Final = {
    "train": "fit",
    "finetune": "fit",
    "fine-tune": "fit",
    "val": "evaluate",
    "validate": "evaluate",
    "test": "evaluate",
    "infer": "predict",
    "audit": "check",
    "search": "tune",
}
"""What other tools call a verb."""


def _verb(name: str) -> Verb:
    if name in VERBS:
        return VERBS[name]
    if name.startswith("-"):
        raise UsageError(f"Unknown option {name!r}. The verb comes first: plusx VERB {name} ...")
    meant = [ELSEWHERE[name]] if name in ELSEWHERE else nearest(name, VERBS)
    raise UsageError(f"Unknown verb {name!r}. Did you mean {', '.join(meant)}?")


def _fail(error: BaseException, words: Sequence[str], debug: bool) -> int:
    """Says what went wrong and returns the exit code for it."""
    if debug:
        sys.excepthook(type(error), error, error.__traceback__)
    verb = f"plusx {words[0]}" if words and words[0] in VERBS else "plusx"
    code, text = _verdict(error, verb)
    if code == FAULT and not debug:
        sys.excepthook(type(error), error, error.__traceback__)
    if text:
        print(text, file=sys.stderr)
    return code


def _verdict(error: BaseException, verb: str) -> tuple[int, str]:
    """The exit code and what is said."""
    match error:
        case SaidError():
            return 1, ""
        case UsageError():
            return USAGE, f"{error}\nSee {verb} --help."
        case InterruptedRunError(terminated=terminated):
            return REQUEUE if terminated else INTERRUPTED, str(error)
        case KeyboardInterrupt():
            by_scheduler = str(error)  # the signal's name; of Ctrl-C nothing
            return (REQUEUE, f"Stopped by {by_scheduler}.") if by_scheduler else (INTERRUPTED, "Stopped.")
    message = message_of(error)
    if message is not None:
        return 1, f"{verb}: {message}"
    return FAULT, f"{verb}: this is a fault of plusx, not of what you gave it. Please report it with the lines above."


def _take(words: list[str], option: str) -> bool:
    """Removes `option` where it stands before any `--`; whether it was there."""
    end = words.index("--") if "--" in words else len(words)
    found = option in words[:end]
    words[:end] = [word for word in words[:end] if word != option]
    return found


def _version() -> str:
    from importlib.metadata import version

    return version("plusx")


def _discard_output() -> None:
    """Nobody reads any more; without this, Python would complain once more when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
