"""Progress: a bar for a person who watches, a few plain lines for a log."""

import pytest

from immunerecon.pipeline.progress import track


def test_a_log_gets_ten_plain_lines_at_the_most(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(95), 95, "Gating")) == list(range(95))
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 10
    assert (lines[0], lines[-1]) == ("Gating: 10 of 95", "Gating: 95 of 95")


def test_a_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # what a terminal is to rich
    assert list(track("abc", 3, "Gating")) == ["a", "b", "c"]
    told = capsys.readouterr().err
    assert "Gating" in told
    assert "\x1b[" in told
    assert "1 of 3" not in told


def test_nothing_to_do_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([], 0, "Gating")) == []
    assert capsys.readouterr().err == ""
