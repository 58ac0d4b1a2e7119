"""The settings of fit, and of the verbs that train as it does: the single source for the shell's options, Python's
keywords and the run's JSON.

Needs no torch, so that `plusx fit --help` answers at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from plusx.workflows.options import WORKERS, ReadingSettings, option
from plusx.workflows.recipes.catalogue import names
from plusx.workflows.values import Seconds

if TYPE_CHECKING:
    RecipeName = str
else:
    RecipeName = Literal[("auto", *names())]


@dataclass(frozen=True)
class FitSettings(ReadingSettings):
    """Fine-tune a residual network on your own images."""

    val_fraction: float = option(
        0.2, "share of the images to validate on, where the data brings no validation split", above=0, below=1
    )
    split_seed: int | None = option(
        None,
        "seed by which these are drawn, so that runs of several seeds have the same; none: --seed",
        least=0,
    )
    balance: Literal["none", "weights", "sampling"] = option(
        "none", "against class imbalance: weigh the loss or the draw"
    )
    strict: bool = option(False, "stop at any finding of the data audit")
    model: str = option(
        "resnet18", "architecture, or architecture.tag for pretrained weights: resnet50.a1_in1k", section="The model"
    )
    weights: str | None = option(
        None, "imagenet (best permissive weights), a tag, a local file, or a run; none: train from scratch"
    )
    head: str | None = option(
        None, "of detect and segment, e.g. yolo or deeplabv3+; none: the task's first; a wrong name lists all"
    )
    losses: tuple[str, ...] | None = option(
        None,
        "of segment, summed: cross-entropy, focal, ohem-cross-entropy, dice, lovasz; of classify one: cross-entropy, "
        "binary-cross-entropy, focal, class-balanced, logit-adjustment, symmetric-cross-entropy, "
        "generalised-cross-entropy, early-learning; of multilabel one: binary-cross-entropy, focal; none: the "
        "recipe's, or the first",
    )
    auxiliary: bool = option(False, "of segment: train a second head on the stage before the last (deep supervision)")
    suppression: Literal["greedy", "soft"] | None = option(
        None, "of detect: overlapping boxes go (greedy), or lose score (soft: Bodla et al. 2017); none: greedy"
    )
    iou: float | None = option(
        None, "of detect: overlap (IoU) above which greedy suppression lets a box go; none: 0.6", above=0, below=1
    )
    image_size: int | None = option(
        None, "height and width of the network's input in pixels; none: that of the weights", least=32
    )
    test_size: int | None = option(
        None,
        "that of the finished model, where images shall be seen larger than in training, such as 1.3 times (FixRes); "
        "none: as in training",
        least=32,
    )
    image_fit: Literal["crop", "squash", "pad"] | None = option(
        None, "how an image is brought to that size; none: as for the weights, but untouched where all have it already"
    )
    small_input: Literal["auto", "yes", "no"] = option(
        "auto",
        "leave out the first two halvings of a network for large images; auto: for random weights at 64 pixels or less",
    )
    recipe: RecipeName = option(
        "auto",
        "set of published settings to start from, see plusx recipes; auto: by the weights and the kind of labels",
        section="The training",
    )
    epochs: int | None = option(None, "passes over the training images; none: the recipe's", least=1)
    time_limit: Seconds | None = option(
        None,
        "seconds, or 10m, 2h: the whole run ends in time; network, image size and epochs that are not given are chosen "
        "by what is measured here",
        above=0,
    )
    batch_size: Literal["auto"] | int | None = option(
        None,
        "images per step; none: the recipe's; auto: that, halved to fit into memory or doubled while it gets faster",
        least=1,
    )
    rate: Literal["auto"] | float | None = option(
        None, "peak learning rate; none: the recipe's; auto: as plusx find-rate suggests", above=0
    )
    optimizer: Literal["sgd", "adamw", "lamb", "lion", "muon", "rmsprop"] | None = option(
        None, "what moves the weights; none: the recipe's; its rate and weight decay follow where they are not given"
    )
    sam: float | None = option(
        None,
        "radius in which the gradient is taken at the worst weights (SAM), e.g. 0.05: flatter minima for twice the "
        "time; 0: without; none: the recipe's",
        least=0,
    )
    schedule: (
        Literal["cosine", "constant", "multistep", "one-cycle", "step", "polynomial", "inverse-sqrt", "flat-cosine"]
        | None
    ) = option(None, "how the rate goes over the run, with the recipe's warm-up; none: the recipe's")
    warmup_epochs: float | None = option(None, "epochs in which the rate rises first; none: the recipe's", least=0)
    average: Literal["auto", "none", "ema", "swa"] = option(
        "auto",
        "average of the weights that is judged and kept: moving (ema), of the last epochs (swa); auto: the recipe's",
    )
    strategy: Literal["head-then-all", "gradual", "lp-ft", "all", "head"] | None = option(
        None,
        "which part learns when: the head first, then all; one more stage each epoch (gradual); the head to its end, "
        "then all (lp-ft); all at once; the head alone; none: the recipe's",
    )
    l2_sp: float | None = option(
        None,
        "pull of the weights to those they start from, in place of weight decay, such as 0.1; none: the recipe's",
        least=0,
    )
    frozen_epochs: int | None = option(None, "epochs in which only the head is trained; none: the recipe's", least=0)
    frozen_norm: bool = option(
        False, "keep the BatchNorm statistics of the weights; for batches of fewer than about 8 images"
    )
    norm: Literal["learn", "frozen", "reestimated", "group"] | None = option(
        None,
        "BatchNorm of the backbone: its statistics learn; stay (as --frozen-norm); are taken anew at the end; or it "
        "becomes GroupNorm, for small batches; none: the recipe's",
    )
    wise: Literal["auto"] | float | None = option(
        None,
        "share of the fine-tuned weights, 0 to 1, the rest being those when the backbone joined (WiSE-FT); auto: the "
        "best of eleven on the validation images; none: 1",
        least=0,
        most=1,
    )
    sync_norm: bool = option(
        False, "of several processes: BatchNorm takes its statistics of all their images; for few images a process"
    )
    patience: int | None = option(None, "stop after this many epochs without improvement; none: never", least=1)
    metric: str | None = option(
        None, "what the best weights and patience go by, e.g. macro-f1; none: the task's own; a wrong name lists all"
    )
    weight_decay: float | None = option(None, "pull of the weights towards 0; none: the recipe's", least=0)
    drop_path: float | None = option(
        None,
        "stochastic depth: share of residual branches left out in training, from 0 at the first to this at the last; "
        "none: the recipe's",
        least=0,
        below=1,
    )
    crop: float | None = option(
        None,
        "least share of an image that a training crop shows; without effect on boxes and masks; none: the recipe's",
        above=0,
        most=1,
    )
    colour: float | None = option(
        None, "largest change of brightness, contrast and saturation, 0 to 1; none: the recipe's", least=0, most=1
    )
    flip: bool = option(True, "mirror training images at random; switch off where left and right differ (digits, text)")
    augment: (
        Literal[
            "off",
            "light",
            "randaugment",
            "trivial",
            "auto-imagenet",
            "auto-cifar10",
            "auto-svhn",
            "augmix",
            "three",
        ]
        | None
    ) = option(None, "published policy by which training images are changed, each in its own way; none: the recipe's")
    progressive: float | None = option(
        None,
        "side of the first training images as a share of the whole, 0.5 for half; it grows in the second half of the "
        "run and is whole for its last fifth; 1: whole from the start; none: the recipe's",
        above=0,
        most=1,
    )
    mosaic: float | None = option(
        None,
        "share of training pictures made of four, 0 to 1, for boxes and masks; none: the recipe's",
        least=0,
        most=1,
    )
    mixup: float | None = option(
        None,
        "share of training pictures blended with another, 0 to 1, of boxes alone; none: the recipe's",
        least=0,
        most=1,
    )
    accumulate: int = option(1, "batches whose gradients are added up for one step", least=1)
    seed: int = option(0, "seed of everything random", least=0)
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps", section="The machine")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = option("auto", "auto: what this device runs faster")
    channels_last: Literal["auto", "yes", "no"] = option("auto", "auto: what this device runs faster")
    compile: Literal["auto", "yes", "no"] = option("auto", "auto: only when the run is long enough to repay it")
    recompute: bool = option(
        False, "compute maps twice instead of keeping them (gradient checkpointing): less memory, more time"
    )
    frozen_views: int | None = option(
        None,
        "ways in which each image is shown to stages that stay as they are, one each epoch; what comes out is computed "
        "once and kept; none: 1, as it will be predicted, where only the head learns, else up to 4; 0: all anew",
        least=0,
    )
    cache: Literal["auto", "none", "decoded"] = option(
        "auto",
        "keep training images decoded, no larger than crops need them, from the first epoch on; auto: large photos, "
        "where it saves most of the time to read them; for boxes and masks never",
    )
    cache_limit: float = option(10.0, "GB that what is kept for later may take on the disk, of all runs", above=0)
    workers: int | None = option(None, WORKERS, least=0)
    nproc: int = option(
        1, "processes on this machine that train together, a GPU each; of several machines: see torchrun", least=1
    )
    shard_model: bool = option(
        False,
        "of several processes: divide weights, gradients and the optimizer's state over them (FSDP), for networks "
        "whose training does not fit one device",
    )
    max_restarts: int = option(
        0, "with nproc: how often the run goes on by itself from its last checkpoint when a process was lost", least=0
    )
    non_finite: Literal["stop", "skip"] = option(
        "stop",
        "a loss that is NaN or infinite: stop, or skip that step, within bounds",
        section="When something breaks",
    )
    unreadable: Literal["stop", "skip"] = option(
        "stop", "a training image that can no longer be read: stop, or leave it out, at most 1 % of an epoch"
    )
    out: Path | None = option(None, "directory of the run; none: a new one below runs/", section="The run")
    overwrite: bool = option(False, "replace the run in the directory given by --out")
    resume: Literal["auto"] | Path | None = option(
        None,
        "run directory to go on with; auto: the one given by --out where it holds a run, else a new run; beside it may "
        "change: --epochs, --patience, --device, --precision, --channels-last, --compile, --recompute, --nproc, "
        "--shard-model, --max-restarts, --cache-limit, --workers, --non-finite, --unreadable, --checkpoint-minutes, "
        "--keep, --export and --weights-dir",
    )
    checkpoint_minutes: float | None = option(
        10.0,
        "also save inside an epoch when so many minutes have passed, 0.5 for half of one; none: after epochs alone",
        least=0,
    )
    keep: int = option(2, "how many of the newest checkpoints stay beside the best weights", least=1)
    export: bool = option(True, "leave model.onnx as well, compared with the model")
    weights_dir: Path | None = option(
        None, "where weight files are looked for and kept; none: $PLUSX_WEIGHTS or the cache"
    )
