import pytest

from plusx.core.errors import InputError
from plusx.core.registry import Registry


def filled() -> Registry[int]:
    registry: Registry[int] = Registry("shape")
    for number, name in enumerate(["square", "circle", "triangle", "sphere"]):
        registry.register(name)(number)
    return registry


def test_an_empty_registry_has_nothing_to_suggest() -> None:
    empty: Registry[int] = Registry("shape")
    assert (len(empty), list(empty), empty.names()) == (0, [], [])
    with pytest.raises(InputError, match=r"^Unknown shape 'square'\.$"):
        empty["square"]


def test_entries_are_found_in_the_order_of_registration() -> None:
    assert list(filled()) == ["square", "circle", "triangle", "sphere"]
    assert (filled()["circle"], len(filled()), "circle" in filled(), 3 in filled()) == (1, 4, True, False)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(InputError, match=r"^Unknown shape 'sqare'. Did you mean square, sphere, circle\? There are "):
        filled()["sqare"]


def test_names_match_patterns_sorted() -> None:
    assert filled().names("*e") == ["circle", "sphere", "square", "triangle"]
    assert filled().names("s*") == ["sphere", "square"]
    assert filled().names("S*") == []


def test_a_name_cannot_be_taken_twice() -> None:
    with pytest.raises(AssertionError, match="shape 'circle' is registered twice"):
        filled().register("circle")(0)


def test_the_decorator_gives_back_what_it_entered() -> None:
    registry: Registry[type] = Registry("class")

    @registry.register("a")
    class A: ...

    assert registry["a"] is A
