from . import figures as figures, interop as interop
from .cytometry.fcs import read_fcs as read_fcs
from .cytometry.tube import Tube as Tube
from .errors import (
    ImmunereconError as ImmunereconError,
    StudyError as StudyError,
    TubeError as TubeError,
)
from .gating.engine import gate_tube as gate_tube
from .gating.gated_tube import GatedTube as GatedTube
from .gating.overrides.override_file import load_overrides as load_overrides
from .gating.pictures import picture_gates as picture_gates
from .gating.strategy import Strategy as Strategy
from .gating.strategy_file import load_strategy as load_strategy
from .kinetics.cohort import cohort_recovery_table as cohort_recovery_table
from .kinetics.persistence import persistence_table as persistence_table
from .kinetics.recovery import recovery_table as recovery_table
from .pipeline.results import Results as Results, load_results as load_results
from .pipeline.run import regate as regate, run_study as run_study
from .pipeline.samples import sample_results as sample_results
from .report.outputs import write_figures as write_figures, write_report as write_report
from .review.notebook import review_gates as review_gates
from .simulate.folder import simulate_trial as simulate_trial
from .simulate.samples import sample_study as sample_study
from .study.folder import Study as Study, read_study as read_study

__version__: str
