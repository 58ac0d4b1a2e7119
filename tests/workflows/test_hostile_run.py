"""Run directories, exported files and names of images from strangers: errors, and no way out of the folder."""

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from plusx.core.errors import InputError, PlusxError
from plusx.core.prediction import MaskPrediction
from plusx.deploy.metadata import Metadata
from plusx.deploy.onnx_predictor import open_session
from plusx.engine.placement import Placement
from plusx.engine.resume import check_agrees, differences
from plusx.workflows.convert import convert
from plusx.workflows.original_data import original_data
from plusx.workflows.pictures import keep
from plusx.workflows.run import open_run


@pytest.mark.parametrize(
    "text",
    [
        b"\xe1",
        b"[" * 100_000,
        b"3",
        b"[]",
        b"{}",
        b'{"data": 3, "settings": {}}',
        b'{"data": "x", "settings": null}',
        b'{"data": "x", "settings": {}, "plan": [1]}',
        b'{"data": "x", "settings": {}, "begun": NaN}',
        b"1" * 5000,
    ],
)
def test_settings(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "settings.json").write_bytes(text)
    for use in (open_run, original_data):
        with pytest.raises(InputError, match=r"settings\.json is damaged: .* Delete the run and start again"):
            use(tmp_path)


GOOD: dict[str, Any] = {
    "state": {"epoch": 1, "step": 3},
    "plan": {"optimizer": {"name": "adamw", "rate": 0.001}, "schedule": {"name": "cosine"}},
    "batches": 3,
    "primary": "top-1",
    "placement": {"device": "cpu", "precision": "fp32", "channels_last": False, "compile": False, "reason": ""},
    "versions": {},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"state": None},
        {"state": {"name": 1}},
        {"state": {"epoch": "x"}},
        {"plan": None},
        {"plan": {"optimizer": "x", "schedule": {"name": "cosine"}}},
        {"plan": {"optimizer": {"name": ["a"]}, "schedule": {"name": "cosine"}}},
        {"plan": {"optimizer": {"name": 3}, "schedule": {"name": "cosine"}}},
        {"plan": {**GOOD["plan"], "epochs": "many"}},
        {"plan": {**GOOD["plan"], "": 1}},
        {"placement": 3},
        {"placement": {}},
        {"placement": {**GOOD["placement"], "device": "../../x"}},
        {"placement": {**GOOD["placement"], "device": 2**70}},
        {"placement": {**GOOD["placement"], "precision": ["fp32"]}},
        {"placement": {**GOOD["placement"], "channels_last": "x"}},
        {"versions": 3},
    ],
)
def test_checkpoints(changes: dict[str, Any]) -> None:
    now = Placement.from_json(GOOD["placement"])
    check_agrees(GOOD, GOOD)
    differences(GOOD, now)
    refused = 0
    for use in (lambda content: check_agrees(content, GOOD), lambda content: differences(content, now)):
        with contextlib.suppress(PlusxError):
            use({**GOOD, **changes})
            continue
        refused += 1
    assert refused == 1


@pytest.mark.parametrize("card", ["[" * 100_000, "3", "{}", "NaN", '{"classes": 3}', '"a"'])
def test_exported_metadata(card: str) -> None:
    texts = {"plusx.version": "1", "plusx.task": '{"name": "classify", "config": {"classes": ["a"]}}'}
    with pytest.raises(InputError, match=r"The metadata of m\.onnx are damaged"):
        Metadata.from_texts({**texts, "plusx.card": card}, "m.onnx")


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "a/../../secret.bin"])
def test_an_exported_file_reads_no_other_file(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(32))
    (tmp_path / "in").mkdir()
    weights = TensorProto(name="w", data_type=1, dims=[8], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "32")):
        weights.external_data.add(key=key, value=value)
    given = helper.make_tensor_value_info("images", TensorProto.UINT8, [1])
    told = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [8])
    node = helper.make_node("Identity", ["w"], ["probabilities"])
    graph = helper.make_graph([node], "g", [given], [told], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    path = tmp_path / "in" / "model.onnx"
    path.write_bytes(onnx.ModelProto.SerializeToString(model))
    with pytest.raises(InputError, match=r"model\.onnx is damaged or no ONNX file: .*xternal data"):
        open_session(path, 1)


def _files(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("to", ["coco", "voc", "yolo", "csv"])
def test_converted_images_stay_in_their_folder(tmp_path: Path, to: Any) -> None:
    """Images elsewhere, of one name, whose long names begin with the root."""
    images = []
    for folder in "abc":
        (tmp_path / folder).mkdir()
        Image.new("RGB", (9, 8), (ord(folder), 0, 0)).save(tmp_path / folder / "x.png")
        images.append({"id": ord(folder), "file_name": str(tmp_path / folder / "x.png")})
    boxes = [{"id": i["id"], "image_id": i["id"], "category_id": 0, "bbox": [0, 0, 3, 3]} for i in images]
    content = {"images": images, "categories": [{"id": 0, "name": "../../k"}], "annotations": boxes}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.json").write_text(json.dumps(content))
    before = _files(tmp_path)
    convert(tmp_path / "data", to=to, out=tmp_path / "out")
    new = _files(tmp_path) - before
    assert all(path.is_relative_to(tmp_path / "out") for path in new)
    assert len([path for path in new if path.suffix == ".png"]) == 3


@pytest.mark.parametrize("name", ["../../x.png", "/x.png", "..", "/", "a/../../b.png", "C:\\x.png", "."])
def test_pictures_of_predictions_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "b" / "c"
    mask = np.zeros((8, 9), np.uint8)
    for _ in range(3):
        prediction = MaskPrediction.of(name, ("../../k", "/etc"), mask)
        keep(folder, np.zeros((8, 9, 3), np.uint8), prediction, ("../../k", "/etc"))
    assert len(_files(folder)) == len(_files(tmp_path)) == 6
