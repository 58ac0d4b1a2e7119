"""What a network costs, counted on the network itself."""

import torch

from plusx.backbones.catalogue import Architecture
from plusx.backbones.count import multiply_adds, parameters
from plusx.backbones.create import build
from plusx.workflows.models_table import Cost


def counted(found: Architecture) -> Cost:
    """With the paper's own head, at the architecture's size. Nothing is computed and no weight takes memory."""
    with torch.device("meta"):
        backbone = build(found.name)
    return Cost(parameters(backbone, found.outputs), multiply_adds(backbone, found.outputs, found.size))
