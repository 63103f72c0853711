"""A gating strategy as a tree that an immunologist reads from top to bottom."""

from collections.abc import Iterator

from immunerecon.gating.strategy import Strategy, describe_gate


def strategy_tree(strategy: Strategy) -> tuple[str, ...]:
    r"""Return the populations of a strategy, one line each, indented below their parents.

    Parameters
    ----------
    strategy
        Any.

    Returns
    -------
    tuple of str
        Population, its gate, and its Cell Ontology identifier where there is one.

    Examples
    --------
    >>> from immunerecon.gating.strategy_file import load_strategy
    >>> print(*strategy_tree(load_strategy("lineage"))[-5:-2], sep="\n")
            NK: CD3- CD56+ (CL:0000623)
              NK_CD56bright: bright CD56+ bright CD16-, or bright CD56+ (CL:0000938)
              NK_CD56dim: without NK_CD56bright (CL:0000939)
    """
    return tuple(_lines(strategy, "", 0))


def _lines(strategy: Strategy, parent: str, depth: int) -> Iterator[str]:
    for name, rule in strategy.populations.items():
        if (rule.parent or "") == parent:
            ontology = f" ({rule.cell_ontology})" if rule.cell_ontology else ""
            yield f"{'  ' * depth}{name}: {describe_gate(rule)}{ontology}"
            yield from _lines(strategy, name, depth + 1)
