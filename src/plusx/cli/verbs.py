"""The verbs of the shell, one entry each: what it takes, and the workflow it calls, imported when it is called."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from plusx.cli import results
from plusx.cli.parser import Grammar, Positional, Words, spelled
from plusx.workflows.compare_settings import CompareInShell
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.labels_settings import LabelsSettings
from plusx.workflows.rate_settings import RateSettings
from plusx.workflows.settings import (
    CheckInShell,
    ConvertSettings,
    EvaluateInShell,
    ExportSettings,
    ModelsSettings,
    PredictSettings,
    RecipesSettings,
    ReplayInShell,
    ShardSettings,
    WeightsSettings,
)
from plusx.workflows.soup_settings import SoupSettings
from plusx.workflows.tune_settings import TuneSettings


@dataclass(frozen=True)
class Verb:
    """`run` returns the exit code; 0 means that all went well."""

    grammar: Grammar
    run: Callable[[Words], int]


def fit(words: Words) -> int:
    from plusx.engine.membership import speaks
    from plusx.workflows.fit import fit_in_words

    run = fit_in_words(spelled, words.at(0), None, words.settings)
    return _print(results.of_run(run) if speaks() else [])


def tune(words: Words) -> int:
    from plusx.workflows.tune import tune

    return _print(results.of_search(tune(words.at(0), **words.settings)))


def find_rate(words: Words) -> int:
    from plusx.workflows.find_rate import find_rate

    return _print(find_rate(words.positionals[0], **words.settings).lines())


def evaluate(words: Words) -> int:
    from plusx.workflows.evaluate import evaluate

    settings = dict(words.settings)
    as_json = settings.pop("json", False)
    return _print(results.of_evaluation(evaluate(words.positionals[0], words.at(1), **settings), as_json=as_json))


def predict(words: Words) -> int:
    from plusx.workflows.predict import predict_to_text

    return predict_to_text(words.positionals[0], words.positionals[1:], **words.settings)


def check(words: Words) -> int:
    from plusx.workflows.check import report

    lines, passed = report(words.positionals[0], **words.settings)
    return _print(lines) if passed else _print(lines) or 1


def labels(words: Words) -> int:
    from plusx.workflows.labels import labels, summary

    return _print(summary(labels(words.positionals[0], **words.settings)))


def soup(words: Words) -> int:
    from plusx.workflows.soup import soup

    return _print(soup(*words.positionals, **words.settings).lines())


def compare(words: Words) -> int:
    from plusx.workflows.compare import compare

    settings = dict(words.settings)
    as_json = settings.pop("json", False)
    return _print(results.of_comparison(compare(*words.positionals, **settings), as_json=as_json))


def convert(words: Words) -> int:
    from plusx.workflows.convert import convert

    return _print(convert(words.positionals[0], **words.settings).lines())


def shard(words: Words) -> int:
    from plusx.workflows.shard import shard

    return _print(shard(words.positionals[0], words.positionals[1], **words.settings).lines())


def models(words: Words) -> int:
    from plusx.workflows.models import listing

    return _print(listing(words.at(0) or "*", **words.settings))


def recipes(words: Words) -> int:
    name, settings = words.at(0), dict(words.settings)
    as_json = settings.pop("json", False)
    if name is None:
        from plusx.workflows.recipe_list import listing

        return _print(listing(as_json=as_json, **settings))
    from plusx.workflows.recipe_page import page

    return _print(page(name, as_json=as_json, **settings))


def weights(words: Words) -> int:
    from plusx.workflows.weights import describe_weights

    return _print(describe_weights(words.positionals[0], **words.settings).lines())


def export(words: Words) -> int:
    from plusx.workflows.export import export

    return _print([str(export(words.positionals[0], **words.settings))])


def replay(words: Words) -> int:
    from plusx.workflows.replay import replay

    settings = dict(words.settings)
    as_json = settings.pop("json", False)
    return _print(results.of_replay(replay(words.positionals[0], words.at(1), **settings), as_json=as_json))


def _print(lines: Iterable[str]) -> int:
    for line in lines:
        print(line)
    return 0


_DATA: Final = (
    "a folder with one folder of images a class, or a CSV, TSV or Parquet table; boxes: COCO, Pascal VOC, YOLO, CSV; "
    "masks: images/ and masks/, or COCO; shards (tar), here or at an address"
)
_BOXES: Final = "a folder, file or table with boxes: COCO JSON, Pascal VOC XML, YOLO's data.yaml, CSV"
_RUN: Final = "directory that `plusx fit` wrote, or a model file"

_GRAMMARS: Final = (
    (
        fit,
        FitSettings,
        (Positional("DATA", f"{_DATA}; with --resume only where it has moved", required=False),),
        (
            "flowers/ --model resnet50.a1_in1k --epochs 10 --out runs/flowers",
            "--resume runs/flowers --epochs 20",
            "flowers/ --out runs/flowers --resume auto",
        ),
    ),
    (
        tune,
        TuneSettings,
        (Positional("DATA", f"{_DATA}; with --resume only where it has moved", required=False),),
        (
            "flowers/ --time-limit 2h --weights imagenet",
            "flowers/ --trials 40 --models resnet18,resnet50 --storage postgresql://user@host/plusx",
            "--resume runs/flowers-tune --trials 60",
        ),
    ),
    (
        find_rate,
        RateSettings,
        (Positional("DATA", _DATA),),
        ("flowers/", "flowers/ --model resnet50 --weights imagenet --out rates"),
    ),
    (
        evaluate,
        EvaluateInShell,
        (
            Positional("RUN", _RUN),
            Positional("DATA", f"{_DATA}; default: the run's own, split as it was", required=False),
        ),
        ("runs/flowers", "runs/flowers more-flowers/ --json", "runs/flowers other.csv --label-column kind"),
    ),
    (
        predict,
        PredictSettings,
        (Positional("RUN", _RUN), Positional("IMAGES", "files, folders, 'patterns/*.jpg'", many=True)),
        ("runs/flowers rose.jpg", "runs/flowers photos/ --format csv --out photos.csv"),
    ),
    (
        check,
        CheckInShell,
        (Positional("DATA", _DATA),),
        ("flowers/", "flowers/ --strict --json"),
    ),
    (
        labels,
        LabelsSettings,
        (Positional("RUN", "directory that `plusx fit` wrote"),),
        ("runs/flowers", "runs/flowers --folds 3 --epochs 10"),
    ),
    (
        soup,
        SoupSettings,
        (Positional("RUN", "directories that `plusx fit` wrote, or one of them for its checkpoints", many=True),),
        ("runs/flowers runs/flowers-2 runs/flowers-3", "runs/flowers --uniform --out soup.safetensors"),
    ),
    (
        compare,
        CompareInShell,
        (Positional("RUN", "directories that `plusx fit` wrote, or a directory that holds some", many=True),),
        ("runs/flowers runs/flowers-2", "runs/ --metric macro-f1 --report compared.html"),
    ),
    (
        convert,
        ConvertSettings,
        (Positional("DATA", _BOXES),),
        ("bccd/ --to yolo --out bccd-yolo", "instances_train.json --to voc --out voc --images link"),
    ),
    (
        shard,
        ShardSettings,
        (Positional("DATA", _DATA), Positional("OUT", "directory for the shards, new or begun before")),
        ("flowers/ flowers-shards", "big.csv /mnt/shards --size 1GB --workers 8"),
    ),
    (
        models,
        ModelsSettings,
        (Positional("GLOB", "name or pattern: resnet50, 'resne*', 'resnet50.*'", required=False),),
        ("'resne*'", "resnet50"),
    ),
    (
        recipes,
        RecipesSettings,
        (Positional("NAME", "recipe: a3, finetune, ...; default: a table of all", required=False),),
        ("", "bit-hyperrule --plot schedule.svg"),
    ),
    (
        weights,
        WeightsSettings,
        (Positional("NAME", "published weights such as resnet50.a1_in1k, a run, or any weights file"),),
        ("resnet50.a1_in1k --download", "model.pth", "runs/flowers --to torchvision --out flowers.pth"),
    ),
    (
        replay,
        ReplayInShell,
        (
            Positional("RUN", "directory that `plusx fit` wrote"),
            Positional("STEP", "number of the step; default: the newest that was kept", required=False),
        ),
        ("runs/flowers", "runs/flowers 120 --json"),
    ),
    (export, ExportSettings, (Positional("RUN", _RUN),), ("runs/flowers --to openvino",)),
)


def spelled_verb(run: Callable[[Words], int]) -> str:
    """`find_rate` is find-rate in the shell."""
    return run.__name__.replace("_", "-")


VERBS: Final = MappingProxyType(
    {
        spelled_verb(run): Verb(Grammar(spelled_verb(run), places, settings, examples), run)
        for run, settings, places, examples in _GRAMMARS
    }
)
