"""How well our populations match manual labels of every event: the GvHD set of FlowCAP-I.

Prints the F1 of each file: our strategy by each tube's own boundaries, the same with the model that
the six tubes share, and a Gaussian mixture with as many components on the same values. Populations
are matched as in FlowCAP-I: for each manual population the best F1 of any of ours, weighted by the
size of the manual population; events that nobody gated are left out.

Aghaeepour N, et al. Nat Methods 2013;10:228-238. doi:10.1038/nmeth.2365

    python benchmarks/flowcap.py FOLDER_OF_REAL_FILES
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.transforms import Linear
from immunerecon.gating.borrowing import TubeIdentity, borrow
from immunerecon.gating.engine import evidence_of, gate_tube
from immunerecon.gating.gated_tube import GatedTube
from immunerecon.gating.models.features import features
from immunerecon.gating.placement import ALONE
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.study.panel import find_markers

STRATEGY = Path(__file__).parents[1] / "tests" / "strategies" / "gvhd.yaml"
LEAVES = ("CD4_T", "CD8_T", "DN_T", "Monocytes", "Negative")
_CHANNELS = {"CD4": "FL1.H", "CD8b": "FL2.H", "CD3": "FL3.H", "CD8": "FL4.H"}
_TOP = 1024.0  # channel numbers of a ten-bit converter
Labels = NDArray[np.intp]


def matched_f1(manual: Labels, found: Labels) -> float:
    """Return the F1 of matched populations, over the events with a manual label (not 0).

    Parameters
    ----------
    manual, found : ndarray of int, shape (n,)
        Population of each event by hand, and by a method.

    Returns
    -------
    float
        0-1.

    Examples
    --------
    >>> round(matched_f1(np.array([1, 1, 1, 2, 0]), np.array([5, 5, 7, 7, 5])), 3)
    0.767
    """
    gated = manual != 0
    manual, found = manual[gated], found[gated]
    total = 0.0
    for label, size in zip(*np.unique(manual, return_counts=True), strict=True):
        best = 0.0
        for cluster in np.unique(found):
            both = np.count_nonzero((manual == label) & (found == cluster))
            best = max(best, 2 * both / (size + np.count_nonzero(found == cluster)))
        total += size * best
    return float(total / manual.size)


def gate_all(folder: Path) -> dict[str, list[GatedTube]]:
    """Return the six tubes gated alone, and with the model that they share."""
    strategy = load_strategy(STRATEGY)
    tubes = [read_fcs(path) for path in sorted(folder.glob("flowcap_gvhd_*.fcs"))]
    found = find_markers([(c.name, c.label) for c in tubes[0].channels], _CHANNELS)
    markers = {marker: found[marker] for marker in strategy.markers() if marker in found}
    how = {"markers": markers, "scales": dict.fromkeys(markers, Linear(_TOP))}
    evidence = {number: evidence_of(tube, strategy, **how) for number, tube in enumerate(tubes)}
    who = dict.fromkeys(evidence, TubeIdentity("", "gvhd", "draw", -1.0, "one"))
    placed = borrow(evidence, who)
    return {
        name: [
            gate_tube(tube, strategy, **how, placement=placement.get(number, ALONE))
            for number, tube in enumerate(tubes)
        ]
        for name, placement in (("boundaries", {}), ("model", placed))
    }


def leaves(gated: GatedTube) -> Labels:
    """Return the number of each event's population, 0 for none."""
    labels = np.zeros(gated.n_events, dtype=np.intp)
    for number, population in enumerate(LEAVES, start=1):
        labels[gated.members[population]] = number
    return labels


def gaussian_mixture(gated: GatedTube, components: int) -> Labels:
    """Return the component of each event in a plain mixture of one tube."""
    from sklearn.mixture import GaussianMixture

    values = features(gated.columns, tuple(gated.columns))
    mixture = GaussianMixture(components, n_init=3, random_state=0)
    return mixture.fit_predict((values - values.mean(axis=0)) / values.std(axis=0))


def table(folder: Path) -> pd.DataFrame:
    """Return one row a file."""
    gated = gate_all(folder)
    rows = []
    for number, path in enumerate(sorted(folder.glob("flowcap_gvhd_*.labels.csv"))):
        manual = pd.read_csv(path)["label"].to_numpy(dtype=np.intp)
        row = {"file": path.name.partition(".")[0]}
        row |= {name: matched_f1(manual, leaves(tubes[number])) for name, tubes in gated.items()}
        for components in (len(LEAVES), 4):
            found = gaussian_mixture(gated["model"][number], components)
            row[f"Gaussian mixture of {components}"] = matched_f1(manual, found)
        rows.append(row)
    return pd.DataFrame(rows).set_index("file")


def main() -> None:
    """Print the table and its means."""
    found = table(Path(sys.argv[1]) / "labelled_tables" / "flowcap1_gvhd")
    found.loc["mean"] = found.mean()
    print(found.round(3).to_string())


if __name__ == "__main__":
    main()
