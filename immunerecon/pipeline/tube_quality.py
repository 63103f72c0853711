"""The quality of a tube in numbers: events left out, doublets, events at the top of a scale."""

from immunerecon.cytometry.quality import Cleaning
from immunerecon.cytometry.tube import Tube
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.residual_spillover import residual_spillover, spillover_flags
from immunerecon.pipeline.jobs import TubeJob, markers_of

MANY_DOUBLETS = 0.15
QUALITY_COLUMNS = (
    *("n_nonfinite", "n_margin", "n_time", "n_clogged", "n_carried_over", "n_saturated"),
    "n_doublets",
)


def quality_facts(cleaning: Cleaning, gated: GatedTube) -> dict[str, int | None]:
    """Return the numbers of `QUALITY_COLUMNS`; no doublets where no gate tells them."""
    counts = {name: getattr(cleaning, name) for name in QUALITY_COLUMNS[:-1]}
    return {**counts, "n_doublets": count_doublets(gated)}


def count_doublets(gated: GatedTube) -> int | None:
    """Return how many events the gate on single cells leaves out, None without such a gate."""
    if "Singlets" not in gated.members:
        return None
    return gated.count(gated.gate_of("Singlets").parent) - gated.count("Singlets")


def quality_flags(
    tube: Tube, cleaning: Cleaning, gated: GatedTube, job: TubeJob
) -> tuple[str, ...]:
    """Return what a person should look at in a tube before its gates."""
    left = residual_spillover(tube, gated, job.strategy, markers_of(tube, job))
    return (*tube.flags, *cleaning.flags, *_doublet_flags(gated), *spillover_flags(left))


def _doublet_flags(gated: GatedTube) -> tuple[str, ...]:
    """Return a flag where a large part of the cells are doublets."""
    doublets = count_doublets(gated)
    if not doublets:
        return ()
    share = doublets / gated.count(gated.gate_of("Singlets").parent)
    return (f"{share:.0%} of the events are doublets",) if share > MANY_DOUBLETS else ()
