from . import flowcytometrytools as flowcytometrytools, flowkit as flowkit
from .anndata import study_to_anndata as study_to_anndata, to_anndata as to_anndata
from .estimators import (
    BoundaryEstimator as BoundaryEstimator,
    PopulationFeatures as PopulationFeatures,
)
from .fcs import write_population as write_population, write_populations as write_populations
from .gated import (
    GatedEvents as GatedEvents,
    each_gated_events as each_gated_events,
    gated_events as gated_events,
)
