"""What the audit finds of defects planted into clean data sets: recall and precision for each kind.

Recall: defects all of whose images one finding of the right code names. Precision: of the images that findings of this
code name, those planted with it; images in which the sets came with a defect of their own count against it.

Run: OMP_NUM_THREADS=1 python benchmarks/audit.py [FIELD ...]   (needs ../shared/data; a few minutes)
"""

import argparse
import os
import tempfile
from pathlib import Path

from planted_images import IMAGE_FIELDS
from planting import measure, table

FIELDS = (*IMAGE_FIELDS,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("field", nargs="*", help="all unless named: " + ", ".join(field.name for field in FIELDS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    scores = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PLUSX_CACHE"] = str(Path(folder) / "cache")
        for number, field in enumerate(FIELDS):
            if not options.field or field.name in options.field:
                scores[field.name] = measure(field, Path(folder) / str(number), options.seed)
    print(table(scores))
    for name, found in scores.items():
        print(f"{name}: {next(iter(found.values())).clean} images without a defect among them")


if __name__ == "__main__":
    main()
