"""Gates of a FlowJo 10 workspace, read by FlowKit (the extra ``flowjo``).

FlowJo's biexponential scale becomes the logicle scale of the same parameters, which other programs
know too. FlowJo counts polygons on a grid of 256 bins, so single events near an edge may differ.
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from immunerecon.errors import StrategyError
from immunerecon.gating.exchange.flowjo_gates import WorkspaceGates
from immunerecon.gating.exchange.gating_document import GatingDocument
from immunerecon.gating.exchange.gating_ml_xml import check_xml
from immunerecon.gating.gate_order import gates_in_order
from immunerecon.gating.geometry.dimensions import SpectrumMatrix

LARGEST = 200_000_000  # bytes
MOST_ELEMENTS = 5_000_000
DEEPEST = 300  # a population within a population takes three levels
_INSTALL = "pip install 'immunerecon[flowjo]'"


def load_flowjo(path: Path, sample: str = "") -> GatingDocument:
    """Read the gates of one sample of a FlowJo 10 workspace.

    Parameters
    ----------
    path
        The .wsp file.
    sample
        Name of the FCS file, as FlowJo shows it. When left out, or not in the workspace, the
        workspace's gates are taken if they are the same for all of its samples.

    Returns
    -------
    GatingDocument
        Populations have FlowJo's names; where a name stands twice, that of the parent goes before
        it (``CD4/CD69+``). Gates that could not be taken over stand in `refused`.

    Raises
    ------
    StrategyError
        When FlowKit is not installed, the file is no FlowJo 10 workspace, or its samples have
        different gates and none is named.
    """
    stamp = _stamp(path)
    samples = _documents(path, stamp)
    if sample in samples:
        return samples[sample]
    found = list(samples.values())
    if not found:
        raise StrategyError(f"{path.name} has no sample")
    if all(_same(found[0], other) for other in found[1:]):
        return found[0]
    raise StrategyError(
        f"{path.name} has no sample {sample!r}, and its samples have different gates "
        f"(there are: {', '.join(samples)})"
    )


def flowjo_samples(path: Path) -> tuple[str, ...]:
    """Return the names of a workspace's samples; raises as `load_flowjo`."""
    return tuple(_documents(path, _stamp(path)))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise StrategyError(f"{path.name} cannot be read: {error.strerror}") from error
    if status.st_size > LARGEST:
        raise StrategyError(f"{path.name} is larger than {LARGEST // 1_000_000} MB")
    return status.st_mtime_ns, status.st_size


def _same(one: GatingDocument, other: GatingDocument) -> bool:
    return (one.gates, one.dimensions, one.matrices, one.refused) == (
        other.gates,
        other.dimensions,
        other.matrices,
        other.refused,
    )


@lru_cache(maxsize=4)
def _documents(path: Path, stamp: tuple[int, int]) -> Mapping[str, GatingDocument]:
    """Return the gates of each sample; `stamp` tells a file that has changed."""
    workspace = _open(path)
    return {
        name: _document(workspace, name, path.name)
        for name in workspace.get_sample_ids(loaded_only=False)
    }


def _open(path: Path) -> Any:  # noqa: ANN401 - FlowKit's workspace, which has no types
    try:
        import flowkit
    except ImportError as error:
        told = f"{path.name} is a FlowJo workspace, which FlowKit reads: {_INSTALL}"
        raise StrategyError(told) from error
    with path.open("rb") as stream:
        # FlowKit's own parser follows entities.
        check_xml(stream, path.name, deepest=DEEPEST, most=MOST_ELEMENTS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the FCS files are not loaded, which is meant
            return flowkit.Workspace(str(path), load_missing_file_data=True)
    # It says that a file is none of its own by whatever its code stumbles on.
    except Exception as error:
        raise StrategyError(
            f"{path.name} is no FlowJo 10 workspace that FlowKit reads: {error}"
        ) from error


def _document(workspace: Any, sample: str, name: str) -> GatingDocument:  # noqa: ANN401 - as above
    strategy = workspace.get_gating_strategy(sample)
    reader = WorkspaceGates(workspace.get_transforms(sample) or {})
    gates = {
        (*path, label): strategy.get_gate(label, path) for label, path in strategy.get_gate_ids()
    }
    names = short_names(list(gates))
    matrices: dict[str, SpectrumMatrix | str] = {}
    for label in strategy.comp_matrices:
        matrices[label] = _matrix(strategy.get_comp_matrix(label))
    refused: dict[str, str] = {}
    for place, gate in gates.items():
        try:
            reader.read(gate, place, names, matrices)
        except StrategyError as error:
            refused[names[place]] = str(error)
    placed, unreachable = gates_in_order(reader.gates)
    used = {d.compensation for d in reader.dimensions.values()}
    return GatingDocument(
        name=name,
        gates=placed,
        dimensions=dict(reader.dimensions),
        matrices={k: m for k, m in matrices.items() if k in used and not isinstance(m, str)},
        flags=tuple(reader.flags),
        refused={**refused, **unreachable},
    )


def _matrix(matrix: Any) -> SpectrumMatrix | str:  # noqa: ANN401 - FlowKit's, which has no types
    """Return a matrix of the workspace, or why it cannot be used."""
    dyes = getattr(matrix, "true_detectors", matrix.detectors)
    rows = tuple(tuple(map(float, row)) for row in np.asarray(matrix.matrix))
    try:
        return SpectrumMatrix(tuple(dyes), tuple(matrix.detectors), rows)
    except StrategyError as error:
        return str(error)


def short_names(places: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return the shortest name of each population that no other one has.

    Parameters
    ----------
    places
        Names from the root of the tree down to each population.

    Examples
    --------
    >>> tree = [("root", "CD4"), ("root", "CD4", "CD69+"), ("root", "CD8", "CD69+")]
    >>> list(short_names(tree).values())
    ['CD4', 'CD4/CD69+', 'CD8/CD69+']
    """
    names: dict[tuple[str, ...], str] = {}
    for place in places:
        for length in range(1, len(place) + 1):
            tail = place[-length:]
            if sum(other[-length:] == tail for other in places) == 1 or length == len(place):
                names[place] = "/".join(tail)
                break
    return names
