"""soup: several trained networks of one architecture become one, by the mean of their weights."""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from plusx.core.errors import InputError
from plusx.core.sample import Listing
from plusx.engine.averages.soup import greedily, mean_of
from plusx.engine.evaluate import evaluate
from plusx.engine.placement import Placement, place
from plusx.weights.modelfile import LoadedModel, save_model
from plusx.workflows.contents import refuse_changed
from plusx.workflows.directory import RunDirectory, model_file, place_for, write_json
from plusx.workflows.environment import environment
from plusx.workflows.evaluate import place as placed
from plusx.workflows.ingredients import Ingredient, gathered
from plusx.workflows.loading import measuring_batches, preparation
from plusx.workflows.norm_statistics import moving_norms, taken_anew
from plusx.workflows.options import settings_from
from plusx.workflows.original_data import original_data
from plusx.workflows.reading import reading_processes
from plusx.workflows.run import open_run
from plusx.workflows.scoring import goal
from plusx.workflows.settings import EvaluateSettings
from plusx.workflows.signature import takes
from plusx.workflows.soup_settings import SoupSettings


@dataclass(frozen=True)
class Soup:
    """`path`: the run directory or model file. `scores`: `metric` of each ingredient alone, on the validation images.

    `chosen`: those in the soup. `metrics`: what it reaches. `reestimated`: images that BatchNorm's statistics were
    taken anew from; 0 where there was nothing to take.
    """

    path: Path
    metric: str
    scores: Mapping[str, float]
    chosen: tuple[str, ...]
    metrics: Mapping[str, float]
    reestimated: int
    better: bool

    def lines(self) -> list[str]:
        """What to print."""
        left = {name: "" if name in self.chosen else "  (left out)" for name in self.scores}
        rows = [f"  {self.metric} {value:.4f}  {name}{left[name]}" for name, value in self.scores.items()]
        norms = f"; BatchNorm statistics taken anew from {self.reestimated} training images" if self.reestimated else ""
        made = f"soup of {len(self.chosen)} of {len(self.scores)}: {self.metric} {self.metrics[self.metric]:.4f}{norms}"
        worse = [] if self.better else ["That is worse than the best of them alone: use that one."]
        hint = f"Predict with: plusx predict {shlex.quote(str(self.path))} photo.jpg"
        return ["Each alone, on the validation images:", *rows, made, *worse, hint]


@takes(SoupSettings)
def soup(*runs: Any, **settings: Any) -> Soup:
    """Average the best weights of several `runs` (directories or model files), or the checkpoints of one.

    The first run directory brings the images: training images for BatchNorm's statistics, validation images to judge.
    InputError for networks that differ, with the list of what does.
    """
    options = settings_from(SoupSettings, settings)
    if options.greedy and options.uniform:
        raise InputError("--greedy and --uniform exclude each other: choose one.")
    paths = [Path(run) for run in runs]
    for path in paths:
        model_file(path)
    home = next((path for path in paths if path.is_dir()), None)
    if home is None:
        raise InputError("Model files know no images to judge on: name at least one run directory among them.")
    out = free_place(options.out, home)
    first, found = gathered(paths)
    kitchen = Kitchen.opened(home, first, options)
    scores = [kitchen.tasted([one]) for one in found]
    chosen = list(range(len(found)))
    if not options.uniform:
        chosen, _ = greedily(scores, lambda some: kitchen.tasted([found[index] for index in some]))
    score = kitchen.tasted([found[index] for index in chosen])
    sign = 1 if kitchen.higher_is_better else -1
    named = {one.name: sign * value for one, value in zip(found, scores, strict=True)}
    names = tuple(found[index].name for index in chosen)
    made = Soup(out, kitchen.metric, named, names, kitchen.metrics, kitchen.seen, score >= max(scores))
    written(made, kitchen.model, home)
    return made


def free_place(out: Path | None, home: Path) -> Path:
    """Where the result goes. InputError where something is there already."""
    if out is not None and out.suffix == ".safetensors":
        if out.exists():
            raise InputError(f"{out} exists. Give another --out.")
        return out
    return place_for(out, False, f"{home.resolve().name}-soup").path


@dataclass
class Kitchen:
    """The network that takes one soup after the other, and what they are judged by. `seen`: images of the last one.

    fixed: whether the runs kept the backbone's BatchNorm statistics.
    """

    model: LoadedModel
    listing: Listing
    placement: Placement
    options: SoupSettings
    metric: str
    higher_is_better: bool
    fixed: bool
    seen: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def opened(home: Path, model: LoadedModel, options: SoupSettings) -> "Kitchen":
        """With the images of `home`. DataError where they have changed."""
        run, saved = open_run(home)
        listing = original_data(home)
        refuse_changed(run, listing.splits["val"], reading_processes(options.workers))
        placement = placed(model, EvaluateSettings(batch_size=options.batch_size, device=options.device))
        place(model.task, placement)
        metric, higher_is_better = goal(model.task, saved["settings"].get("metric"))
        fixed = bool(saved.get("plan", {}).get("frozen_norm"))
        return Kitchen(model, listing, placement, options, metric, higher_is_better, fixed)

    def tasted(self, some: Sequence[Ingredient]) -> float:
        """The metric of the mean of their weights, with the sign by which more is better; the network keeps it."""
        task = self.model.task
        task.load_state_dict(mean_of([one.weights for one in some]) if len(some) > 1 else some[0].weights)
        norms = moving_norms(task, [one.weights for one in some], fixed=self.fixed)
        card, prepare = self.model.card, preparation(self.model.card.input)
        self.seen = taken_anew(task, norms, self.listing, card.input, self.placement, self._loading)
        validation = measuring_batches(self.listing, "val", card.input, *self._loading)
        self.metrics = evaluate(task, validation, self.placement, prepare)
        return self.metrics[self.metric] * (1 if self.higher_is_better else -1)

    @property
    def _loading(self) -> tuple[int, int | None]:
        return self.options.batch_size, self.options.workers


def written(made: Soup, model: LoadedModel, home: Path) -> None:
    """The model file; in a directory beside it what the verbs ask of a run."""
    card = replace(model.card, metrics=dict(made.metrics))
    about = {"ingredients": list(made.chosen), "scores": dict(made.scores), "metric": made.metric}
    extra = {**model.extra, "start": f"mean of {len(made.chosen)} trained networks", "soup": about}
    if made.path.suffix == ".safetensors":
        save_model(made.path, model.task.cpu(), card, extra)
        return
    run, source = RunDirectory(made.path), RunDirectory(home)
    run.path.mkdir(parents=True, exist_ok=True)
    save_model(run.model, model.task.cpu(), card, extra)
    for name in ("data", "split", "audit"):
        if getattr(source, name).is_file():
            shutil.copyfile(getattr(source, name), getattr(run, name))
    write_json(run.environment, environment())
    write_json(run.metrics, dict(made.metrics))
    write_json(run.settings, {**open_run(home)[1], "card": card.to_json(), "soup": about})
