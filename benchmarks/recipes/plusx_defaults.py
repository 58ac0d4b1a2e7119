"""plusx with the defaults of `plusx fit`, or one recipe in their place."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import plusx
from recipes.job import Job, Predict, main
from recipes.sets import table


def train(job: Job, epochs: int, **words: Any) -> Predict:
    """All that the verb does but the export: audit, split, evaluation, report. `words`: more of its settings."""
    file = job.work / "train.csv"
    table(job.contest, file)
    words |= {} if job.weights is None else {"weights": str(job.weights)}
    separator = {"separator": ";"} if job.contest.kind == "multilabel" else {}
    words |= {} if job.recipe is None else {"recipe": job.recipe}
    run = plusx.fit(
        file,
        task=job.contest.kind,
        epochs=epochs,
        seed=job.seed,
        out=job.work / "run",
        export=False,
        **words,
        **separator,
    )
    model = plusx.load(run.path)

    def predict(images: Sequence[Path]) -> NDArray[np.float64]:
        found = model.predict([str(path) for path in images])
        if job.contest.kind == "regress":
            return np.array([list(one.values.values()) for one in found])
        return np.array([[one.probabilities[name] for name in job.contest.classes] for one in found])

    return predict


if __name__ == "__main__":
    main(train)
