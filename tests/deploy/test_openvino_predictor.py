"""The exported file in OpenVINO: the answers of ONNX Runtime, and nearly those in half precision."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plusx.core.errors import InputError
from plusx.deploy.onnx_predictor import OnnxPredictor
from plusx.deploy.openvino_predictor import OpenVinoPredictor

openvino = pytest.importorskip("openvino")
Files = Callable[[str], Path]
BFLOAT16 = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.mark.parametrize("name", ["classify", "multilabel"])
def test_the_answers_of_onnx_runtime(name: str, model: Any, exported: Files) -> None:
    one, other = OnnxPredictor(exported(name)), OpenVinoPredictor(exported(name))
    assert other.metadata == one.metadata
    for size in ((40, 60), (8, 8), (301, 257)):
        images = np.stack([model(name).image(*size, seed) for seed in range(3)])
        np.testing.assert_allclose(other.rows(images), one.rows(images), rtol=1e-4, atol=1e-4)
    first = other.rows(images)
    kept = first.copy()
    other.rows(images[::-1].copy())
    assert np.array_equal(first, kept)  # what was given stays


def test_half_precision_comes_near(model: Any, exported: Files) -> None:
    if not BFLOAT16:
        with pytest.raises(InputError, match=r"this processor computes no bfloat16\. Take openvino"):
            OpenVinoPredictor(exported("classify"), precision="bf16")
        return
    images = np.stack([model("classify").image(40, 60, seed) for seed in range(3)])
    exact = OpenVinoPredictor(exported("classify")).rows(images)
    rounded = OpenVinoPredictor(exported("classify"), precision="bf16").rows(images)
    assert 0 < np.abs(rounded - exact).max() < 0.05


def test_the_path_may_have_any_letters(exported: Files, tmp_path: Path) -> None:
    shutil.copyfile(exported("classify"), tmp_path / "模型.onnx")
    assert OpenVinoPredictor(tmp_path / "模型.onnx").task_name == "classify"


def test_values_would_lose_their_digits(exported: Files) -> None:
    with pytest.raises(InputError, match=r"runtime openvino is for classify and multilabel; the task of .* is regress"):
        OpenVinoPredictor(exported("regress"))


def test_what_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file .*model\.onnx\. Give the path of an exported model"):
        OpenVinoPredictor(tmp_path / "model.onnx")
    (tmp_path / "model.onnx").write_bytes(b"no onnx at all")
    with pytest.raises(InputError, match=r"model\.onnx is damaged or no ONNX file: .* Export the model again"):
        OpenVinoPredictor(tmp_path / "model.onnx")
