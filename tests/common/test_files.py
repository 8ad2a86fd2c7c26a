import pytest

from common.errors import StorageError
from common.files import sync, write_aside


def test_text_and_bytes_are_there_whole_in_a_new_folder(tmp_path):
    write_aside(tmp_path / "new" / "text", "ä")
    write_aside(tmp_path / "new" / "bytes", b"\x00\xff")
    assert (tmp_path / "new" / "text").read_bytes() == "ä".encode()
    assert (tmp_path / "new" / "bytes").read_bytes() == b"\x00\xff"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["bytes", "text"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "result.json").mkdir()
    with pytest.raises(StorageError, match=r"result\.json"):
        write_aside(tmp_path / "result.json", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_what_is_not_there_cannot_be_on_the_disk(tmp_path):
    sync(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "nothing")
