"""Odd and malformed FCS files: each is refused for its one reason, or read with its flag."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.errors import FcsError

ROWS = np.array([[1, 20, 300], [4, 50, 600], [7, 80, 900], [8, 90, 1000]], dtype="<f4")
TEXT_BEGIN = 58


def fcs(
    keywords: dict[str, str | None] | None = None,
    *,
    data: bytes = ROWS.tobytes(),
    header: dict[int, str] | None = None,
    offsets: tuple[int, int] = (0, 0),
    delimiter: str = "/",
    raw_end: str = "",
    tail: bytes = b"",
    version: str = "FCS3.1",
    final_delimiter: bool = True,
    encoding: str = "utf-8",
) -> bytes:
    """Build a file of three float channels; `keywords` replaces or (None) drops keywords.

    `header` replaces HEADER fields by their first byte; `offsets` moves begin and end of DATA
    as HEADER and TEXT state them; `raw_end` is added to TEXT as it stands.
    In values, {size} is the length of the data set and {last} 21 bytes more.
    """
    pairs: dict[str, str | None] = {
        "$BEGINDATA": "{begin}",
        "$ENDDATA": "{end}",
        "$BEGINSTEXT": "0",
        "$ENDSTEXT": "0",
        "$MODE": "L",
        "$DATATYPE": "F",
        "$BYTEORD": "1,2,3,4",
        "$NEXTDATA": "0",
        "$PAR": "3",
        "$TOT": "4",
    }
    for n, name in enumerate(("FSC-A", "FITC-A", "PE-A"), start=1):
        pairs |= {f"$P{n}N": name, f"$P{n}B": "32", f"$P{n}R": "1024", f"$P{n}E": "0,0"}
    pairs |= keywords or {}
    blank = delimiter + delimiter.join(
        part for name, value in pairs.items() if value is not None for part in (name, value)
    )
    blank += delimiter * final_delimiter + raw_end

    def filled(begin: int, end: int, size: int) -> bytes:
        text = blank.replace("{begin}", f"{begin:>8}").replace("{end}", f"{end:>8}")
        return (
            text.replace("{size}", f"{size:>8}")
            .replace("{last}", f"{size + 21:>8}")
            .encode(encoding)
        )

    begin = TEXT_BEGIN + len(filled(0, 0, 0))
    size = begin + len(data)
    stated = (begin + offsets[0], size - 1 + offsets[1])
    start = version + "    "
    start += "".join(f"{field:>8}" for field in (TEXT_BEGIN, begin - 1, *stated, 0, 0))
    for at, field in (header or {}).items():
        start = start[:at] + f"{field:>8}" + start[at + 8 :]
    return start.encode() + filled(*stated, size) + data + tail


@dataclass(frozen=True)
class Case:
    """A file, and the words that its refusal or its flag must hold."""

    number: int
    content: bytes
    words: str
    keyword: str = ""

    def __str__(self) -> str:
        return f"{self.number} {self.words}".replace(" ", "-")


def integers(**more: str | None) -> dict[str, str | None]:
    """Return keywords for three 16-bit integer channels."""
    widths = {f"$P{n}B": "16" for n in (1, 2, 3)}
    return {"$DATATYPE": "I", **widths, **{f"${key}": value for key, value in more.items()}}


WORDS16 = np.array([[1, 20, 300], [4, 50, 600], [7, 80, 900], [8, 90, 1000]], "<u2").tobytes()
VALID = fcs()
TWO_SETS = fcs({"$NEXTDATA": "{size}"}) + fcs(data=(ROWS + 1).tobytes())
FIRST_SET = fcs({"$NEXTDATA": "{size}"})
BACK_TO_THE_FIRST = FIRST_SET + fcs({"$NEXTDATA": str(-len(FIRST_SET))})
NAN_ROWS = np.tile(ROWS, (1000, 1))
NAN_ROWS[:5, 1] = np.nan

REFUSED = [
    Case(1, b"", "empty"),
    Case(2, VALID[:40], "its HEADER alone needs 58", "HEADER"),
    Case(3, b"\xff\xd8\xff\xe0" + bytes(100), "JPEG"),
    Case(3, b"PK\x03\x04" + bytes(100), "ZIP"),
    Case(3, b"patient,day\n1,7\n" * 9, "does not begin with FCS"),
    Case(3, b"version https://git-lfs.github.com/spec/v1\noid sha256:0e35\n", "Git LFS"),
    Case(4, fcs(version="FCS1.0"), "unknown version", "HEADER"),
    Case(4, fcs(version="FCS4.0"), "unknown version", "HEADER"),
    Case(5, VALID[:200], "TEXT should end", "HEADER"),
    Case(6, VALID[:-1], "the file ends at byte", "$ENDDATA"),
    Case(6, VALID[:-12], "the file ends at byte", "$ENDDATA"),
    Case(8, fcs(header={26: "12x4"}), "is not a number", "HEADER"),
    Case(9, fcs(header={26: "-900"}), "negative", "HEADER"),
    Case(9, fcs(offsets=(-90000, 0)), "negative", "HEADER"),
    Case(10, fcs(header={34: "60"}), "before it begins", "HEADER"),
    Case(10, fcs(header={18: "50"}), "before it begins", "HEADER"),
    Case(10, fcs(header={18: "57"}), "does not say where TEXT lies", "HEADER"),
    Case(11, fcs(offsets=(9000, 9000)), "the file ends at byte", "$ENDDATA"),
    Case(11, fcs(header={34: "999999"}), "the file ends at byte", "$ENDDATA"),
    Case(12, fcs(offsets=(-20, -20)), "overlaps TEXT", "$BEGINDATA"),
    Case(17, fcs({"$TOT": "5"}), "ask for 60", "$TOT"),
    Case(18, fcs({"$TOT": "3"}), "ask for 36", "$TOT"),
    Case(19, fcs({"$TOT": "4000000000"}), "ask for 48,000,000,000", "$TOT"),
    Case(20, fcs({"$TOT": "-4"}), "is -4", "$TOT"),
    Case(20, fcs({"$TOT": "four"}), "not a whole number", "$TOT"),
    Case(20, fcs({"$TOT": None}), "is missing", "$TOT"),
    Case(22, fcs({"$PAR": "100000000"}), "1 to 512", "$PAR"),
    Case(23, fcs({"$PAR": "0"}), "1 to 512", "$PAR"),
    Case(23, fcs({"$PAR": None}), "is missing", "$PAR"),
    Case(24, fcs({"$PAR": "2", "$TOT": "6"}), "describes channel 3", "$PAR"),
    Case(24, fcs({"$PAR": "4", "$TOT": "3"}), "has no name", "$P4N"),
    Case(25, fcs({"$DATATYPE": "Q"}), "unknown data type", "$DATATYPE"),
    Case(25, fcs({"$DATATYPE": None}), "is missing", "$DATATYPE"),
    Case(26, fcs({"$DATATYPE": "A"}), "not supported", "$DATATYPE"),
    Case(27, fcs({"$MODE": "H"}), "not a list of events", "$MODE"),
    Case(28, fcs(integers(P2B="0"), data=WORDS16), "8 to 64", "$P2B"),
    Case(28, fcs(integers(P2B="7"), data=WORDS16), "8 to 64", "$P2B"),
    Case(28, fcs(integers(P2B="*"), data=WORDS16), "not a whole number", "$P2B"),
    Case(28, fcs(integers(P2B=None), data=WORDS16), "no width", "$P2B"),
    Case(29, fcs({"$P1B": "16"}), "type F has 32", "$P1B"),
    Case(29, fcs({"$DATATYPE": "D"}), "type D has 64", "$P1B"),
    Case(30, fcs({"$BYTEORD": "3,4,1,2"}), "accepted are", "$BYTEORD"),
    Case(30, fcs({"$BYTEORD": None}), "missing", "$BYTEORD"),
    Case(31, fcs({"$P2N": None}), "has no name", "$P2N"),
    Case(31, fcs({"$P2N": ""}), "has no name", "$P2N"),
    Case(32, fcs({"$P3N": "FITC-A"}), "two channels", "$P3N"),
    Case(33, fcs(integers(P2R="0"), data=WORDS16), "no range above 0", "$P2R"),
    Case(34, fcs({"$P2E": "4"}), "no amplification", "$P2E"),
    Case(34, fcs({"$P2E": "a,b"}), "no amplification", "$P2E"),
    Case(34, fcs({"$P2E": "-1,1"}), "no amplification", "$P2E"),
    Case(34, fcs({"$P2E": "400,1"}), "no amplification", "$P2E"),
    Case(34, fcs(integers(P2E=None), data=WORDS16), "no amplification", "$P2E"),
    Case(36, fcs({"$TOT": "4000"}, data=NAN_ROWS.tobytes()), "5 of 4000", ""),
    Case(45, fcs({"$NEXTDATA": "999999"}), "byte 999999", "$NEXTDATA"),
    Case(45, fcs({"$NEXTDATA": "-10"}), "byte -10", "$NEXTDATA"),
    Case(45, fcs({"$NEXTDATA": "100"}), "no data set begins", "$NEXTDATA"),
    Case(45, BACK_TO_THE_FIRST, "to begin at byte 0", "$NEXTDATA"),
    Case(46, TWO_SETS, "from 1 to 2 in the column dataset", "$NEXTDATA"),
    Case(47, fcs({"$CYT": "Canto/II", "$DATE": "1-APR-2026"}), "keyword $DATE stands", "TEXT"),
    Case(49, fcs(delimiter="a"), "cannot be its delimiter", "TEXT"),
    Case(49, fcs(delimiter="$"), "cannot be its delimiter", "TEXT"),
    Case(49, fcs(delimiter="\0", raw_end="x\0y\0\0"), "cannot be told apart", "TEXT"),
    Case(50, fcs(raw_end="$TOT/5/"), "twice with different values: $TOT", "TEXT"),
    Case(52, fcs({"HUGE": "x" * 10_000_000}), "longer than 1,000,000", "TEXT"),
    Case(52, fcs({f"BIG{n}": "x" * 900_000 for n in range(19)}), "TEXT is longer", "HEADER"),
]

READ = [
    Case(0, VALID, ""),
    Case(7, fcs(tail=b"00000000"), ""),
    Case(7, fcs(tail=b"\r\n"), ""),
    Case(7, fcs(tail=b"12345678"), "8 bytes after the last segment"),
    Case(7, fcs(tail=bytes(300)), "300 bytes after the last segment"),
    Case(13, fcs(offsets=(0, 1)), "off by one byte"),
    Case(13, fcs(offsets=(0, 1), tail=b"00000000"), "off by one byte"),
    Case(13, fcs(offsets=(0, -1)), "off by one byte"),
    Case(14, fcs(header={26: "0", 34: "0"}), ""),
    Case(15, fcs(header={26: "99999999", 34: "99999999"}), "99999999"),
    Case(16, fcs({"$BEGINDATA": None}), "$BEGINDATA is missing"),
    Case(16, fcs({"$BEGINDATA": None, "$ENDDATA": None}, version="FCS2.0"), ""),
    Case(27, fcs({"$MODE": None}), "$MODE is missing"),
    Case(27, fcs({"$MODE": None}, version="FCS3.2"), ""),
    Case(33, fcs({"$P3R": "0"}), "no $PnR"),
    Case(33, fcs({"$P3R": None}), "no $PnR"),
    Case(34, fcs({"$P3E": "4,1"}), "floats are linear"),
    Case(35, fcs({"$P3G": "0"}), "$PnG"),
    Case(47, fcs({"$CYT": "Canto//II"}), ""),
    Case(48, fcs(raw_end="EXTRA/"), "last keyword has no value"),
    Case(49, fcs(delimiter="\f"), ""),
    Case(49, fcs(delimiter="\x01"), "control character 0x01"),
    Case(49, fcs(delimiter="\0"), "control character 0x00"),
    Case(50, fcs(raw_end="$TOT/4/"), ""),
    Case(50, fcs({"$CYT": "A//B"}, raw_end="$CYT/A//B/"), ""),
    Case(51, fcs({"$P3S": "CD3 µ"}, encoding="latin-1"), "beyond ASCII"),
    Case(51, fcs({"$P3S": "CD3 µ"}), "beyond ASCII"),
    Case(53, fcs({"$P1S": "", "$CYT": "", "$P2S": ""}), ""),
    Case(53, fcs({"LAST": ""}), ""),
    Case(54, fcs(final_delimiter=False), "no final delimiter"),
    Case(56, fcs(offsets=(0, 1 - ROWS.nbytes)), "$TOT shows the right end"),
    Case(56, fcs(offsets=(0, 1 - ROWS.nbytes), tail=b"00000000"), "$TOT shows the right end"),
    Case(60, fcs(header={26: "", 34: ""}), ""),
]


def written(folder: Path, content: bytes) -> Path:
    """Write the file."""
    path = folder / "tube.fcs"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_is_refused_with_its_reason(case: Case, tmp_path: Path) -> None:
    with pytest.raises(FcsError) as caught:
        read_fcs(written(tmp_path, case.content))
    assert case.words in str(caught.value)
    assert caught.value.keyword == case.keyword


@pytest.mark.parametrize("case", READ, ids=str)
def test_is_read_with_its_flag(case: Case, tmp_path: Path) -> None:
    tube = read_fcs(written(tmp_path, case.content))
    np.testing.assert_array_equal(tube.events, ROWS)
    assert [channel.name for channel in tube.channels] == ["FSC-A", "FITC-A", "PE-A"]
    if case.words:
        assert len(tube.flags) == 1
        assert case.words in tube.flags[0]
    else:
        assert tube.flags == ()


@pytest.mark.malformed(21)
def test_no_events_is_read_and_flagged(tmp_path: Path) -> None:
    tube = read_fcs(written(tmp_path, fcs({"$TOT": "0"}, data=b"")))
    assert tube.events.shape == (0, 3)
    assert tube.flags == ("no events",)


def test_no_events_beside_data_is_told(tmp_path: Path) -> None:
    tube = read_fcs(written(tmp_path, fcs({"$TOT": "0"})))
    assert tube.events.shape == (0, 3)
    assert tube.flags[0] == "no events, although DATA has 48 bytes"


def test_missing_range_takes_the_largest_value(tmp_path: Path) -> None:
    tube = read_fcs(written(tmp_path, fcs({"$P3R": "0"})))
    assert [channel.maximum for channel in tube.channels] == [1024, 1024, 1000]


@pytest.mark.malformed(36)
def test_few_nan_stay_in_and_are_counted(tmp_path: Path) -> None:
    rows = np.tile(ROWS, (1000, 1))
    rows[7, 2] = np.inf
    rows[8, 0] = np.nan
    tube = read_fcs(written(tmp_path, fcs({"$TOT": "4000"}, data=rows.tobytes())))
    np.testing.assert_array_equal(tube.events, rows)
    assert tube.flags == ("2 of 4000 events have NaN or infinite values (FSC-A, PE-A)",)


@pytest.mark.malformed(37)
def test_constant_channel_is_flagged(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[:, 1] = 5
    tube = read_fcs(written(tmp_path, fcs(data=rows.tobytes())))
    assert tube.flags == ("every event has the same value (FITC-A)",)


@pytest.mark.malformed(38)
def test_time_that_runs_backwards_is_flagged(tmp_path: Path) -> None:
    content = fcs({"$P3N": "Time", "$TIMESTEP": "0.01"}, data=ROWS[::-1].tobytes())
    tube = read_fcs(written(tmp_path, content))
    assert tube.flags == ("time runs backwards",)
    np.testing.assert_allclose(tube.values("Time"), [10, 9, 6, 3], rtol=1e-6)


@pytest.mark.malformed(46)
@pytest.mark.parametrize(("dataset", "first"), [(1, 1.0), (2, 2.0)])
def test_one_of_several_data_sets(dataset: int, first: float, tmp_path: Path) -> None:
    tube = read_fcs(written(tmp_path, TWO_SETS), dataset=dataset)
    assert tube.events[0, 0] == first
    assert tube.flags == ()


@pytest.mark.parametrize("dataset", [0, 3, -1])
def test_a_data_set_that_is_not_there(dataset: int, tmp_path: Path) -> None:
    with pytest.raises(FcsError, match="the file holds 2"):
        read_fcs(written(tmp_path, TWO_SETS), dataset=dataset)


@pytest.mark.malformed(55)
def test_text_and_data_that_share_a_byte(tmp_path: Path) -> None:
    """HEADER gives as the end of TEXT the byte at which DATA begins (case 55)."""
    end = int(VALID[18:26])
    tube = read_fcs(written(tmp_path, fcs(header={18: str(end + 1)})))
    np.testing.assert_array_equal(tube.events, ROWS)
    assert tube.flags == (f"TEXT and DATA share byte {end + 1}, it is taken as DATA",)


def test_header_that_disagrees_with_text(tmp_path: Path) -> None:
    """HEADER begins inside TEXT; only the place that TEXT states holds four rows."""
    tube = read_fcs(written(tmp_path, fcs(header={26: "100"})))
    np.testing.assert_array_equal(tube.events, ROWS)
    assert tube.flags == ("HEADER and TEXT disagree where DATA begins, TEXT is right",)


@pytest.mark.malformed(57)
@pytest.mark.parametrize(
    ("bits", "order", "big"),
    [(10, "1,2", False), (10, "2,1", True), (12, "1,2", False), (12, "2,1", True)],
)
@pytest.mark.parametrize("packed", [True, False])
def test_odd_widths(bits: int, order: str, big: bool, packed: bool, tmp_path: Path) -> None:
    """Values of 10 or 12 bits, without gaps or each in 16 bits: the length of DATA tells."""
    values = np.array([[1, 20, 300], [4, 50, 600], [7, 80, 900], [8, 90, 1000]])
    if packed:
        strings = [format(value, f"0{bits}b") for value in values.ravel()]
        if big:
            stream = "".join(strings)
            stream += "0" * (-len(stream) % 8)
        else:
            stream = "".join(strings[::-1])
            stream = "0" * (-len(stream) % 8) + stream
        data = int(stream, 2).to_bytes(len(stream) // 8, "big" if big else "little")
    else:
        data = values.astype(">u2" if big else "<u2").tobytes()
    widths: dict[str, str | None] = {f"$P{n}B": str(bits) for n in (1, 2, 3)}
    content = fcs({"$DATATYPE": "I", "$BYTEORD": order, **widths}, data=data)
    tube = read_fcs(written(tmp_path, content))
    np.testing.assert_array_equal(tube.events, values)
    assert len(tube.flags) == (0 if packed else 1)


@pytest.mark.malformed(57)
@pytest.mark.parametrize("order", ["1,2,3,4", "4,3,2,1"])
def test_mixed_widths(order: str, tmp_path: Path) -> None:
    sign = "<" if order == "1,2,3,4" else ">"
    endian = "little" if sign == "<" else "big"
    rows = [(200, 70_000, 4_000_000_000), (3, 16_000_000, 5)]
    data = b"".join(
        struct.pack("B", a) + b.to_bytes(3, endian) + struct.pack(f"{sign}I", c) for a, b, c in rows
    )
    keywords = integers(P1B="8", P2B="24", P3B="32", P1R="256", P2R="16777216", TOT="2")
    keywords |= {"$P3R": "4294967296", "$BYTEORD": order}
    tube = read_fcs(written(tmp_path, fcs(keywords, data=data)))
    np.testing.assert_array_equal(tube.events, np.array(rows, dtype=np.float32))


@pytest.mark.malformed(58)
def test_bits_above_the_range_are_masked(tmp_path: Path) -> None:
    stored = np.array([[0xFC01, 20, 1023], [4, 0x8000 + 50, 600]], "<u2")
    keywords = integers(TOT="2", P1R="1024", P2R="1000", P3R="1024")
    tube = read_fcs(written(tmp_path, fcs(keywords, data=stored.tobytes())))
    np.testing.assert_array_equal(tube.events, [[1, 20, 1023], [4, 50, 600]])


@pytest.mark.malformed(59)
@pytest.mark.parametrize("order", ["1,2,3,4", "4,3,2,1"])
def test_mixed_types_of_fcs_3_2(order: str, tmp_path: Path) -> None:
    sign = "<" if order == "1,2,3,4" else ">"
    rows = [(1.5, 700, -2.25), (3.5, 1023, 1e300)]
    data = b"".join(struct.pack(f"{sign}fHd", *row) for row in rows)
    keywords = {"$P2DATATYPE": "I", "$P2B": "16", "$P3DATATYPE": "D", "$P3B": "64", "$TOT": "2"}
    with pytest.raises(FcsError, match="1 of 2 events"):  # 1e300 is infinite as float32
        read_fcs(
            written(tmp_path, fcs({**keywords, "$BYTEORD": order}, data=data, version="FCS3.2"))
        )
    data = data[: len(data) // 2] * 2
    tube = read_fcs(
        written(tmp_path, fcs({**keywords, "$BYTEORD": order}, data=data, version="FCS3.2"))
    )
    np.testing.assert_array_equal(tube.events, [[1.5, 700, -2.25]] * 2)


def test_logarithmic_and_amplified_integers_become_linear(tmp_path: Path) -> None:
    keywords = integers(P1G="4", P2E="4,1", P3E="3,0", P3G="8")
    tube = read_fcs(written(tmp_path, fcs(keywords, data=WORDS16)))
    stored = np.frombuffer(WORDS16, "<u2").reshape(4, 3)
    np.testing.assert_allclose(tube.values("FSC-A"), stored[:, 0] / 4)
    np.testing.assert_allclose(tube.values("FITC-A"), 10 ** (4 * stored[:, 1] / 1024), rtol=1e-6)
    np.testing.assert_allclose(tube.values("PE-A"), 10 ** (3 * stored[:, 2] / 1024), rtol=1e-6)
    assert [channel.maximum for channel in tube.channels] == [256, 10_000, 1000]
    assert tube.flags == ("$PnE has 0 for its lowest value, read as 1 (PE-A)",)


def test_only_allowed_keywords_leave_the_file(tmp_path: Path) -> None:
    standard = ("$OP", "$SRC", "$SMNO", "$CELLS", "$COM", "$EXP", "$INST", "$PROJ", "$FIL")
    private = dict.fromkeys((*standard, "PATIENT NAME", "SAMPLE ID", "GUID"), "Erika Mustermann")
    kept = {
        "$CYT": "Canto",
        "$DATE": "01-APR-2026",
        "$P1V": "450",
        "SPILL": "2,FITC-A,PE-A,1,0,0,1",
    }
    tube = read_fcs(written(tmp_path, fcs({**private, **kept})))
    assert tube.keywords == {"FCSVERSION": "FCS3.1", **kept}
    assert "Erika" not in repr(tube)


@pytest.mark.parametrize(
    "keywords",
    [{"$SRC": "Mustermann/Erika", "$DATE": "1"}, {"$SRC": "Mustermann/Erika", "$OP": "Mustermann"}],
)
def test_a_refusal_quotes_no_private_value(keywords: dict[str, str], tmp_path: Path) -> None:
    content = fcs(dict(keywords), raw_end="$SRC/Mustermann, E/")
    with pytest.raises(FcsError) as caught:
        read_fcs(written(tmp_path, content))
    assert "Erika" not in str(caught.value)
    assert "ustermann" not in str(caught.value)


@pytest.mark.malformed(78)
def test_control_characters_are_removed_from_names(tmp_path: Path) -> None:
    content = fcs({"$P2S": "\x1b[31mCD3\x1b[0m\x07 FITC", "$CYT": "Canto\x1b]0;own\x07 II"})
    tube = read_fcs(written(tmp_path, content))
    assert tube.channels[1].label == "CD3 FITC"
    assert tube.keywords["$CYT"] == "Canto II"


def test_supplemental_text_adds_keywords(tmp_path: Path) -> None:
    more = b"/$P2S/CD4 FITC/$TOT/9/"
    content = fcs({"$BEGINSTEXT": "{size}", "$ENDSTEXT": "{last}"}, tail=more)
    tube = read_fcs(written(tmp_path, content))
    assert tube.channels[1].label == "CD4 FITC"
    assert tube.n_events == 4
    assert tube.flags == ()


@pytest.mark.malformed(65)
def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, VALID)
    import immunerecon.cytometry.fcs as module

    read = module.read_columns

    def touch(*arguments: object) -> object:
        os.utime(path, ns=(1, 1))
        return read(*arguments)  # type: ignore[arg-type]  # passes on what it is given

    monkeypatch.setattr(module, "read_columns", touch)
    with pytest.raises(FcsError, match="changed while it was read"):
        read_fcs(path)


@pytest.mark.malformed(66)
def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.fcs"
    os.mkfifo(pipe)
    for path, words in (
        (pipe, "a pipe or a device"),
        (Path("/dev/null"), "a pipe or a device"),
        (tmp_path, "a folder"),
        (tmp_path / "none.fcs", "No such file"),
    ):
        with pytest.raises(FcsError, match=words):
            read_fcs(path)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    base=st.sampled_from([VALID, fcs(integers(P1B="10"), data=WORDS16), TWO_SETS]),
    edits=st.lists(st.tuples(st.integers(0, 900), st.binary(min_size=1, max_size=6)), max_size=6),
    cut=st.integers(0, 900),
)
def test_mutated_files_are_read_or_refused(
    base: bytes, edits: list[tuple[int, bytes]], cut: int, tmp_path: Path
) -> None:
    content = bytearray(base)
    for at, new in edits:
        content[at : at + len(new)] = new
    if cut > 450:
        del content[cut:]
    check_is_read_or_refused(bytes(content), tmp_path)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=400), is_fcs=st.booleans())
def test_random_bytes_are_refused(content: bytes, is_fcs: bool, tmp_path: Path) -> None:
    check_is_read_or_refused(VALID[:58] + content if is_fcs else content, tmp_path)


def check_is_read_or_refused(content: bytes, folder: Path) -> None:
    """Fail on any error but FcsError."""
    try:
        tube = read_fcs(written(folder, content))
    except FcsError:
        return
    assert tube.events.shape == (tube.n_events, len(tube.channels))
