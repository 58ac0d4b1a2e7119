"""The command line of one verb, made from its settings: the options, their help, and what the user wrote.

argparse splits the words and lays out the help. By itself it stops at the first thing it does not like; here unknown
options, missing values, values that do not fit and missing arguments are collected and named together.
"""

import argparse
import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, get_args, get_origin

from plusx.core.errors import InputError
from plusx.workflows.options import settings_from
from plusx.workflows.values import Seconds, hints_of, members_of, split_optional, unknown_setting

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_MISSING: Final = "\0"  # stands for a value that is not there; no word of a command line can hold a NUL
_WIDEST: Final = 110  # columns
_SHOWN: Final = {int: "N", float: "X", Seconds: "TIME", Path: "PATH", str: "TEXT", tuple: "TEXT"}


class UsageError(InputError):
    """The command line cannot be understood; its text names everything that is wrong with it."""


@dataclass(frozen=True)
class Positional:
    """An argument that has a place instead of a name. `many`: it takes all that are left."""

    name: str
    help: str
    required: bool = True
    many: bool = False

    def __str__(self) -> str:
        shown = self.name + ("..." if self.many else "")
        return shown if self.required else f"[{shown}]"


@dataclass(frozen=True)
class Grammar:
    """What one verb takes. The options are the fields of `settings`."""

    verb: str
    positionals: tuple[Positional, ...]
    settings: "type[DataclassInstance]"
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """What the user wrote: positional arguments in order, and those settings that were given, checked."""

    positionals: tuple[str, ...]
    settings: Mapping[str, Any]

    def at(self, place: int) -> str | None:
        """A positional argument, counted from 0, where it was given."""
        return self.positionals[place] if place < len(self.positionals) else None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.")


def spelled(name: str) -> str:
    """The option of a setting: `batch_size` → `--batch-size`."""
    return "--" + name.replace("_", "-")


def help_text(grammar: Grammar) -> str:
    """What `plusx VERB --help` prints."""
    words = " ".join(["plusx", grammar.verb, *map(str, grammar.positionals), "[--option value]..."])
    parser = _Parser(
        usage=words,
        description=grammar.settings.__doc__,
        epilog="examples:\n" + "\n".join(f"  plusx {grammar.verb} {example}" for example in grammar.examples),
        formatter_class=_layout,
        add_help=False,
    )
    arguments = parser.add_argument_group("arguments")
    for positional in grammar.positionals:
        arguments.add_argument(positional.name, help=positional.help)
    _add_options(parser, grammar, value=None)
    return parser.format_help().rstrip()


def parse(grammar: Grammar, arguments: Sequence[str]) -> Words | None:
    """None where help was asked for. Raises `UsageError` that names all that is wrong."""
    before, after = _split_at_double_dash(arguments)
    parser = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    _add_options(parser, grammar, value="?")  # a missing value is named together with all else
    known, rest = parser.parse_known_args(before)
    given = {name: value for name, value in vars(known).items() if name != "debug"}
    if given.pop("help", False):
        return None
    strangers = [word.partition("=")[0] for word in rest if word.startswith("-") and word != "-"]
    positionals = (*(word for word in rest if not word.startswith("-") or word == "-"), *after)
    values = {name: value for name, value in given.items() if not _is_missing(value)}
    problems = [_unknown_option(word, grammar) for word in dict.fromkeys(strangers)]
    problems += [_no_value(spelled(name)) for name in given if name not in values]
    problems += [] if strangers else _count(grammar, positionals)  # a stranger's value would look like an argument
    try:
        settings = vars(settings_from(grammar.settings, values, spelled))
    except InputError as error:
        settings = {}
        problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    return Words(positionals, {name: settings[name] for name in values})


def _layout(prog: str) -> argparse.HelpFormatter:
    """As wide as the terminal, but no wider than is good to read."""
    width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns - 2)
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30, width=width)


def _add_options(parser: argparse.ArgumentParser, grammar: Grammar, value: Literal["?"] | None) -> None:
    """`value`: whether options may stand without one."""
    hints, group = hints_of(grammar.settings), parser.add_argument_group("options")
    for field in dataclasses.fields(grammar.settings):
        if field.metadata["section"]:
            group = parser.add_argument_group(field.metadata["section"].lower())
        if hints[field.name] is bool:
            _add_switch(group, field)
        else:
            _add_option(group, field, hints[field.name], value)
    always = parser.add_argument_group("always")
    always.add_argument("-h", "--help", action="store_true", help="show this help")
    always.add_argument("--debug", action="store_true", help="show tracebacks and the warnings of other libraries")


def _add_option(group: Any, field: "dataclasses.Field[Any]", hint: Any, value: Literal["?"] | None) -> None:
    _, hint = split_optional(hint)
    shown = "|".join(map(_shown, members_of(hint)))
    several, explained = get_origin(hint) is tuple, _explained(field)
    if several:
        explained += "; may be repeated"
    elif field.default is not None:
        explained += f" (default: {field.default})"
    words = {"action": "append" if several else "store", "nargs": value, "const": _MISSING if value else None}
    group.add_argument(spelled(field.name), metavar=shown, help=explained, **words)


def _shown(hint: Any) -> str:
    """A value of this type, as help shows it."""
    return f"{{{','.join(get_args(hint))}}}" if get_origin(hint) is Literal else _SHOWN[get_origin(hint) or hint]


def _add_switch(group: Any, field: "dataclasses.Field[Any]") -> None:
    """`--name` and `--no-name`; the one that changes nothing is understood but not shown."""
    on, off, explained = spelled(field.name), spelled(f"no_{field.name}"), _explained(field)
    group.add_argument(on, action="store_true", dest=field.name, help=argparse.SUPPRESS if field.default else explained)
    without = f"do not {explained}" if field.default else argparse.SUPPRESS
    group.add_argument(off, action="store_false", dest=field.name, help=without)


def _explained(field: "dataclasses.Field[Any]") -> str:
    return field.metadata["help"].replace("%", "%%")


def _split_at_double_dash(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    words = list(arguments)
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def _is_missing(value: Any) -> bool:
    return value == _MISSING or (isinstance(value, list) and _MISSING in value)


def _unknown_option(word: str, grammar: Grammar) -> str:
    return unknown_setting(word, {spelled(name): None for name in hints_of(grammar.settings)})


def _no_value(option: str) -> str:
    return f"{option} needs a value. One that begins with - is written {option}=VALUE."


def _count(grammar: Grammar, words: Sequence[str]) -> list[str]:
    """Problems with the number of positional arguments."""
    missing = [p for p in grammar.positionals[len(words) :] if p.required]
    problems = [f"{positional.name} is missing: {positional.help}." for positional in missing]
    surplus = words[len(grammar.positionals) :]
    if surplus and not any(positional.many for positional in grammar.positionals):
        taken = " ".join(map(str, grammar.positionals))
        problems.append(
            f"Too many arguments: {' '.join(surplus)}. plusx {grammar.verb} takes {taken}; quote a path with spaces."
        )
    return problems
