"""Files that are whole or not there."""

import pytest

from bulk.files import remove_remains, whole_file, write_whole


def test_a_file_is_whole_or_as_before(tmp_path):
    path = tmp_path / "a.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_the_file_as_it_was_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write_whole(path, b"one")
    with pytest.raises(ZeroDivisionError), whole_file(path) as scratch:  # noqa: PT012
        scratch.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    for name in (".part-1.parquet.ab12", ".other.ab12", "part-1.parquet"):
        (tmp_path / name).write_bytes(b"half")
    remove_remains(tmp_path, "part-*.parquet")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".other.ab12", "part-1.parquet"]
