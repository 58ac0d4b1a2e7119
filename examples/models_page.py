"""Writes the pages that follow from the catalogue: docs/models.md, docs/families/accuracy.svg, and both in Chinese.

    python examples/models_page.py

A test holds the committed files against it, so that page and code cannot differ.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from models_plot import accuracy_plot
from plusx.backbones.catalogue import architecture, architectures, card, cards
from plusx.core.card import Card
from plusx.workflows.models_table import ENGLISH, Words, from_catalogue, natural, row, sections

DOCS = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True)
class Page:
    """What a page says around the tables, in one language."""

    opening: str
    words: Words
    weights: str  # heading and text above the table of all cards
    columns: tuple[str, ...]
    answers: tuple[str, str]  # may they be used commercially: yes, no


def title_zh(paper: str) -> str:
    """A paper's title stays as it is; what stands around it is Chinese."""
    return re.sub(r"section ([\d.]+)", r"第 \1 节", paper.replace(" et al. ", " 等 "))


PAGES = {
    "en": Page(
        opening="""# All networks and weights

[中文](models.zh-CN.md)

Parameters and multiply-adds are those of the whole network with the paper's own head, on one image of the size in the
second column; the project counts them on the network itself. A multiply-add is one product, with its sum, in a
convolution or a fully connected layer; normalisation, activations and pooling are not counted. Beside them stand the
figures that the paper prints, with its digits. Where both differ by more than half a percent, and rounding to the
printed digits does not explain it, the next column says why. Top-1 is the best published one, in percent, of the
weights that may be used for any purpose, at the size of images that those weights were made for: on ImageNet-1k, for
networks of 32 pixels on CIFAR-10. `plusx models --table` counts and prints these tables anew.

![Top-1 against multiply-adds](families/accuracy.svg)
""",
        words=ENGLISH,
        weights="""## All weights

Scores as their publishers state them, in percent, on the classes the weights were made for. "-": none was found. The
last column says which network a name builds where it is not the one it begins with, and with which settings.
""",
        columns=("weights", "top-1", "top-5", "input", "licence", "commercial use", "builds"),
        answers=("yes", "no"),
    ),
    "zh-CN": Page(
        opening="""# 全部网络与权重

[English](models.md)

参数量和乘加次数都是整个网络的（分类头与论文相同），输入是一张第二列所写大小的图像，由本项目在网络上直接数出来。
一次乘加指卷积层或全连接层里的一次相乘连同一次相加；归一化、激活和池化不计。旁边是论文里印出的数字，位数与论文一致。
两者相差超过千分之五、又不能用论文的四舍五入解释时，后面一列说明原因。
top-1 是可以用于任何用途的权重中已发表的最好成绩（百分比），按该权重自己的输入大小测得：
一般网络在 ImageNet-1k 上，32 像素的网络在 CIFAR-10 上。`plusx models --table` 会重新计数并打印这些表格。

![top-1 与乘加次数](families/accuracy.zh-CN.svg)
""",
        words=Words(
            ("网络", "像素", "参数量", "论文", "乘加次数", "论文", "差异", "top-1", "权重", "许可证"),
            parameters="参数量",
            multiply_adds="乘加次数",
            comma="，",
            colon="：",
            title=title_zh,
            note=attrgetter("note_zh"),
        ),
        weights="""## 全部权重

成绩是发布者给出的百分比，按权重自己的类别计。“-”表示没有找到。
如果构建的网络不是名字开头的那一个，或者设置与默认值不同，最后一列会写出来。
""",
        columns=("权重", "top-1", "top-5", "输入", "许可证", "可商用", "构建"),
        answers=("是", "否"),
    ),
}


def page(language: str) -> str:
    """The whole page in Markdown."""
    said = PAGES[language]
    lines = [said.opening, *sections(architectures(), from_catalogue, said.words), "", said.weights]
    return "\n".join([*lines, *all_weights(said)]) + "\n"


def all_weights(said: Page) -> Iterator[str]:
    """A row for every card, by name."""
    yield row(said.columns)
    yield row(("---", "--:", "--:", "---", "---", "---", "---"))
    for name in sorted(cards(), key=natural):
        yield row(weights_row(card(name), said))


def weights_row(one: Card, said: Page) -> tuple[str, ...]:
    """Scores of other classes than ImageNet's are called by their classes."""
    scores = [one.metrics.get(f"{one.vocabulary} top-{k}") for k in (1, 5)]
    builds = [f"`{one.architecture}`"] * (one.name.partition(".")[0] != one.architecture)
    builds += [f"{key}={value}" for key, value in one.build.items()]
    height, width = one.input.size
    return (
        f"`{one.name}`",
        *("-" if score is None else f"{score:.2f}" for score in scores),
        f"{height}×{width}",
        one.licence,
        said.answers[0] if one.permissive else said.answers[1],
        ", ".join(builds),
    )


def files() -> dict[str, str]:
    """Path below docs → what it holds."""
    ending = {"en": "", "zh-CN": ".zh-CN"}
    points = [(card(name), architecture(card(name).architecture)) for name in cards()]
    pages = {f"models{ending[language]}.md": page(language) for language in PAGES}
    return pages | {f"families/accuracy{ending[language]}.svg": accuracy_plot(points, language) for language in PAGES}


if __name__ == "__main__":
    for path, text in files().items():
        (DOCS / path).write_text(text, encoding="utf-8")
        print(f"docs/{path}")
