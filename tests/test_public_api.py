"""The public names are those that are promised, each documented, and the import is quick."""

import subprocess
import sys

import immunerecon

PROMISED = {
    "GatedTube", "ImmunereconError", "Results", "Strategy", "Study",
    "StudyError", "Tube", "TubeError", "cohort_recovery_table", "figures", "interop",
    "gate_tube", "load_overrides", "load_results", "load_strategy", "persistence_table",
    "picture_gates", "read_fcs", "read_study", "recovery_table", "regate", "review_gates",
    "run_study", "sample_results", "sample_study", "simulate_trial", "write_figures",
    "write_report",
}  # fmt: skip


def test_public_names_are_the_promised_ones() -> None:
    assert set(immunerecon.__all__) == PROMISED == set(dir(immunerecon))
    assert len(PROMISED) < 40


def test_every_public_name_is_there_and_documented() -> None:
    for name in PROMISED:
        assert getattr(immunerecon, name).__doc__, name


def test_import_pulls_in_no_heavy_library() -> None:
    code = "import sys, immunerecon; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"numpy", "pandas", "scipy", "sklearn", "matplotlib", "seaborn", "statsmodels"}
    assert not heavy & set(loaded)
