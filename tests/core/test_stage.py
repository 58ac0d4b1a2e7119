import dataclasses

import pytest

from plusx.core.stage import Stage


def test_a_stage_is_a_fact_that_cannot_be_changed() -> None:
    stage = Stage("conv2", 64, 4)
    assert stage == Stage("conv2", 64, 4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        stage.stride = 8  # pyrefly: ignore - that this is refused is what is tested
