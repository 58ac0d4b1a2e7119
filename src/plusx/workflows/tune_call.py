"""One call of `tune`, settled: where, on what, with which settings, from the beginning, going on, or helping."""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from plusx.core.errors import InputError, StorageError
from plusx.workflows.directory import RunDirectory, write_json
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.options import settings_from
from plusx.workflows.origin import lasting_origin_of, refuse_inside
from plusx.workflows.preparation import Prepared
from plusx.workflows.search_space import candidates
from plusx.workflows.settling import Job, absolute, run_name
from plusx.workflows.starting import check_start
from plusx.workflows.tune_settings import BUDGET, TuneSettings

SAVED = "tune.json"


@dataclass(frozen=True)
class Call:
    """given: the settings that the user wrote, now or when the search began. saved: tune.json of one that goes on."""

    options: TuneSettings
    given: frozenset[str]
    directory: Path
    job: Job
    saved: dict[str, Any] | None


def settled(data: Any, validation_data: Any, settings: dict[str, Any]) -> Call:
    """For a search that goes on as it was begun, but for the budget."""
    options = settings_from(TuneSettings, settings)
    directory = options.resume or options.out
    if directory is None:
        if data is None:
            raise InputError("No data was given. Name a folder, a table, or a search to go on with: plusx tune DATA")
        directory = Path("runs") / run_name(data, "tune")
    saved = saved_search(directory, asked=options.resume is not None)
    if saved is not None:
        settings = merged(saved["settings"], settings, directory)
        data = saved["data"] if data is None else data
        validation_data = saved["validation_data"] if validation_data is None else validation_data
    if options.nproc > 1 or options.shard_model:
        word = "--nproc" if options.nproc > 1 else "--shard-model"
        raise InputError(
            f"{word} is not for a search, whose trials run in one process: start it several times instead."
        )
    if options.rate == "auto":
        raise InputError("--rate auto is for one run; a search tries rates by itself. Leave it away, or give a number.")
    if data is None:
        raise InputError(f"{directory} searched on data in memory; give the same data again to go on with it")
    for source in (data, validation_data):
        refuse_inside(source, directory, "Give another place with --out.")
    options = settings_from(TuneSettings, settings)
    base = fit_settings(options)
    for model in candidates(options, frozenset(settings)):
        check_start(replace(base, model=model))
    job = Job(data, validation_data, base, RunDirectory(directory))
    return Call(options, frozenset(settings), directory, job, saved)


def fit_settings(options: TuneSettings) -> FitSettings:
    """What all trials have in common."""
    base = {field.name: getattr(options, field.name) for field in fields(FitSettings)}
    return absolute(FitSettings(**base | {"time_limit": None, "out": None, "resume": None, "overwrite": False}))


def saved_search(directory: Path, *, asked: bool) -> dict[str, Any] | None:
    """What stands in tune.json; InputError where a search was asked for and there is none, or something else is."""
    file = directory / SAVED
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8"))
    if asked:
        raise InputError(f"{directory} is no search: it has no {SAVED}. Give the directory that `plusx tune` wrote.")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{directory} exists and holds no search of plusx tune. Give another --out.")
    return None


def merged(before: dict[str, Any], now: dict[str, Any], directory: Path) -> dict[str, Any]:
    """The settings of a search that goes on; InputError for those that differ from when it began."""
    plain = json.loads(json.dumps(written(now), default=str))
    changed = [
        f"{name}: {before.get(name)} → {plain[name]}" for name in sorted(plain) if plain[name] != before.get(name)
    ]
    if changed:
        raise InputError(
            f"{directory} holds a search with other settings ({'; '.join(changed)}). Leave them away to go on with it, "
            "or give another --out."
        )
    return {**before, **now}


def written(given: dict[str, Any]) -> dict[str, Any]:
    """Those that make a search what it is, as they are after reading: 90 for 1.5m, whole paths."""
    options = absolute(settings_from(TuneSettings, given))
    return {name: getattr(options, name) for name in given if name not in BUDGET}


def write_down(call: Call, prepared: Prepared, epochs: int) -> None:
    """tune.json of a new search; InputError where the data are not those that it began with."""
    if call.saved is not None:
        if call.saved["fingerprint"] != prepared.fingerprint:
            raise InputError(f"The data is not that which {call.directory} was begun with. Give another --out.")
        return
    try:
        (call.directory / "trials").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{call.directory} could not be created: {error.strerror}. Give another --out.") from error
    data, validation = lasting_origin_of(call.job.data), lasting_origin_of(call.job.validation_data)
    own = written({name: getattr(call.options, name) for name in call.given})
    values = {"data": data, "validation_data": validation, "settings": own, "epochs": epochs}
    write_json(call.directory / SAVED, {**values, "fingerprint": prepared.fingerprint})
