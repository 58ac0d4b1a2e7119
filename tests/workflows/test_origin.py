from pathlib import Path

import numpy as np
import pytest

from plusx.core.errors import InputError
from plusx.workflows.origin import lasting_origin_of, name_of, origin_of, refuse_inside


def test_addresses_stay_as_they_are_and_paths_become_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    address = "s3://bucket/flowers"
    assert origin_of(address) == lasting_origin_of(address) == address
    assert (origin_of("花"), lasting_origin_of("花")) == (Path("花"), tmp_path.resolve() / "花")
    assert (name_of(address), name_of("花/table.csv"), name_of(".")) == ("flowers", "table", tmp_path.name)
    pixels = np.zeros((2, 2))
    assert (origin_of(pixels), lasting_origin_of(pixels), name_of(pixels)) == (None, None, None)


def test_nothing_is_written_into_a_folder_of_images(tmp_path: Path) -> None:
    inside = tmp_path / "a" / ".." / "run"
    with pytest.raises(InputError, match=r"run lies inside of the data, .*, into which plusx never writes\. Elsewhere"):
        refuse_inside(str(tmp_path), inside, "Elsewhere")
    for data in (None, np.zeros((2, 2)), "s3://bucket", tmp_path / "other"):
        refuse_inside(data, inside, "Elsewhere")
