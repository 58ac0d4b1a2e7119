"""What the default run leaves out: heavy tests whose point a lighter one beside them makes too, on another network."""

from typing import Final

import pytest

HEAVY: Final = {
    "adapt/test_norms.py": ("test_resnet50_with_groups_is_timms",),
    "backbones/test_aligned_xception.py": ("test_the_name_says_how_many_convolutions[xception71",),
    "backbones/test_contract.py": ("test_dilation_leaves_the_coarse_grid_as_it_was[xception]",),
    "backbones/test_densenet.py": (
        "test_layers_are_counted",
        "test_memory_efficient_networks_can_be_compiled",
    ),
    "backbones/test_forms.py": (
        "test_compiled_in_one_graph_with_the_same_gradients[mobilenet_v1",
        "test_compiled_in_one_graph_with_the_same_gradients[mobilenet_v2",
        "test_compiled_in_one_graph_with_the_same_gradients[mobilenet_v3",
        "test_compiled_in_one_graph_with_the_same_gradients[plain18",
        "test_compiled_in_one_graph_with_the_same_gradients[resnet18_d",
        "test_compiled_in_one_graph_with_the_same_gradients[resnet18_v2]",
        "test_compiled_in_one_graph_with_the_same_gradients[resnext50",
        "test_compiled_in_one_graph_with_the_same_gradients[se_resnet50]",
        "test_compiled_in_one_graph_with_the_same_gradients[unet",
        "test_compiled_in_one_graph_with_the_same_gradients[xception",
        "test_exported_with_any_batch_and_size[densenet121",
        "test_exported_with_any_batch_and_size[densenet_bc100",
        "test_exported_with_any_batch_and_size[mobilenet_v1_025",
        "test_exported_with_any_batch_and_size[mobilenet_v2_035",
        "test_exported_with_any_batch_and_size[mobilenet_v3_small_050",
        "test_exported_with_any_batch_and_size[plain",
        "test_exported_with_any_batch_and_size[resnet18_d",
        "test_exported_with_any_batch_and_size[resnet18_v2",
        "test_exported_with_any_batch_and_size[resnext50",
        "test_exported_with_any_batch_and_size[se_resnet50",
        "test_exported_with_any_batch_and_size[shufflenet_v1",
        "test_exported_with_any_batch_and_size[xception",
    ),
    "core/test_view.py": (
        "test_a_graph_for_any_size_goes_the_same_way[shown0]",
        "test_a_graph_for_any_size_goes_the_same_way[shown1",
    ),
    "deploy/test_agreement.py": ("TestExportAgreeing::test_of_two_files_keeps_both_or_none",),
    "deploy/test_export.py": ("test_other_formats_agree[torch",),
    "deploy/test_predictor.py": (
        "test_labels_are_shown_from_another_threshold_on[0.0",
        "test_onnx_and_torch_predict_the_same[multilabel",
        "test_onnx_and_torch_predict_the_same[regress]",
    ),
    "engine/test_evaluate.py": ("test_batches_that_do_not_fit_are_measured_in_parts",),
    "engine/test_group.py": ("test_a_team_that_lost_a_member_and_goes_on",),
    "engine/test_interrupt.py": (
        "test_a_second_ctrl_c_stops_at_once_and_other_signals_do_not[10",
        "test_a_second_ctrl_c_stops_at_once_and_other_signals_do_not[15",
        "test_the_first_signal_lets_the_step_finish[10",
    ),
    "engine/test_memory.py": (
        "test_a_failed_attempt_leaves_no_trace",
        "test_single_images_that_do_not_fit_end_the_run_with_advice",
        "test_the_allocators_of_the_cpu_count_too[error1",
        "test_without_batch_norm_nothing_is_said_of_it",
    ),
    "engine/test_sharding.py": ("test_what_is_divided_makes_the_steps_of_one_process[",),
    "nn/detection/test_faster_rcnn.py": (
        "test_a_batch_is_learnt_by_heart",
        "test_exported_candidates_are_the_same",
    ),
    "nn/detection/test_rt_detr.py": ("test_exported_candidates_are_the_same",),
    "nn/detection/test_ssd.py": (
        "test_a_batch_is_learnt_by_heart",
        "test_exported_candidates_are_the_same",
    ),
    "nn/detection/test_yolo.py": (
        "test_exported_with_dynamic_batch_and_sizes_it_finds_the_same[16",
        "test_five_thousand_boxes",
        "test_learns_one_batch[16-ciou",
    ),
    "nn/segmentation/test_contract.py": ("test_it_overfits_one_batch[unet",),
    "nn/segmentation/test_parity.py": ("test_deeplabv3_as_in_torchvision[1-size0",),
    "tasks/test_segment.py": (
        "test_it_overfits_one_batch[deeplabv3+",
        "test_it_overfits_one_batch[unet",
        "test_whole_networks_as_in_torchvision",
    ),
    "weights/sources/densenet/test_keras.py": ("test_published_files_have_older_names",),
    "weights/sources/densenet/test_torchvision.py": (
        "test_a_training_step_agrees[densenet121-timm",
        "test_a_training_step_agrees[densenet121-torchvision-True",
        "test_and_back[densenet121-timm",
    ),
    "weights/sources/resnet/test_resnet_d.py": ("test_training_agrees[resnet50",),
    "weights/sources/resnet/test_senet.py": (
        "test_timm_loads_it[legacy_seresnext50",
        "test_timm_loads_it[seresnet50",
        "test_training_agrees[legacy",
    ),
    "weights/sources/test_faster_rcnn.py": (
        "test_detections_with_a_mobilenet",
        "test_detectors_of_which_a_part_is_used[keypointrcnn",
        "test_detectors_of_which_a_part_is_used[retinanet",
    ),
    "weights/sources/test_keras.py": (
        "test_a_model_inside_a_model_without_its_head[resnet50",
        "test_even_sides_agree[densenet121",
        "test_even_sides_agree[xception",
        "test_images_decide_what_the_references_answer[densenet121",
        "test_images_decide_what_the_references_answer[xception",
        "test_training_agrees[densenet121",
        "test_training_agrees[resnet50",
        "test_training_agrees[xception]",
    ),
    "weights/sources/test_maps.py": (
        "test_dilation_is_that_of_torchvision[resnet50-8",
        "test_maps_are_timms[resnet18_v2-resnetv2_18-4-16",
    ),
    "weights/sources/test_segmentation.py": ("test_torchvisions[deeplabv3",),
    "weights/sources/xception/test_keras.py": ("test_published_files_have_older_names",),
    "weights/sources/xception/test_timm.py": (
        "test_timm_loads_what_is_written[xception41",
        "test_training_agrees[xception",
    ),
    "weights/test_counterparts.py": (
        "test_what_differs_is_named[mobilenet",
        "test_what_differs_is_named[resnet50_v1",
        "test_what_differs_is_named[xception",
        "test_what_to_do_is_said",
    ),
    "weights/test_create.py": ("test_what_a_file_for_which_all_fits_but_the_dtype_needs",),
    "weights/test_dense.py": (
        "test_a_run_goes_on[deeplabv3",
        "test_a_run_goes_on[rt-detr",
        "test_a_run_goes_on[unet-paper",
    ),
    "weights/test_export_keys.py": (
        "test_timm_loads_it[resnet50",
        "test_torchvision_gets_boxes_and_masks_back[fasterrcnn_mobilenet",
        "test_what_would_answer_otherwise_is_refused[plain18",
        "test_what_would_answer_otherwise_is_refused[resnet50",
    ),
    "weights/test_hostile.py": ("test_archives_that_promise_too_much",),
    "workflows/test_bad_input.py": ("test_five_thousand_boxes",),
    "workflows/test_choosing_loss.py": ("test_a_run_by_binary_cross_entropy",),
    "workflows/test_dense.py": (
        "test_a_finished_run_goes_on",
        "test_classes_that_overlap_through_all_verbs",
        "test_masks_are_as_large_as_their_images[onnx",
        "test_scores_in_windows_are_those_of_predictions",
        "test_training_with_mosaics_and_mixup",
    ),
    "workflows/test_faults.py": ("test_a_killed_loading_process_changes_no_bit",),
    "workflows/test_fit.py": ("test_several_labels_from_a_table",),
    "workflows/test_labels.py": ("test_one_training_finds_them_too",),
    "workflows/test_last_touches.py": ("test_the_best_mixture_is_no_worse",),
    "workflows/test_load.py": ("test_a_model_says_what_it_is[]",),
    "workflows/test_predict.py": ("TestPredict::test_memory_does_not_grow",),
    "workflows/test_rate_finder.py": ("test_a_run_with_the_rate_that_was_found",),
    "workflows/test_resume.py": (
        "test_an_exported_file_of_earlier_weights_is_never_left_beside_others",
        "test_settings_equal_to_the_default_are_compared_as_well",
    ),
    "workflows/test_shard.py": ("test_control_c_in_the_shell",),
    "workflows/test_time_limit.py": ("test_a_run_ends_in_time_and_goes_on_without_a_clock",),
    "workflows/test_together.py": ("test_a_divided_model_leaves_a_whole_one",),
    "workflows/test_tune.py": (
        "test_a_search_in_which_all_fails_ends_before_its_budget",
        "test_a_trial_that_was_broken_off_is_begun_again",
        "test_failed_trials_are_recorded_and_when_all_fail_it_is_said_why",
        "test_trials_that_another_store_knows_are_not_replaced",
        "test_two_workers_share_the_budget_and_try_nothing_twice",
    ),
}
"""File below `tests/` → beginnings of the tests' names in it that are marked slow."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        file, _, name = item.nodeid.removeprefix("tests/").partition("::")
        if name.startswith(HEAVY.get(file, ())):
            item.add_marker(pytest.mark.slow)
