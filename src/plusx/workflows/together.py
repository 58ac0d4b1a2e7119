"""`fit` in several processes: what the first of them settles for all, and that they see the same data."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from plusx.core.errors import DataError, InputError
from plusx.engine.membership import of_environment
from plusx.engine.team import Team
from plusx.workflows import launching
from plusx.workflows.contents import contents
from plusx.workflows.origin import origin_of
from plusx.workflows.preparation import Prepared
from plusx.workflows.run import Run
from plusx.workflows.settling import Job, settle
from plusx.workflows.values import Spell


def settle_together(team: Team, data: Any, validation_data: Any, settings: Mapping[str, Any], spell: Spell) -> Job:
    """`settle`, by the first for all: the others may not see the run directory. Data in memory stay where they are."""
    wanted = _again(settings, spell)

    def settled() -> Job:
        job = settle(data, validation_data, wanted, spell)
        return replace(
            job,
            data=None if data is not None else job.data,
            validation_data=None if validation_data is not None else job.validation_data,
        )

    job = team.decided(settled)
    return replace(
        job,
        data=job.data if data is None else data,
        validation_data=job.validation_data if validation_data is None else validation_data,
    )


def _again(settings: Mapping[str, Any], spell: Spell) -> Mapping[str, Any]:
    """Where the launcher has started all processes once more, or may do so: the run in `out` goes on."""
    membership, resume = of_environment(), settings.get("resume")
    if membership is None or resume is not None:
        return settings
    if membership.attempt:
        return {**{name: value for name, value in settings.items() if name != "overwrite"}, "resume": "auto"}
    if settings.get("out") is None and int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0:
        raise InputError(
            f"The launcher may start all processes again, and {spell('out')} is not given: a new run would begin each "
            f"time. Say which directory with {spell('out')}."
        )
    return settings


def check_same(team: Team, prepared: Prepared) -> None:
    """DataError where the processes do not see the same images, labels, splits and contents of files."""
    if not team.same((prepared.fingerprint, contents(prepared.digests))):
        raise DataError(
            "The processes that train together do not see the same data: images, labels, splits or the contents of "
            "files differ between machines. Copy the data to each of them, or take a disk that all share."
        )


def launch(job: Job, given: Mapping[str, Any]) -> Run:
    """In as many processes as the job asks for, on this machine."""
    origin = origin_of(job.data)
    if origin is None or job.validation_data is not None:
        raise InputError(
            f"{job.spell('nproc')} starts other processes, which read the data anew: it needs one path of a folder or "
            "table. For data in memory start the script itself with torchrun."
        )
    return launching.launch(origin, job.run.path, job.settings, given)
