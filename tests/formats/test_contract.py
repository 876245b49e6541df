"""What every row of EXPORTS promises, whatever the format."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace as replace_dataset

import pytest
from msgspec.structs import replace

from infgen.formats import EXPORTS
from infgen.records.errors import InputError
from infgen.sources.disk import PART, part_name
from tests.formats.scenes import write_dataset

pytestmark = pytest.mark.parametrize("name", EXPORTS)


def run(name, dataset, entries):
    """Export as the runner does: values travel between processes, and are read once, in order."""
    row = EXPORTS[name]
    values = [pickle.dumps(row.convert(entry, dataset)) for entry in entries]
    row.finish(map(pickle.loads, values), dataset)


def files(folder):
    """Every file's bytes by its path in `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def written(folder, before):
    return {path: data for path, data in files(folder).items() if path not in before}


def parts(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(PART)]


def test_writes_its_own_files_and_leaves_the_others_alone(name, tmp_path):
    dataset, entries = write_dataset(tmp_path)
    before = files(tmp_path)
    times = {path: (tmp_path / path).stat().st_mtime_ns for path in before}
    run(name, dataset, entries)
    after = files(tmp_path)
    assert len(after) > len(before) > len(entries)
    assert before.items() <= after.items()
    assert times == {path: (tmp_path / path).stat().st_mtime_ns for path in before}
    assert not parts(tmp_path)


def test_shares_no_file_with_another_format(name, tmp_path):
    dataset, entries = write_dataset(tmp_path)
    before = files(tmp_path)
    run(name, dataset, entries)
    mine = written(tmp_path, before)
    for other in EXPORTS.keys() - {name}:
        run(other, dataset, entries)
        assert mine.items() <= files(tmp_path).items()
    shutil.rmtree(tmp_path)
    dataset, entries = write_dataset(tmp_path)
    for other in EXPORTS.keys() - {name}:
        run(other, dataset, entries)
    assert not mine.keys() & files(tmp_path).keys()


def test_exporting_again_changes_no_byte(name, tmp_path):
    dataset, entries = write_dataset(tmp_path)
    run(name, dataset, entries)
    first = files(tmp_path)
    run(name, dataset, entries)
    assert files(tmp_path) == first


def test_a_killed_export_is_mended_by_the_next(name, tmp_path):
    dataset, entries = write_dataset(tmp_path)
    before = files(tmp_path)
    run(name, dataset, entries)
    whole = files(tmp_path)
    for path in written(tmp_path, before):
        part_name(tmp_path / path).write_bytes(b"half a fi")
        (tmp_path / path).unlink()
    run(name, dataset, entries)
    assert files(tmp_path) == whole


def test_needs_backgrounds_only_where_it_says_so(name, tmp_path):
    dataset, entries = write_dataset(tmp_path)
    shutil.rmtree(tmp_path / "backgrounds")
    bare = [replace(entry, background_file="") for entry in entries]
    if EXPORTS[name].needs_background:
        with pytest.raises(InputError, match="--keep-backgrounds"):
            run(name, dataset, bare)
    else:
        run(name, dataset, bare)


def test_only_a_train_split(name, tmp_path):
    dataset, entries = write_dataset(tmp_path)
    before = files(tmp_path)
    train = [entry for entry in entries if entry.split == "train"]
    run(name, replace_dataset(dataset, splits=("train",)), train)
    assert len(train) < len(entries)
    assert written(tmp_path, before)


def test_no_object_at_all(name, tmp_path):
    dataset, entries = write_dataset(tmp_path)
    before = files(tmp_path)
    run(name, dataset, [replace(entry, objects=()) for entry in entries])
    assert written(tmp_path, before)


def test_pictures_with_gaps_in_their_numbers(name, tmp_path):
    """Pictures that couldn't be made never reach an exporter."""
    dataset, entries = write_dataset(tmp_path)
    before = files(tmp_path)
    run(name, dataset, entries[1::2])
    missing = entries[0]
    assert not any(missing.stem in path for path in written(tmp_path, before))
