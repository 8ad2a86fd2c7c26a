import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.data.formats import Reading, read
from common.data.ingest import pool_of
from common.errors import ConfigError, DataError

STEPS = np.arange(10)


def put_csv(root: Path, name: str, values: np.ndarray, header: str = "") -> None:
    """Write samples of the shape (channels, time)."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [",".join(map(str, row)) for row in values.T.tolist()]
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n")


def put_wav(root: Path, name: str, frames: bytes, width: int = 2, channels: int = 1, rate: int = 100) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(frames)


def two(root: Path, header: str = "") -> np.ndarray:
    """Write a recording of each of two classes, of two channels."""
    values = np.stack([STEPS, -STEPS])
    put_csv(root, "run/a.csv", values, header)
    put_csv(root, "walk/b.csv", values + 100, header)
    return values


@pytest.mark.parametrize("header", ["", "left,right", '"left";"right"'])
def test_columns_are_channels_and_rows_are_time_steps(tmp_path: Path, header: str) -> None:
    values = two(tmp_path, header.replace(";", ","))
    raw = read(str(tmp_path))
    assert raw.classes is not None
    assert (raw.y.tolist(), raw.classes.tolist(), raw.recording) == ([0, 1], ["run", "walk"], None)
    assert raw.x.tolist() == [values.tolist(), (values + 100).tolist()]
    assert pool_of(raw).task.input_shape == (2, 10)


def test_a_column_of_times_is_no_channel(tmp_path: Path) -> None:
    two(tmp_path, "Time,speed")
    raw = read(str(tmp_path))
    assert raw.x[:, 0].tolist() == [(-STEPS).tolist(), (100 - STEPS).tolist()]
    assert raw.x.shape == (2, 1, 10)
    assert raw.notes == ("A column of times is left out: it is no channel.",)


@pytest.mark.parametrize(
    ("width", "frames", "values"),
    [
        (1, bytes([0, 128, 192]), [-1, 0, 0.5]),  # unsigned
        (2, b"\x00\x80\x00\x00\x00\x40", [-1, 0, 0.5]),
        (3, b"\x00\x00\x80\x00\x00\x00\x00\x00\x40", [-1, 0, 0.5]),
        (4, b"\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x40", [-1, 0, 0.5]),
    ],
)
def test_pcm_becomes_numbers_from_minus_1_to_1(tmp_path: Path, width: int, frames: bytes, values: list[float]) -> None:
    put_wav(tmp_path, "cat/a.wav", frames, width)
    assert read(str(tmp_path)).x.tolist() == [[values]]


def test_stereo_has_two_channels(tmp_path: Path) -> None:
    both = np.array([[1, 2, 3], [-1, -2, -3]], "<i2")
    put_wav(tmp_path, "cat/a.wav", both.T.tobytes(), channels=2)
    assert (read(str(tmp_path)).x[0] * 2**15).tolist() == both.tolist()


def test_recordings_are_cut_into_windows(tmp_path: Path) -> None:
    """Of 10 samples in windows of 4 with a hop of 3 there are three: from 0, 3 and 6."""
    values = two(tmp_path)
    raw = read(str(tmp_path), Reading(window=4, hop=3))
    assert raw.recording is not None
    assert (raw.y.tolist(), raw.recording.tolist()) == ([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1])
    assert raw.x[:3].tolist() == [values[:, begin : begin + 4].tolist() for begin in (0, 3, 6)]
    assert raw.notes[0].startswith("6 windows of 4 samples are cut from 2 recordings.")
    pool = pool_of(raw)
    assert pool.recording is not None
    assert pool.recording.tolist() == raw.recording.tolist()


@pytest.mark.parametrize(
    ("window", "hop", "overlap"), [(4, 4, 0), (4, 0, 0), (4, 5, 0), (4, 2, 1), (4, 3, 1), (4, 1, 3)]
)
def test_as_many_windows_overlap_as_share_samples(tmp_path: Path, window: int, hop: int, overlap: int) -> None:
    two(tmp_path)
    raw = read(str(tmp_path), Reading(window=window, hop=hop))
    first = raw.x[raw.recording == 0][:, 0]
    shared = sum(bool(set(first[0]) & set(other)) for other in first[1:])
    assert raw.overlap == overlap == shared


def test_seconds_are_samples_at_the_rate_of_the_file(tmp_path: Path) -> None:
    put_wav(tmp_path, "cat/a.wav", np.arange(100, dtype="<i2").tobytes(), rate=20)
    raw = read(str(tmp_path), Reading(window=2.0, hop=1.5, unit="seconds"))
    assert (raw.x * 2**15)[:, 0, [0, -1]].tolist() == [[0, 39], [30, 69], [60, 99]]


def test_seconds_of_a_table_need_a_rate(tmp_path: Path) -> None:
    two(tmp_path)
    with pytest.raises(DataError, match=r"files do not say theirs. Say it: rate=50"):
        read(str(tmp_path), Reading(window=1.0, unit="seconds"))
    assert read(str(tmp_path), Reading(window=1.0, unit="seconds", rate=5)).x.shape == (4, 2, 5)


def test_a_length_cuts_off_or_fills_up(tmp_path: Path) -> None:
    put_csv(tmp_path, "cat/a.csv", np.ones((1, 3)))
    put_csv(tmp_path, "cat/b.csv", np.ones((1, 4)))
    put_csv(tmp_path, "dog/c.csv", np.ones((1, 6)))
    with pytest.raises(DataError, match=r"one length. Say which: length, or cut") as caught:
        read(str(tmp_path))
    assert "cat/b.csv has 4 samples, and 1 of 3 have 3 samples; dog/c.csv has 6" in caught.value.detail
    raw = read(str(tmp_path), Reading(length=4))
    assert raw.x[:, 0].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert raw.notes == ("Sequences are brought to 4 samples: 1 by cutting off, 1 by zeros at the end.",)


def test_what_is_shorter_than_a_window_is_left_out_and_told(tmp_path: Path) -> None:
    put_csv(tmp_path, "cat/a.csv", np.ones((1, 3)))
    put_csv(tmp_path, "dog/b.csv", np.ones((1, 4)))
    raw = read(str(tmp_path), Reading(window=4))
    assert (raw.y.tolist(), raw.classes.tolist() if raw.classes is not None else None) == ([0], ["dog"])
    assert raw.notes[0] == "1 of 2 files are shorter than a window, and left out: cat/a.csv."
    with pytest.raises(DataError, match="as long as a window"):
        read(str(tmp_path), Reading(window=5))


def test_other_rates_are_refused_or_brought_to_one(tmp_path: Path) -> None:
    slow, fast = (np.sin(2 * np.pi * 2 * np.arange(rate) / rate) for rate in (50, 100))  # two waves in a second
    for name, wave_form, rate in (("cat/a.wav", slow, 50), ("dog/b.wav", fast, 100), ("dog/c.wav", fast, 100)):
        put_wav(tmp_path, name, (wave_form * 2**14).astype("<i2").tobytes(), rate=rate)
    with pytest.raises(DataError, match=r"one rate. Say which they are brought to: rate") as caught:
        read(str(tmp_path))
    assert caught.value.detail == "cat/a.wav has 50 samples a second, and 2 of 3 have 100 samples a second"
    raw = read(str(tmp_path), Reading(rate=50))
    assert raw.x.shape == (3, 1, 50)
    assert np.abs(raw.x[1] - raw.x[0])[:, 5:-5].max() < 0.02  # the same waves, but for where the filter begins
    assert raw.notes == ("Recordings of another rate are brought to 50 samples a second.",)


def test_without_scipy_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_wav(tmp_path, "cat/a.wav", bytes(8), rate=50)
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    assert read(str(tmp_path), Reading(rate=50)).x.shape == (1, 1, 4)
    with pytest.raises(DataError, match=r"package scipy must be installed. pip install \"flwr-nas\[audio\]\""):
        read(str(tmp_path), Reading(rate=25))


# ---------------------------------------------------------------- labels.csv


def labelled(root: Path, *rows: str, head: str = "file,label,client,split") -> None:
    for name in ("ann/a.csv", "bob/b.csv"):
        put_csv(root, name, np.ones((1, 3)))
    (root / "labels.csv").write_text("\n".join([head, *rows]))


def test_a_table_may_say_what_each_file_is_of(tmp_path: Path) -> None:
    labelled(tmp_path, "bob/b.csv,run,bob,test", "ann/a.csv,walk,ann,train")
    raw = read(str(tmp_path))
    assert raw.classes is not None
    assert raw.client is not None
    assert raw.split is not None
    assert (raw.y.tolist(), raw.classes.tolist()) == ([0, 1], ["run", "walk"])
    assert (raw.client.tolist(), raw.split.tolist()) == ([1, 0], [1, 0])


def test_the_table_may_be_short_and_leave_files_out(tmp_path: Path) -> None:
    labelled(tmp_path, "ann/a.csv;walk", head="file;activity")
    raw = read(str(tmp_path), Reading(label="activity"))
    assert (raw.y.tolist(), raw.client, raw.split) == ([0], None, None)
    assert raw.notes == ("labels.csv does not name all files, and others are left out: bob/b.csv.",)


WRONG_TABLES = [
    (["ann/a.csv,walk,ann,train"], "file,kind,client,split", "columns file and label", "it has file, kind"),
    ([], "file,label", "must name files", ""),
    (["ann/a.csv,walk,,", "ann/a.csv,run,,"], "file,label,client,split", "each file once", "ann/a.csv"),
    (["ann/a.csv,,,"], "file,label,client,split", "name a file and its label", "row 2"),
    (["ann/a.csv,walk,,later"], "file,label,client,split", "train or test", "row 2: 'later'"),
    (["ann/a.csv,walk,ann,", "bob/b.csv,run,,"], "file,label,client,split", "of all files, or of none", ""),
    (["ann/z.csv,walk,,"], "file,label,client,split", "must be a recording", "ann/z.csv cannot be read"),
]


@pytest.mark.parametrize(("rows", "head", "rule", "detail"), WRONG_TABLES, ids=[rule for _, _, rule, _ in WRONG_TABLES])
def test_a_table_that_makes_no_sense_is_refused(
    tmp_path: Path, rows: list[str], head: str, rule: str, detail: str
) -> None:
    labelled(tmp_path, *rows, head=head)
    with pytest.raises(DataError, match=rule) as caught:
        read(str(tmp_path))
    assert detail in caught.value.detail


# ---------------------------------------------------------------- what is refused


def broken_wav(root: Path) -> None:
    put_wav(root, "cat/a.wav", bytes(100))
    whole = (root / "cat/a.wav").read_bytes()
    (root / "cat/a.wav").write_bytes(whole[:80])


def other_channels(root: Path) -> None:
    put_csv(root, "cat/a.csv", np.ones((2, 3)), "left,right")
    put_csv(root, "cat/b.csv", np.ones((2, 3)), "left,right")
    put_csv(root, "cat/c.csv", np.ones((2, 3)), "left,wrong")


def some_without_names(root: Path) -> None:
    two(root, "left,right")
    put_csv(root, "walk/c.csv", np.ones((2, 10)))


def same_names_twice(root: Path) -> None:
    put_csv(root, "cat/a.csv", np.ones((3, 2)), "x,x,y")
    put_csv(root, "cat/b.csv", np.ones((3, 2)), "x,x,y")
    put_csv(root, "cat/c.csv", np.ones((3, 2)), "x,y,x")


def mono_and_stereo(root: Path) -> None:
    for name, channels in (("cat/a.wav", 1), ("cat/b.wav", 1), ("cat/c.wav", 2)):
        put_wav(root, name, bytes(8 * channels), channels=channels)


def no_wav_at_all(root: Path) -> None:
    (root / "cat").mkdir()
    (root / "cat/a.wav").touch()


def with_a_picture(root: Path) -> None:
    two(root)
    (root / "run/a.png").touch()


def written(text: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        two(root)
        (root / "run/c.csv").write_text(text)

    return make


BAD: list[tuple[Callable[[Path], object], str, str]] = [
    (written(""), "must be a recording", "run/c.csv cannot be read (it is empty)"),
    (written("left,right\n"), "must be a recording", "run/c.csv cannot be read (it holds no samples)"),
    (written("1,2\n3,x\n"), "must be a recording", "run/c.csv cannot be read (line 2, column 2: 'x' is no number)"),
    (written("a,b\n1,2\n3,x\n"), "must be a recording", "(line 3, column 'b': 'x' is no number)"),
    (written("a;b\n1;2,5\n3;x\n"), "must be a recording", "(line 3, column 'b': 'x' is no number)"),
    (written("1,2\n3,nan\n"), "must be a recording", "(line 2, column 2 is empty ('nan'))"),
    (written("a,b\n1,\n3,4\n"), "must be a recording", "(line 2, column 'b' is empty)"),
    (written("1,,2\n3,4,5\n"), "must be a recording", "(line 1, column 2 is empty)"),
    (written("a,b\n1,2\n3,4\n,\n5,6\n"), "must be a recording", "(line 4 is empty)"),
    (written("1,2\n3,1e39\n"), "must be a recording", "(line 2, column 2: '1e39' is no finite number of 32 bits)"),
    (written("1,2\n3\n"), "must be a recording", "(row 2 has 1, the first one 2)"),
    (written('a;b\n"1,234";5\n"1,235";6\n'), "must be a recording", "(line 2, column 'a': 1,234 may be 1234 or 1.234)"),
    (written("1\n2\n"), "same number of channels", "run/c.csv has 1 channel, and 2 of 3 have 2 channels"),
    (broken_wav, "must be a recording", "cat/a.wav cannot be read (it ends too early)"),
    (no_wav_at_all, "must be a recording", "cat/a.wav cannot be read (it ends too early)"),
    (
        mono_and_stereo,
        "same number of channels. Convert those that differ, such as stereo to mono",
        "cat/c.wav has 2 channels, and 2 of 3 have 1 channel",
    ),
    (
        other_channels,
        "same channels. Leave out columns that others lack",
        "cat/c.csv has the channels left, wrong, and 2 of 3 have the channels left, right",
    ),
    (same_names_twice, "same channels", "cat/c.csv has the channels x, y, x, and 2 of 3 have the channels x, x, y"),
    (
        some_without_names,
        "must have names, or those of none. Write the same names",
        "walk/c.csv has 2 channels without names, and 2 of 3 have the channels left, right",
    ),
    (with_a_picture, "images or recordings", "images: 1, and recordings: 2"),
]


@pytest.mark.parametrize(("make", "rule", "detail"), BAD, ids=[f"{rule}-{detail[:40]}" for _, rule, detail in BAD])
def test_a_folder_of_another_kind_names_the_file(
    tmp_path: Path, make: Callable[[Path], object], rule: str, detail: str
) -> None:
    make(tmp_path)
    with pytest.raises(DataError, match=rule) as caught:
        read(str(tmp_path))
    assert detail in caught.value.detail


@pytest.mark.parametrize(
    "text",
    [
        "a;b\n0,5;-1\n1,25;2\n",
        "0,5;-1\n1,25;2\n",
        "0,5;-1,0\n1,25;2,0\n",
        "a\tb\n0.5\t-1\n1.25\t2\n",
        "sep=|\na|b\n0.5|-1\n1.25|2\n",
    ],
)
def test_fields_and_decimals_are_read_as_those_of_tables_are(tmp_path: Path, text: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/a.csv").write_text(text)
    raw = read(str(tmp_path))
    assert raw.x.tolist() == [[[0.5, 1.25], [-1, 2]]]
    commas = ("In 1 of 1 recordings numbers have commas: in run/a.csv 0,5 is read as 0.5.",)
    assert raw.notes == (commas if "0,5" in text else ())


def test_what_other_programs_write_around_samples_is_read(tmp_path: Path) -> None:
    """The index of pandas, the times of a logger, and the blank lines that csv writes on Windows unless told not to."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/a.csv").write_text(",0,1\n0,5,7\n1,6,8\n")
    (tmp_path / "run/b.csv").write_text("timestamp,0,1\n2024-01-01 10:00,5,7\n2024-01-01 10:01,6,8\n")
    (tmp_path / "run/c.csv").write_bytes(b"0,1,time\r\r\n5,7,x\r\r\n6,8,\r\r\n\r\r\n")
    assert read(str(tmp_path)).x.tolist() == [[[5, 6], [7, 8]]] * 3


