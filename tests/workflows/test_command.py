from pathlib import Path

from plusx.workflows.command import command_of
from plusx.workflows.fit_settings import FitSettings


def test_only_what_is_no_default_is_written_and_quoted() -> None:
    settings = FitSettings(
        model="resnet50", label_column=("a", "b c"), flip=False, strict=True, separator="-", resume=Path("runs/x")
    )
    assert command_of(Path("/my data"), settings) == (
        "plusx fit '/my data' --label-column a --label-column 'b c' --separator=- --strict --model resnet50 --no-flip"
    )


def test_data_in_memory_give_a_line_of_python() -> None:
    settings = FitSettings(epochs=2, out=Path("runs/x"))
    assert command_of(None, settings) == "plusx.fit(data, epochs=2, out='runs/x')"
