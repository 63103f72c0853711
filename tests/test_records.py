"""Records are found by their inputs, whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from immunerecon.files import write_atomically
from immunerecon.pipeline.plan import code_digest
from immunerecon.pipeline.records import (
    Record,
    load_record,
    record_key,
    save_record,
    value_digest,
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    save_record(tmp_path, "gate-1", Record({"n": 3, "flags": ["µ"]}, {"donor NK HLA-A2": values}))
    found = load_record(tmp_path, "gate-1")
    assert found is not None
    assert found.facts == {"n": 3, "flags": ["µ"]}
    np.testing.assert_array_equal(found.arrays["donor NK HLA-A2"], values)


def test_the_same_record_has_the_same_bytes(tmp_path: Path) -> None:
    for key in ("a", "b"):
        save_record(tmp_path, key, Record({"z": 1, "a": 2}, {"x": np.ones(3)}))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    save_record(tmp_path, "a", Record({"n": 1}, {"x": np.arange(1000)}))
    whole = (tmp_path / "a.npz").read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        (tmp_path / "a.npz").write_bytes(whole[:cut])
        assert load_record(tmp_path, "a") is None
    assert load_record(tmp_path, "never made") is None


def test_no_changed_byte_passes_for_the_record(tmp_path: Path) -> None:
    record = Record({"n": 1, "flags": ["µ"]}, {"x": np.arange(40, dtype=np.float32)})
    save_record(tmp_path, "a", record)
    whole = (tmp_path / "a.npz").read_bytes()
    refused = 0
    for place in range(len(whole)):
        for bit in (1, 64):
            changed = whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
            (tmp_path / "a.npz").write_bytes(changed)
            found = load_record(tmp_path, "a")
            if found is None:
                refused += 1
                continue
            assert found.facts == record.facts
            np.testing.assert_array_equal(found.arrays["x"], record.arrays["x"])
    assert refused > len(whole)  # most bits; the others are dates and the like


def test_every_input_changes_the_key() -> None:
    keys = {
        record_key("gate", "sha", {"w": 0.5}),
        record_key("gate", "sha", {"w": 0.6}),
        record_key("gate", "shb", {"w": 0.5}),
        record_key("survey", "sha", {"w": 0.5}),
    }
    assert len(keys) == 4


@pytest.mark.parametrize("room", ["cytometry", "gating/models", "kinetics/estimators", "pipeline"])
def test_code_in_every_room_counts(tmp_path: Path, room: str) -> None:
    module = tmp_path / room / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text("LIMIT = 1\n")
    before = code_digest(tmp_path)
    module.write_text("LIMIT = 2\n")
    assert code_digest(tmp_path) != before


def test_a_failed_write_leaves_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_atomically(tmp_path / "table.csv", b"old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_change_deep_in_an_array_changes_the_digest() -> None:
    values = np.zeros(5_000, dtype=np.float32)
    other = values.copy()
    other[2_500] = 1
    assert value_digest(((values,), 1)) == value_digest(((values.copy(),), 1))
    assert value_digest(((values,), 1)) != value_digest(((other,), 1))
    assert value_digest([values[:2], values[2:]]) != value_digest([values])
