"""What Hugging Face's RT-DETR answers with the weights that `filled` makes: `rt_detr.safetensors` beside this file.

Made by `python tests/rt_detr_reference.py`, with transformers 5.24 (Apache-2.0) in the environment; the tests need
only the file. Weights, maps and targets come from NumPy's RandomState, whose numbers never change.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from plusx.core.backbone import Features
from plusx.core.stage import Stage
from plusx.nn.detection.boxes import centres_from_corners
from plusx.nn.detection.rt_detr import RTDETR, RTDETRConfig

FILE: Final = Path(__file__).with_name("rt_detr.safetensors")
STAGES: Final = (Stage("a", 6, 8), Stage("b", 8, 16), Stage("c", 10, 32))
CLASSES: Final = 3
SIZE: Final = (64, 96)
ROWS: Final = (((0, 5, 6, 40, 50), (2, 30, 4, 90, 30), (1, 60, 30, 90, 60)), ((2, 3, 10, 80, 61),))
"""Label and corners of the boxes of two images."""


def filled(depth: int) -> RTDETR:
    """A small head of this depth."""
    config = RTDETRConfig(channels=16, heads=2, hidden=24, expansion=0.5, depth=depth, queries=20, denoising=10)
    head, random = RTDETR(STAGES, CLASSES, config), np.random.RandomState(depth)
    for name, tensor in sorted(head.state_dict().items()):
        values = random.standard_normal(tensor.shape)
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            values = 1 + 0.3 * np.tanh(values)
        elif tensor.ndim > 1:
            values = values / np.sqrt(np.prod(tensor.shape[1:]))
        tensor.copy_(torch.from_numpy(np.asarray(values)))
    nn.init.zeros_(head.labels.weight[-1])
    return head


def maps() -> Features:
    random = np.random.RandomState(0)
    shapes = {one.name: (2, one.channels, SIZE[0] // one.stride, SIZE[1] // one.stride) for one in STAGES}
    return {name: torch.from_numpy(random.standard_normal(shape)).float() for name, shape in shapes.items()}


def targets() -> Tensor:
    """(2, 3, 7)."""
    rows = [torch.tensor([[*row, 0, 0] for row in image], dtype=torch.float32) for image in ROWS]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)


def digest(gradient: Tensor, number: int) -> Tensor:
    """Two numbers that tell a gradient from others: its length, and that along a direction drawn for its `number`."""
    direction = torch.from_numpy(np.random.RandomState(number).standard_normal(gradient.shape))
    return torch.stack((gradient.double().norm(), (gradient.double() * direction).sum()))


def stored() -> dict[str, Tensor]:
    return load_file(FILE)


NAMES: Final = (
    (r"^encoder\.project\.(\d)\.conv", r"encoder_input_proj.\1.0"),
    (r"^encoder\.project\.(\d)\.norm", r"encoder_input_proj.\1.1"),
    (r"^encoder\.within", "encoder.aifi.0.layers.0"),
    (r"(aifi.*)\.norm2", r"\1.final_layer_norm"),
    (r"\.attention\.", ".self_attn."),
    (r"self_attn\.queries", "self_attn.q_proj"),
    (r"self_attn\.keys", "self_attn.k_proj"),
    (r"self_attn\.values", "self_attn.v_proj"),
    (r"self_attn\.output", "self_attn.o_proj"),
    (r"linear(\d)", r"mlp.fc\1"),
    (r"(aifi.*|decoder.*)\.norm1", r"\1.self_attn_layer_norm"),
    (r"\.norm2", ".encoder_attn_layer_norm"),
    (r"\.norm3", ".final_layer_norm"),
    (r"\.lateral", ".lateral_convs"),
    (r"\.to_finer", ".fpn_blocks"),
    (r"\.to_coarser", ".pan_blocks"),
    (r"\.down\.", ".downsample_convs."),
    (r"\.blocks\.(\d)\.conv3x3", r".bottlenecks.\1.conv1"),
    (r"\.blocks\.(\d)\.conv1x1", r".bottlenecks.\1.conv2"),
    (r"^project\.(\d)\.conv", r"decoder_input_proj.\1.0"),
    (r"^project\.(\d)\.norm", r"decoder_input_proj.\1.1"),
    (r"^selection\.linear", "enc_output.0"),
    (r"^selection\.norm", "enc_output.1"),
    (r"^selection\.score", "enc_score_head"),
    (r"^selection\.move\.", "enc_bbox_head."),
    (r"^labels", "denoising_class_embed"),
    (r"\.place\.", ".query_pos_head."),
    (r"\.scores\.", ".class_embed."),
    (r"\.moves\.", ".bbox_embed."),
    (r"\.cross\.offsets", ".encoder_attn.sampling_offsets"),
    (r"\.cross\.weights", ".encoder_attn.attention_weights"),
    (r"\.cross\.values", ".encoder_attn.value_proj"),
    (r"\.cross\.output", ".encoder_attn.output_proj"),
)
"""From our names to theirs, one after the other."""


def theirs(name: str) -> str:
    for pattern, new in NAMES:
        name = re.sub(pattern, new, name)
    if re.search(r"(enc_bbox_head|query_pos_head|bbox_embed\.\d)\.\d", name):
        name = re.sub(r"\.(\d)\.(weight|bias)$", lambda found: f".layers.{int(found[1]) // 2}.{found[2]}", name)
    return f"model.{name}"


class Backbone(nn.Module):
    """Gives the maps, whatever the image."""

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor, mask: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [(x, mask) for x in self.features.values()]


def reference(head: RTDETR, features: Features, classes: int = CLASSES) -> Any:
    """Theirs with the head's weights."""
    library: Any = import_module("transformers")
    config, widths = head.config, [x.shape[1] for x in features.values()]
    model = library.RTDetrForObjectDetection(
        library.RTDetrConfig(
            backbone_config=library.RTDetrResNetConfig(
                hidden_sizes=[8, *widths], embedding_size=8, depths=[1] * 4, out_indices=[2, 3, 4]
            ),
            encoder_hidden_dim=config.channels,
            encoder_in_channels=widths,
            encoder_attention_heads=config.heads,
            encoder_ffn_dim=config.hidden,
            hidden_expansion=config.expansion,
            d_model=config.channels,
            num_queries=config.queries,
            decoder_in_channels=[config.channels] * 3,
            decoder_ffn_dim=config.hidden,
            decoder_attention_heads=config.heads,
            decoder_n_points=config.points,
            decoder_layers=config.depth,
            num_denoising=config.denoising,
            num_labels=classes,
        )
    )
    model.model.backbone = Backbone(features)
    model.load_state_dict({theirs(name): tensor for name, tensor in head.state_dict().items()}, strict=True)
    return model


