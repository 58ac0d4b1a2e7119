import os
import subprocess
import sys
from pathlib import Path

import pytest

from plusx.core.errors import InputError, StorageError
from plusx.workflows.directory import RunDirectory, create, held, model_file, place_for


def older(path: Path) -> RunDirectory:
    """A directory with files of a run, and one that is none of it."""
    run = RunDirectory(path)
    run.checkpoints.mkdir(parents=True)
    (run.checkpoints / "last.pt").write_bytes(b"weights")
    run.settings.write_text("{}", encoding="utf-8")
    run.onnx.write_bytes(b"graph")
    (path / "notes.txt").write_text("mine", encoding="utf-8")
    return run


def test_two_runs_that_begin_at_once_do_not_share_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = place_for(None, False, "flowers"), place_for(None, False, "flowers")
    assert one.path == other.path
    create(one, fixed=False)
    (one.checkpoints / "last.pt").write_bytes(b"weights")
    assert create(other, fixed=False).path == Path("runs/flowers-2")
    assert (one.checkpoints / "last.pt").read_bytes() == b"weights"


def test_a_named_directory_that_another_run_took_is_said(tmp_path: Path) -> None:
    create(RunDirectory(tmp_path / "run")).settings.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"run was taken by another run in the meantime\. Give another --out"):
        create(RunDirectory(tmp_path / "run"))


def test_a_run_that_was_stopped_before_it_began_leaves_its_name_free(tmp_path: Path) -> None:
    run = create(RunDirectory(tmp_path / "run"))
    for file in (run.lock, run.data, run.split, run.path / ".settings.abcd1234.json"):
        file.touch()
    assert place_for(run.path, False, "run").path == create(run).path
    with held(run):
        run.clear_leftovers()
    assert sorted(path.name for path in run.path.iterdir()) == [".lock", "checkpoints", "data.json", "split.csv"]
    (run.checkpoints / "last.pt").touch()
    with pytest.raises(InputError, match="it is not a run"):
        place_for(run.path, False, "run")


def test_overwriting_takes_away_only_what_a_run_wrote(tmp_path: Path) -> None:
    run = create(older(tmp_path), overwrite=True)
    assert not run.settings.exists()
    assert not run.onnx.exists()
    assert not any(run.checkpoints.iterdir())
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_run_that_another_process_works_on_is_left_alone(tmp_path: Path) -> None:
    run = older(tmp_path)
    holding = (
        "import sys, pathlib; from plusx.workflows.directory import *\n"
        "with held(RunDirectory(pathlib.Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holding, os.fspath(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"held"
        with pytest.raises(InputError, match=r"Another process is training in .*\. Wait for it or stop it"), held(run):
            pass
        with pytest.raises(InputError, match="Another process is training"):
            create(run, overwrite=True)
        process.communicate()
    assert run.onnx.read_bytes() == b"graph"
    with held(run):
        assert run.lock.exists()


def test_a_directory_without_a_model_is_an_unfinished_run_or_none(tmp_path: Path) -> None:
    run = older(tmp_path / "花 run")
    with pytest.raises(InputError, match=r"花 run is unfinished.*finish it with: plusx fit --resume '.*花 run'$"):
        model_file(run.path)
    run.settings.unlink()
    with pytest.raises(InputError, match=r"is not a run directory: it has neither settings\.json nor model\.safet"):
        model_file(run.path)
    run.model.write_bytes(b"weights")
    assert model_file(run.path) == run.model
    assert model_file(run.model) == run.model


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"There is no run .*resnet18\. Give the directory that `plusx fit` wrote, or a m"
    ):
        model_file(tmp_path / "resnet18")
    (tmp_path / "cells.onnx").write_bytes(b"graph")
    with pytest.raises(InputError, match=r"cells\.onnx is an exported file, .* Give the run it comes from"):
        model_file(tmp_path / "cells.onnx")


def test_every_file_that_export_writes_belongs_to_the_run(tmp_path: Path) -> None:
    names = {path.name for path in RunDirectory(tmp_path).exported}
    assert names == {"model.onnx", "model.pt2", "model.xml", "model.bin"}
    assert RunDirectory(tmp_path).onnx.name in names


@pytest.mark.skipif(sys.platform != "linux", reason="names of files that are no text")
def test_a_place_that_is_no_text_is_refused_and_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"花\\xff cannot hold a run: .* Set PYTHONUTF8=1, or give another --out"):
        place_for(tmp_path / os.fsdecode("花".encode() + b"\xff"), False, "run")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_directory_with_other_things_is_no_run_to_overwrite_or_go_on_with(overwrite: bool, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"it is not a run, and --overwrite leaves it alone\. Give another --out\.$"):
        place_for(tmp_path, overwrite, "run")


def test_a_place_below_a_file_is_said_before_any_image_is_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError, match=r"1 cannot be created: .*notes\.txt is a file\. Give another place"):
        place_for(tmp_path / "notes.txt" / "runs" / "1", False, "run")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_may_not_be_written_to_is_said_before_any_image_is_read(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(StorageError, match=r"cannot be created: .*locked may not be written to\. Give another --out"):
        place_for(tmp_path / "locked" / "run", False, "run")


def test_a_run_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written to: No such file"), held(RunDirectory(tmp_path / "a")):
        pass
