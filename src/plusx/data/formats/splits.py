"""What people call the parts of a data set."""

import re
from typing import Literal, TypeAlias

Split: TypeAlias = Literal["train", "val", "test"]

ORDER: tuple[Split, ...] = ("train", "val", "test")

_SPELLINGS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training", "trn", "训练", "训练集"),
    "val": ("val", "valid", "validation", "validate", "dev", "验证", "验证集"),
    "test": ("test", "testing", "tst", "测试", "测试集"),
}
_AFTER = r"(?:[-_ ]?(?:set|data|images|imgs|split|\d{4}))?(?:-\d+-of-\d+)?"
"""`train_set`, `val2017`, and the parts of a table, `train-00000-of-00004`."""

_PATTERNS: dict[Split, re.Pattern[str]] = {
    split: re.compile(f"(?:{'|'.join(names)}){_AFTER}", re.IGNORECASE) for split, names in _SPELLINGS.items()
}


def split_of(name: str) -> Split | None:
    """The split that a folder, a table or a cell called `name` stands for; None if it is no such name."""
    for split, pattern in _PATTERNS.items():
        if pattern.fullmatch(name.strip()):
            return split
    return None
