"""A small file that promises a huge picture costs an error, not the machine: measured in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bombs import bombs, heavy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is measured as Linux has it")

MOST = 150  # MiB beyond what the process had before
CODE = """
import resource, sys
from pathlib import Path
from plusx.data.images import read_image
from plusx.data.inspection.facts import inspect_file
from plusx.data.masks import read_stored
from plusx.data.reduced import read_reduced
from plusx.data.sizes import read_size

resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
readers = {
    "size": read_size,
    "prediction": read_image,
    "mask": read_stored,
    "training": lambda path: read_reduced(path, "RGB", lambda height, width: 8),
    "audit": lambda path: inspect_file(str(path)).problem,
}
for path in map(Path, sys.argv[1:]):
    for reader, read in readers.items():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            found = read(path)
            said = "refused" if isinstance(found, str) and found else "read"
        except ValueError as error:
            said = "refused" if path.name in str(error) else str(error)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
        print(path.name, reader, said, grown, sep="|")
"""


def _told(folder: Path, files: dict[str, bytes]) -> list[list[str]]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    found = subprocess.run(
        [sys.executable, "-c", CODE, *(str(folder / name) for name in files)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    return [line.split("|") for line in found.stdout.splitlines()]


def test_bombs_are_refused(tmp_path: Path) -> None:
    slow = ("bmp RLE that skips rows",)  # within the limit: 770 MB, see benchmarks/large_files.py
    files = {name: data for name, data in bombs() if name not in slow}
    told = _told(tmp_path, files)
    assert len(told) == 5 * len(files)
    for name, reader, said, grown in told:
        harmless = reader == "size" and name in ("jpeg of 5000 scans", "tiff tile larger than its picture")
        assert said == "refused" or harmless or "that unpacks" in name, (name, reader, said)
        assert int(grown) < MOST, (name, reader)


def test_what_lies_beside_the_pixels_costs_little(tmp_path: Path) -> None:
    files = {name: data for name, data in heavy() if "13000" not in name}
    for name, reader, _, grown in _told(tmp_path, files):
        assert int(grown) < MOST, (name, reader)
