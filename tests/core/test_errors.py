import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.core import errors
from plusx.core.errors import InputError, MissingExtraError, PlusxError, nearest, unknown

KNOWN = ("resnet18", "resnet34", "resnet50", "resnext50_32x4d", "wide_resnet50_2")


def test_every_error_is_one_that_the_command_line_knows() -> None:
    found = [thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, Exception)]
    assert len(found) > 8
    assert all(issubclass(thing, PlusxError) for thing in found)


@pytest.mark.parametrize(
    ("error", "family"),
    [
        (errors.InputError, ValueError),
        (errors.DataError, ValueError),
        (errors.WeightsError, ValueError),
        (errors.OfflineError, OSError),
        (errors.StorageError, OSError),
        (errors.MissingExtraError, ImportError),
        (errors.NonFiniteLossError, ArithmeticError),
    ],
)
def test_errors_belong_to_the_families_that_python_programs_catch(
    error: type[Exception], family: type[Exception]
) -> None:
    assert issubclass(error, family)


def test_a_missing_extra_names_the_command_that_installs_it() -> None:
    with pytest.raises(ImportError, match=r"Reading Keras files needs h5py, .* pip install 'plusx\[keras\]'"):
        raise MissingExtraError("h5py", "keras", "Reading Keras files")


def test_the_nearest_names_come_best_first() -> None:
    assert nearest("resnet5", KNOWN)[0] == "resnet50"
    assert nearest("RESNET50", KNOWN)[0] == "resnet50"
    assert nearest("x", (), 3) == []


def test_of_equally_near_names_those_that_begin_alike_come_first() -> None:
    assert nearest("net.a1", ["net.ra_in1k", "net.a1_in1k", "net.a3_in1k"])[0] == "net.a1_in1k"


def test_unknown_says_what_and_the_three_nearest_and_of_few_names_all() -> None:
    error = unknown("model", "resnet-50", KNOWN)
    assert isinstance(error, InputError)
    assert str(error) == (
        "Unknown model 'resnet-50'. Did you mean resnet50, resnet18, resnet34? "
        "There are also resnext50_32x4d, wide_resnet50_2."
    )
    assert str(unknown("model", "b", map(str, range(100)))).endswith("?")
    assert str(unknown("model", "a", ())) == "Unknown model 'a'."


@given(st.text(), st.lists(st.text(), unique=True, max_size=8))
def test_nearest_gives_known_names_without_repeats_for_any_text(name: str, known: list[str]) -> None:
    found = nearest(name, known)
    assert set(found) <= set(known)
    assert len(found) == len(set(found)) <= 3
    assert found or not known


def test_a_name_that_differs_only_in_case_is_the_nearest() -> None:
    assert nearest("Rose", ["tulip", "ROSE", "rise"])[0] == "ROSE"
