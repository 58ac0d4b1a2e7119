from dataclasses import replace

import numpy as np

from plusx.core.sample import Sample
from plusx.core.targets import Label
from plusx.workflows.crossing import fold_digest
from plusx.workflows.fit_settings import FitSettings


def test_answers_are_known_by_settings_and_images() -> None:
    samples = [Sample(np.zeros((2, 2, 3), np.uint8), Label(i % 2), f"{i}.png") for i in range(6)]
    settings = FitSettings(epochs=3)
    known = fold_digest(settings, samples, [0, 1])
    assert known == fold_digest(replace(settings, workers=2), samples, [0, 1])
    others = {
        fold_digest(replace(settings, epochs=1), samples, [0, 1]),
        fold_digest(settings, samples, [0, 2]),
        fold_digest(settings, samples[:5], [0, 1]),
    }
    assert len(others - {known}) == 3
