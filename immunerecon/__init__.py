"""Immune-reconstitution flow cytometry: from FCS folders to recovery curves.

The names below are the public face; everything else may move. They are imported when they are
first used, so that ``import immunerecon`` stays quick.
"""

from importlib import import_module

__version__ = "0.1.0"

_PUBLIC = {
    "read_study": "study.folder",
    "Study": "study.folder",
    "sample_study": "simulate.samples",
    "simulate_trial": "simulate.folder",
    "read_fcs": "cytometry.fcs",
    "Tube": "cytometry.tube",
    "load_strategy": "gating.strategy_file",
    "Strategy": "gating.strategy",
    "gate_tube": "gating.engine",
    "GatedTube": "gating.gated_tube",
    "picture_gates": "gating.pictures",
    "run_study": "pipeline.run",
    "regate": "pipeline.run",
    "load_results": "pipeline.results",
    "Results": "pipeline.results",
    "persistence_table": "kinetics.persistence",
    "recovery_table": "kinetics.recovery",
    "cohort_recovery_table": "kinetics.cohort",
    "write_figures": "report.outputs",
    "write_report": "report.outputs",
    "ImmunereconError": "errors",
    "ImmunereconWarning": "errors",
    "StudyError": "errors",
    "TubeError": "errors",
}

__all__ = [*sorted(_PUBLIC), "__version__", "figures"]


def __getattr__(name: str) -> object:
    if name == "figures":
        return import_module("immunerecon.figures")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'immunerecon' has no attribute {name!r}")
    value = getattr(import_module(f"immunerecon.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
