"""plusx: residual networks from the formula to your own images. `y = H(x) + x`.

    run = plusx.fit("flowers/", model="resnet50.a1_in1k", epochs=10)
    print(plusx.load(run.path).predict("rose.jpg")[0].label)
    for one in plusx.predict(run.path, "photos/"):  # an iterator; list(...) keeps all
        print(one.to_json())

Names are loaded when they are first used, so that `import plusx` costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plusx.core.errors import PlusxError as PlusxError
    from plusx.weights.create import create_backbone as create_backbone
    from plusx.weights.create import create_model as create_model
    from plusx.weights.create import list_models as list_models
    from plusx.workflows.check import check as check
    from plusx.workflows.compare import compare as compare
    from plusx.workflows.convert import convert as convert
    from plusx.workflows.evaluate import evaluate as evaluate
    from plusx.workflows.export import export as export
    from plusx.workflows.find_rate import find_rate as find_rate
    from plusx.workflows.fit import fit as fit
    from plusx.workflows.labels import labels as labels
    from plusx.workflows.load import load as load
    from plusx.workflows.models import models as models
    from plusx.workflows.pictures import draw as draw
    from plusx.workflows.predict import predict as predict
    from plusx.workflows.replay import replay as replay
    from plusx.workflows.shard import shard as shard
    from plusx.workflows.soup import soup as soup
    from plusx.workflows.tune import tune as tune
    from plusx.workflows.weights import describe_weights as describe_weights

    __version__: str

_HOMES = {
    "PlusxError": "plusx.core.errors",
    "check": "plusx.workflows.check",
    "compare": "plusx.workflows.compare",
    "convert": "plusx.workflows.convert",
    "create_backbone": "plusx.weights.create",
    "create_model": "plusx.weights.create",
    "describe_weights": "plusx.workflows.weights",
    "draw": "plusx.workflows.pictures",
    "evaluate": "plusx.workflows.evaluate",
    "export": "plusx.workflows.export",
    "find_rate": "plusx.workflows.find_rate",
    "fit": "plusx.workflows.fit",
    "labels": "plusx.workflows.labels",
    "list_models": "plusx.weights.create",
    "load": "plusx.workflows.load",
    "models": "plusx.workflows.models",
    "predict": "plusx.workflows.predict",
    "replay": "plusx.workflows.replay",
    "shard": "plusx.workflows.shard",
    "soup": "plusx.workflows.soup",
    "tune": "plusx.workflows.tune",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "__version__":
        return import_module("importlib.metadata").version("plusx")
    if name not in _HOMES:
        known = ", ".join(import_module("plusx.core.errors").nearest(name, __dir__()))
        raise AttributeError(f"module 'plusx' has no attribute {name!r}. Did you mean {known}?")
    globals()[name] = found = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted([*_HOMES, "__version__"])
