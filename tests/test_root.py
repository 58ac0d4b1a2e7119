import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import plusx

PUBLIC = (
    *(
        "find_rate",
        "soup",
        "fit",
        "evaluate",
        "predict",
        "draw",
        "check",
        "compare",
        "convert",
        "shard",
        "models",
        "describe_weights",
        "replay",
    ),
    *("export", "tune", "labels", "load", "list_models", "create_backbone", "create_model"),
)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_a_documented_function(name: str) -> None:
    found = getattr(plusx, name)
    assert inspect.isfunction(found)
    assert found.__name__ == name
    assert found.__doc__


def test_dir_lists_what_there_is() -> None:
    assert dir(plusx) == sorted([*PUBLIC, "PlusxError", "__version__"])


def test_the_error_to_catch_is_at_hand() -> None:
    with pytest.raises(plusx.PlusxError, match="nowhere does not exist"):
        plusx.check("nowhere")


def test_what_type_checkers_see_is_what_there_is() -> None:
    tree = ast.parse(Path(plusx.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("plusx.")
        for alias in node.names
    }
    assert seen == plusx._HOMES


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert plusx.__version__ == version("plusx")


def test_a_name_there_is_not_gets_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"module 'plusx' has no attribute 'fti'\. Did you mean fit, "):
        plusx.fti  # noqa: B018  # pyrefly: ignore - that this is refused is what is tested


def test_the_settings_of_a_verb_stand_in_its_signature() -> None:
    parameters = inspect.signature(plusx.fit).parameters
    assert parameters["epochs"].kind is inspect.Parameter.KEYWORD_ONLY
    assert "    batch_size=None: images per step" in (plusx.fit.__doc__ or "")


def test_importing_plusx_loads_none_of_its_parts_and_no_other_library() -> None:
    code = "import sys; before = set(sys.modules); import plusx; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    assert loaded == {"plusx"}
    assert "plusx.core" not in done.stdout.split()
    assert "dataclasses" not in done.stdout.split()
