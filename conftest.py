"""What the default run leaves out: heavy tests whose point a lighter one beside them makes too, on another network."""

from typing import Final

import pytest

HEAVY: Final = (
    "backbones/test_densenet.py::test_memory_efficient_networks_can_be_compiled",
    *(
        f"backbones/test_forms.py::test_exported_with_any_batch_and_size[{name}]"
        for name in (
            *("mobilenet_v1_025", "mobilenet_v2_035", "mobilenet_v3_small_050"),
            *("xception", "xception41", "densenet121"),
        )
    ),
    "backbones/test_forms.py::test_compiled_in_one_graph_with_the_same_gradients[resnet18_v2]",
    "backbones/test_forms.py::test_compiled_in_one_graph_with_the_same_gradients[se_resnet50]",
    "backbones/test_contract.py::test_dilation_leaves_the_coarse_grid_as_it_was[xception]",
    "deploy/test_predictor.py::test_onnx_and_torch_predict_the_same[regress]",
    "engine/test_memory.py::test_single_images_that_do_not_fit_end_the_run_with_advice",
    "nn/detection/test_faster_rcnn.py::test_exported_candidates_are_the_same",
    "nn/detection/test_rt_detr.py::test_exported_candidates_are_the_same",
    "nn/detection/test_ssd.py::test_a_batch_is_learnt_by_heart",
    "nn/detection/test_yolo.py::test_learns_one_batch[16-ciou",
    "weights/test_counterparts.py::test_what_differs_is_named[mobilenet_v2",
    "weights/test_counterparts.py::test_what_differs_is_named[resnet50_v1",
    "weights/sources/test_keras.py::test_training_agrees[resnet50_v2]",
    "weights/sources/test_keras.py::test_training_agrees[xception]",
    "weights/sources/xception/test_timm.py::test_training_agrees[xception41]",
    "workflows/test_dense.py::test_a_finished_run_goes_on",
    "workflows/test_dense.py::test_classes_that_overlap_through_all_verbs",
    "engine/test_evaluate.py::test_batches_that_do_not_fit_are_measured_in_parts",
    "core/test_view.py::test_a_graph_for_any_size_goes_the_same_way[shown0]",
    "workflows/test_time_limit.py::test_a_run_ends_in_time_and_goes_on_without_a_clock",
    "workflows/test_together.py::test_a_divided_model_leaves_a_whole_one",
    "workflows/test_tune.py::test_a_trial_that_was_broken_off_is_begun_again",
    "workflows/test_tune.py::test_failed_trials_are_recorded_and_when_all_fail_it_is_said_why",
)
"""Beginnings of the tests' names below `tests/`, which are marked slow."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.removeprefix("tests/").startswith(HEAVY):
            item.add_marker(pytest.mark.slow)
