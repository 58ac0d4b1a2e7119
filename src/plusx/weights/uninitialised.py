"""Networks whose weights are about to be replaced, built without drawing random numbers for them."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_DRAWS: Final = frozenset(
    {nn.init.kaiming_normal_, nn.init.kaiming_uniform_, nn.init.uniform_, nn.init.normal_}
    | {Tensor.uniform_, Tensor.normal_}
)
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class Uninitialised(TorchFunctionMode):
    """`with Uninitialised(): ...` leaves tensors as the memory was, where they would have been drawn at random.

    Most of the time of building a network goes into drawing weights. Every one of them has to be loaded afterwards.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _DRAWS:
            return args[0] if args else (kwargs or _NONE)["tensor"]
        return func(*args, **(kwargs or _NONE))
