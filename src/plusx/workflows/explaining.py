"""What the errors of a training say beside what went wrong: how to look into it, and how to go on."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plusx.core.errors import DataError, InputError, LostProcessError, NonFiniteLossError
from plusx.core.ranks import ALONE, Ranks
from plusx.engine import evidence
from plusx.nn.losses.early_learning import EarlyLearning
from plusx.workflows.fit_settings import FitSettings


@contextmanager
def explained(run: Path, ranks: Ranks = ALONE) -> Iterator[None]:
    """Around the training of `run`: its errors end with the commands that help."""
    if ranks.world > 1:
        yield  # another process may have to save, and cannot any more
        return
    path = shlex.quote(str(run))
    resume = f"plusx fit --resume {path}"
    try:
        yield
    except DataError as error:
        raise DataError(
            f"{error} All steps before are saved. Mend the file and go on with: {resume}; or leave such images out of "
            f"the training: {resume} --unreadable skip"
        ) from error
    except LostProcessError as error:
        raise LostProcessError(f"{error} All steps before are saved. Go on with: {resume} --workers 1") from error
    except NonFiniteLossError as error:
        look = f" Look into it: plusx replay {path}." if evidence.files(run / "checkpoints") else ""
        raise NonFiniteLossError(f"{error}{look} Go on without such steps: {resume} --non-finite skip") from error


def check_together(settings: FitSettings, world: int) -> None:
    """InputError for what `world` processes cannot do together, because each would decide for itself."""
    asked = {
        "--non-finite skip": settings.non_finite == "skip",
        "--unreadable skip": settings.unreadable == "skip",
        "--batch-size auto": settings.batch_size == "auto",
        "--rate auto": settings.rate == "auto",
        f"--losses {EarlyLearning.name}": settings.losses == (EarlyLearning.name,),
    }
    for option in asked:
        if world > 1 and asked[option]:
            raise InputError(f"{option} is for one process alone, and {world} train together here. Leave it away.")
    if settings.shard_model:
        _check_sharded(settings, world)


def _check_sharded(settings: FitSettings, world: int) -> None:
    if world == 1:
        raise InputError(
            "--shard-model divides the training over several processes, and there is one. Say how many with "
            "--nproc, or say --no-shard-model."
        )
    asked = {
        "--compile yes": settings.compile == "yes",
        "--channels-last yes": settings.channels_last == "yes",
        "--precision fp16": settings.precision == "fp16",
        "--device mps": settings.device == "mps",
        "--time-limit": settings.time_limit is not None,
    }
    for option in asked:
        if asked[option]:
            raise InputError(f"{option} does not go together with --shard-model. Leave one of them away.")
