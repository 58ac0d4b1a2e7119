from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from plusx.cli.parser import Grammar, Positional, UsageError, Words, help_text, parse, spelled
from plusx.workflows.options import option


@dataclass(frozen=True)
class ToySettings:
    """Paint a picture."""

    colour: Literal["red", "blue"] = option("red", "which colour", section="The paint")
    batch_size: int = option(1, "pictures at once, 100 % of them", least=1)
    rate: float | None = option(None, "how fast; none: at leisure", above=0)
    columns: tuple[str, ...] | None = option(None, "which columns")
    out: Path | None = option(None, "where to", section="The rest")
    dry: bool = option(False, "use no water")
    frame: bool = option(True, "put it into a frame")


PAINT = Grammar("paint", (Positional("PICTURE", "what to paint"),), ToySettings, ("rose.png --colour blue",))
MANY = Grammar("show", (Positional("ROOM", "where"), Positional("PICTURES", "which", many=True)), ToySettings)
FREE = Grammar("rest", (Positional("CHAIR", "on what", required=False),), ToySettings)


def words(grammar: Grammar, *arguments: str) -> Words:
    found = parse(grammar, arguments)
    assert found is not None
    return found


def problems(grammar: Grammar, *arguments: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        parse(grammar, arguments)
    return str(caught.value).splitlines()


def test_only_what_was_given_is_in_the_settings() -> None:
    assert words(PAINT, "rose.png") == Words(("rose.png",), {})
    assert words(PAINT, "rose.png", "--batch-size", "1").settings == {"batch_size": 1}


def test_values_have_the_types_of_the_fields() -> None:
    given = words(PAINT, "a", "--colour=blue", "--rate", "3e-4", "--out", "图/一", "--dry", "--no-frame").settings
    assert given == {"colour": "blue", "rate": 3e-4, "out": Path("图/一"), "dry": True, "frame": False}


def test_switches_can_be_said_both_ways_and_the_last_word_counts() -> None:
    assert words(PAINT, "a", "--no-dry", "--frame").settings == {"dry": False, "frame": True}
    assert words(PAINT, "a", "--dry", "--no-dry").settings == {"dry": False}
    assert words(PAINT, "a", "--batch-size", "2", "--batch-size", "3").settings == {"batch_size": 3}


def test_none_is_a_word_where_none_is_allowed() -> None:
    assert words(PAINT, "a", "--rate", "none").settings == {"rate": None}
    assert problems(PAINT, "a", "--batch-size", "none") == ["--batch-size: found 'none', expected a whole number."]


def test_an_option_for_several_values_is_repeated() -> None:
    assert words(PAINT, "a", "--columns", "高", "--columns", "b,c").settings == {"columns": ("高", "b,c")}


def test_positionals_may_stand_between_options() -> None:
    found = words(MANY, "--dry", "hall", "--colour", "blue", "a.png", "--no-frame", "b.png", "照片.png")
    assert found.positionals == ("hall", "a.png", "b.png", "照片.png")
    assert (found.at(0), found.at(3), found.at(4)) == ("hall", "照片.png", None)


def test_after_two_dashes_nothing_is_an_option() -> None:
    assert words(MANY, "hall", "--dry", "--", "--frame", "-5.png", "--").positionals == (
        "hall",
        "--frame",
        "-5.png",
        "--",
    )


def test_a_single_dash_is_an_argument_and_a_negative_number_a_value() -> None:
    assert words(PAINT, "-").positionals == ("-",)
    assert problems(PAINT, "a", "--rate", "-1") == ["--rate: found '-1', expected more than 0."]
    assert words(PAINT, "a", "--columns=-x").settings == {"columns": ("-x",)}


def test_everything_wrong_is_named_at_once() -> None:
    assert problems(PAINT, "a", "--color", "red", "--batch-size", "many", "--colour", "green", "--rate", "--dyr") == [
        "Unknown option '--color'. Did you mean --colour, --columns, --out?",
        "Unknown option '--dyr'. Did you mean --dry, --rate, --frame?",
        "--rate needs a value. One that begins with - is written --rate=VALUE.",
        "--batch-size: found 'many', expected a whole number.",
        "--colour: found 'green', expected one of red, blue.",
    ]


def test_the_beginning_of_an_option_is_not_the_option() -> None:
    assert problems(PAINT, "a", "--batch", "3") == [
        "Unknown option '--batch'. Did you mean --batch-size, --rate, --out?"
    ]


def test_an_unknown_option_is_named_once_and_without_its_value() -> None:
    assert len(problems(PAINT, "a", "--colr=blue", "--colr=red")) == 1
    assert problems(PAINT, "a", "-x")[0].startswith("Unknown option '-x'. Did you mean --")


def test_missing_and_surplus_arguments_are_named() -> None:
    assert problems(MANY) == ["ROOM is missing: where.", "PICTURES is missing: which."]
    assert problems(PAINT, "my", "photo.png") == [
        "Too many arguments: photo.png. plusx paint takes PICTURE; quote a path with spaces."
    ]
    assert words(FREE).positionals == ()


def test_a_switch_takes_no_value() -> None:
    assert problems(PAINT, "a", "--dry=yes") == ["Argument --dry: ignored explicit argument 'yes'."]


@pytest.mark.parametrize("ask", ["-h", "--help"])
def test_help_is_given_whatever_else_is_wrong(ask: str) -> None:
    assert parse(PAINT, [ask]) is None
    assert parse(PAINT, ["--batch-size", "many", ask, "--unknown"]) is None


def test_help_shows_every_field_with_its_choices_and_default() -> None:
    text = help_text(PAINT)
    assert text.startswith("usage: plusx paint PICTURE [--option value]...\n\nPaint a picture.\n")
    for line in (
        "  PICTURE              what to paint",
        "the paint:",
        "  --colour {red,blue}  which colour (default: red)",
        "  --batch-size N       pictures at once, 100 % of them (default: 1)",
        "  --rate X             how fast; none: at leisure",
        "  --columns TEXT       which columns; may be repeated",
        "the rest:",
        "  --out PATH           where to",
        "  --dry                use no water",
        "  --no-frame           do not put it into a frame",
        "  plusx paint rose.png --colour blue",
    ):
        assert line in text.splitlines()
    assert "--no-dry" not in text


def test_usage_shows_which_arguments_may_be_left_out_or_repeated() -> None:
    assert "usage: plusx show ROOM PICTURES... [--option" in help_text(MANY)
    assert "usage: plusx rest [CHAIR] [--option" in help_text(FREE)


def test_options_are_spelled_with_dashes() -> None:
    assert spelled("batch_size") == "--batch-size"
