"""The experiment behind `y = H(x) + x`: deeper plain networks train worse, deeper residual networks do not.

He et al. 2015 (arXiv 1512.03385), figures 1 and 6, on data small enough for a laptop: the 1,797 scanned digits of
scikit-learn, at 32×32 pixels. For one seed plain-20, plain-56, ResNet-20 and ResNet-56 see the same batches in the same
order with the same settings; only the `+ x` differs. Writes docs/degradation.json, and from it the plots and the tables
of the walk-through.

    python examples/degradation.py                # about half an hour on one core
    python examples/degradation.py --plot-only    # plots and tables once more, from docs/degradation.json
"""

import argparse
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from degradation_plots import LOOKS, NAMES, WORDS, Runs, gradient_norms, learning_curves
from plusx.core.storage import write_text
from plusx.weights.create import create_model

DOCS = Path(__file__).parents[1] / "docs"
BATCH, RATE, MOMENTUM, WEIGHT_DECAY = 64, 0.02, 0.9, 1e-4  # section 4.2, but for half its batch and a fifth of its rate
DROPS = (1 / 2, 3 / 4)  # of the epochs: where the rate is divided by ten (section 4.2: after 32k and 48k of 64k steps)
LAST = 3  # epochs that the tables average, those of the lowest rate

HEADS = {
    "en": ("network", "training loss", "training error", "gradient norm, first layer", "last layer", "seeds"),
    "zh-CN": ("网络", "训练损失", "训练错误率", "梯度范数，第一层", "最后一层", "种子数"),
}
PAGES = {"en": "walkthrough.md", "zh-CN": "walkthrough.zh-CN.md"}
BEGIN, END = "<!-- table: examples/degradation.py -->\n", "<!-- end of table -->"


def images_and_digits() -> tuple[Tensor, Tensor]:
    """(1797, 3, 32, 32) in -1..1, and the digits."""
    pixels, digits = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 8 - 1
    return F.interpolate(images, size=32, mode="bilinear").expand(-1, 3, -1, -1), torch.tensor(digits)


def norms_of_gradients(model: nn.Module) -> list[float]:
    """L2 norm of the gradient of every 3×3 convolution, from the input on."""
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    return [float(m.weight.grad.norm()) for m in convolutions if m.weight.grad is not None]


def experiment(name: str, epochs: int, seed: int) -> dict[str, Any]:
    """Training loss and error of every epoch, and the gradient norms of the layers before the first step.

    Loss and error are counted while the weights move, each batch before its own step.
    """
    torch.manual_seed(seed)
    model = create_model(name, classes=10)
    images, digits = images_and_digits()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    generator = torch.Generator().manual_seed(seed)
    losses, errors, gradients = [], [], []
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [round(epochs * share) for share in DROPS])
    for epoch in range(epochs):
        loss_sum, wrong = 0.0, 0
        for chosen in torch.randperm(len(images), generator=generator).split(BATCH):
            logits = model(images[chosen])
            loss = F.cross_entropy(logits, digits[chosen])
            optimizer.zero_grad()
            loss.backward()
            if not gradients:
                gradients.append(norms_of_gradients(model))
            optimizer.step()
            loss_sum += loss.item() * len(chosen)
            wrong += int((logits.argmax(1) != digits[chosen]).sum())
        schedule.step()
        losses.append(loss_sum / len(images))
        errors.append(wrong / len(images))
        print(f"{name} seed {seed} epoch {epoch + 1}: loss {losses[-1]:.4f}, error {errors[-1]:.2%}", flush=True)
    return {"network": name, "seed": seed, "loss": losses, "error": errors, "gradients": gradients}


def of_seeds(runs: Runs, network: str, key: str) -> list[float]:
    """One number a seed: mean loss or error of the last epochs, or a layer's gradient norm before the first step."""
    chosen = [run for run in runs if run["network"] == network]
    match key:
        case "first layer":
            return [run["gradients"][0][0] for run in chosen]
        case "last layer":
            return [run["gradients"][0][-1] for run in chosen]
        case _:
            return [statistics.fmean(run[key][-LAST:]) for run in chosen]


def table(runs: Runs, language: str) -> str:
    """Markdown: the median over the seeds, lowest and highest in brackets."""
    head = HEADS[language]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for network in LOOKS:
        cells = [
            with_range(of_seeds(runs, network, "loss"), "{:.3f}"),
            with_range(of_seeds(runs, network, "error"), "{:.1%}"),
            with_range(of_seeds(runs, network, "first layer"), "{:.3g}"),
            with_range(of_seeds(runs, network, "last layer"), "{:.2f}"),
            str(sum(run["network"] == network for run in runs)),
        ]
        lines.append(f"| {NAMES[network]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def with_range(values: Sequence[float], form: str) -> str:
    median, low, high = (form.format(value) for value in (statistics.median(values), min(values), max(values)))
    return f"{median} ({low} – {high})" if len(values) > 1 else median


def with_table(page: str, runs: Runs, language: str) -> str:
    """The page's text with the table of these runs between its marks."""
    new = BEGIN + table(runs, language) + END
    return re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: new, page, flags=re.DOTALL)


def pictures(runs: Runs) -> Mapping[str, str]:
    """File name → SVG."""
    made = {}
    for language, words in WORDS.items():
        suffix = "" if language == "en" else f".{language}"
        made[f"degradation{suffix}.svg"] = learning_curves(runs, words)
        made[f"gradients{suffix}.svg"] = gradient_norms(runs, words)
    return made


def publish(runs: Runs) -> None:
    """Plots and tables into docs/."""
    for name, picture in pictures(runs).items():
        write_text(DOCS / name, picture)
    for language, name in PAGES.items():
        page = (DOCS / name).read_text(encoding="utf-8")
        write_text(DOCS / name, with_table(page, runs, language))
    print(table(runs, "en"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--plot-only", action="store_true", help="from docs/degradation.json as it is")
    arguments = parser.parse_args()
    if not arguments.plot_only:
        runs = [experiment(name, arguments.epochs, seed) for seed in range(arguments.seeds) for name in LOOKS]
        write_text(DOCS / "degradation.json", json.dumps(runs))
    publish(json.loads((DOCS / "degradation.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
