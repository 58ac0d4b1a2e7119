"""Memory and time of files that promise much: `python benchmarks/large_files.py [NAME]`, a process a file. Linux."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bombs import bombs, heavy

CODE = """
import resource, sys, time
from pathlib import Path
from plusx.data.images import read_image
from plusx.data.inspection.facts import inspect_file
from plusx.data.masks import read_stored
from plusx.data.reduced import read_reduced

path, reader = Path(sys.argv[1]), sys.argv[2]
readers = {
    "prediction": read_image,
    "mask": read_stored,
    "training": lambda path: read_reduced(path, "RGB", lambda height, width: 8),
    "audit": lambda path: inspect_file(str(path)).problem,
}
before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    found = readers[reader](path)
    said = "refused" if isinstance(found, str) and found else "read"
except ValueError as error:
    said = "refused"
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
print(f"{said}, {grown} MiB, {time.process_time() - begun:.2f} s")
"""


def main() -> None:
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, data in (*bombs(), *heavy()):
        if asked not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            path.write_bytes(data)
            for reader in ("prediction", "mask", "training", "audit"):
                found = subprocess.run(
                    [sys.executable, "-c", CODE, str(path), reader],
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
                    capture_output=True,
                    text=True,
                    timeout=300,
                )
                said = found.stdout.strip() or found.stderr.strip()[-100:]
                print(f"{name} ({len(data)} bytes), {reader}: {said}", flush=True)


if __name__ == "__main__":
    main()
