"""Which maps of a backbone a detection head looks at."""

from collections import Counter
from collections.abc import Sequence

from plusx.core.errors import InputError
from plusx.core.stage import Stage


def at_strides(stages: Sequence[Stage], strides: Sequence[int], head: str) -> list[Stage]:
    """The last stage of each of `strides`; of one that stands twice the last two.

    InputError where there are fewer. `head`: for the message.
    """
    wanted = Counter(strides)
    found = {stride: [stage for stage in stages if stage.stride == stride][-count:] for stride, count in wanted.items()}
    if missing := [stride for stride, count in wanted.items() if len(found[stride]) < count]:
        raise InputError(
            f"{head} needs maps of strides {', '.join(map(str, strides))}; the backbone has none of "
            f"{', '.join(map(str, missing))}. Build it with output_stride=32 and without small_input"
        )
    return [stage for stride in wanted for stage in found[stride]]