def labels() -> list[dict[str, Tensor]]:
    found = []
    for image in ROWS:
        rows = torch.tensor(image, dtype=torch.float32)
        boxes = centres_from_corners(rows[:, 1:]) / torch.tensor([SIZE[1], SIZE[0]] * 2)
        found.append({"class_labels": rows[:, 0].long(), "boxes": boxes})
    return found


def noise(model: Any) -> tuple[Tensor, Tensor]:
    """Labels and boxes of the queries that are to be denoised."""
    module, config = import_module("transformers.models.rt_detr.modeling_rt_detr"), model.config
    made = module.get_contrastive_denoising_training_group(
        labels(), CLASSES, config.num_queries, lambda x: x, config.num_denoising
    )
    return made[0].long(), made[1].sigmoid()


def made(depth: int) -> dict[str, Tensor]:
    """What is stored for this depth: answers, losses, the noise in them, and gradients."""
    head = filled(depth)
    model, images = reference(head, maps()), torch.zeros(2, 3, *SIZE)
    with torch.no_grad():
        answers = model.eval()(images)
    model.load_state_dict({theirs(name): tensor for name, tensor in head.state_dict().items()})
    torch.manual_seed(0)
    noisy = noise(model)
    torch.manual_seed(0)
    trained = model.train()(images, labels=labels())
    trained.loss.backward()
    parts = {"classification": "vfl", "l1": "bbox", "giou": "giou"}
    losses = [_sum(trained.loss_dict, rf"loss_{part}(?!.*_dn)") for part in parts.values()]
    losses.append(_sum(trained.loss_dict, ".*_dn_"))
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    digests = [digest(gradients[theirs(name)], number) for number, (name, _) in enumerate(head.named_parameters())]
    found = {"logits": answers.logits, "boxes": answers.pred_boxes, "losses": torch.stack(losses).detach()}
    found |= {"noisy_labels": noisy[0], "noisy_boxes": noisy[1], "gradients": torch.stack(digests)}
    return {f"{depth}.{name}": tensor.contiguous() for name, tensor in found.items()}


def _sum(losses: dict[str, Tensor], pattern: str) -> Tensor:
    return torch.stack([loss for name, loss in losses.items() if re.match(pattern, name)]).sum()


if __name__ == "__main__":
    save_file(made(1) | made(3), FILE)