def test_channels_are_taken_by_their_names(tmp_path: Path) -> None:
    values = two(tmp_path, "left,right")
    put_csv(tmp_path, "walk/c.csv", values[::-1], "right,left")
    raw = read(str(tmp_path))
    assert raw.x[2].tolist() == raw.x[0].tolist() == values.tolist()
    assert raw.notes == ("In 1 of 3 recordings the columns come in another order, and are taken by their names.",)


def test_recordings_that_cannot_be_read_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    written("1,2\n3,x\n")(tmp_path)
    raw = read(str(tmp_path), Reading(skip_bad=True))
    assert raw.y.tolist() == [0, 1]
    assert raw.notes == ("1 file cannot be read, and is left out: run/c.csv.",)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"hop": 2.0}, "hop is from one window to the next"),
        ({"window": 4.0, "length": 4.0}, "a length or are cut into windows"),
        ({"window": 2.5}, "window must be whole samples"),
        ({"window": -1.0}, "window must be 0 or more"),
        ({"length": float("nan")}, "length must be 0 or more"),
        ({"unit": "minutes"}, "unit must be one of samples, seconds"),
        ({"rate": -5}, "rate must be 0 or more"),
    ],
)
def test_lengths_that_make_no_sense_are_refused(values: dict[str, object], rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        Reading(**values)
