"""Gating strategies as YAML files: found by name or path, validated once."""

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from immunerecon.errors import StrategyError
from immunerecon.gating.exchange.flowjo import load_flowjo
from immunerecon.gating.exchange.gating_ml_import import load_gating_ml
from immunerecon.gating.fixed_strategy import fixed_strategy
from immunerecon.gating.strategy import (
    ModelRule,
    Selection,
    Signed,
    Strategy,
    parse_selection,
)

_LARGEST_STRATEGY = 1_000_000  # bytes; a strategy is a page of text


def strategies_folder() -> Path:
    """Return the folder of the shipped strategies, in a checkout or an installed wheel."""
    package = Path(__file__).parents[1]
    installed = package / "_gating"
    return installed if installed.is_dir() else package.parent / "gating"


def shipped_strategies() -> tuple[str, ...]:
    """Return the names of the shipped strategies.

    Examples
    --------
    >>> "lineage" in shipped_strategies()
    True
    """
    return tuple(sorted(path.stem for path in strategies_folder().glob("*.yaml")))


def load_strategy(name: str | Path, *, folder: Path | None = None, sample: str = "") -> Strategy:
    """Read a strategy by name or path.

    Parameters
    ----------
    name
        A shipped strategy's name, or the path of a YAML file; of a Gating-ML 2.0 document (.xml),
        whose gates are then the same in every tube; or of a FlowJo 10 workspace (.wsp).
    folder
        Folder that a relative path starts from.
    sample
        Name of the FCS file whose gates are taken from a workspace; those of all its samples where
        they are the same.

    Returns
    -------
    Strategy

    Raises
    ------
    StrategyError
        When there is no such strategy, or the file is not a valid one; names file and key.

    Examples
    --------
    >>> load_strategy("lineage").title
    'T, B and NK cells of blood or PBMC'
    """
    path = _find(name, folder or Path())
    if path.suffix.lower() == ".xml":
        return fixed_strategy(load_gating_ml(path))
    if path.suffix.lower() == ".wsp":
        return fixed_strategy(load_flowjo(path, sample))
    return _read(path)


def _find(name: str | Path, folder: Path) -> Path:
    if str(name) in shipped_strategies():
        return strategies_folder() / f"{name}.yaml"
    path = folder / name
    if not path.is_file():
        raise StrategyError(
            f"no strategy {str(name)!r}: it is neither a file nor one of "
            f"{', '.join(shipped_strategies())}"
        )
    return path


@cache
def _read(path: Path) -> Strategy:
    try:
        strategy = Strategy.model_validate(_content(path))
    except (ValidationError, StrategyError) as error:
        raise StrategyError(f"{path.name}: {_in_words(error)}") from error
    _check_names(strategy, path.name)
    return strategy


def _content(path: Path) -> dict[str, Any]:
    """Return what a strategy file says, with what it takes over from another filled in."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if path.stat().st_size > _LARGEST_STRATEGY:
        raise StrategyError(f"{path.name} is larger than {_LARGEST_STRATEGY:,} bytes")
    try:
        content: object = YAML(typ="safe", pure=True).load(path)
    except YAMLError as error:
        raise StrategyError(f"{path.name} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise StrategyError(f"{path.name} is not a strategy: it holds no keys")
    if (base := content.pop("extends", None)) is not None:
        content = _extended(content, _content(_find(base, path.parent)))
    for boundary, rule in content.get("boundaries", {}).items():
        if isinstance(rule, dict):
            rule.setdefault("marker", boundary)
    return content


def _extended(content: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Fill in what a strategy takes over from the one that it extends."""
    drop = content.pop("drop", [])
    for part in ("boundaries", "populations"):
        merged = {**base[part], **content.get(part, {})}
        content[part] = {name: rule for name, rule in merged.items() if name not in drop}
    if drop and "model" in base and "model" not in content:
        content["model"] = _reduced(base["model"], drop, base["populations"])
    return {**base, **content}


def _reduced(
    model: dict[str, Any], drop: Collection[str], populations: dict[str, Any]
) -> dict[str, Any]:
    """Return a model whose cells name nothing dropped: parents stand for their populations."""
    cells = {}
    for name, rule in model["cells"].items():
        seed = parse_selection(rule["seed"])
        sides = tuple(side for side in seed.sides if side.boundary not in drop)
        belongs = [populations[p]["parent"] if p in drop else p for p in rule.get("is_a", ())]
        cells[name] = {**rule, "seed": str(Selection(seed.population, sides)), "is_a": belongs}
    return {**model, "cells": cells}


def _in_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()
        )
    return str(error)


def _check_names(strategy: Strategy, file: str) -> None:
    """Refuse rules that name a population or boundary that does not stand before them."""
    known: list[str] = []
    for name, rule in strategy.populations.items():
        for other in filter(None, (rule.parent, rule.without)):
            if other not in known:
                raise StrategyError(
                    f"{file}: populations.{name} names {other!r}, which does not stand before it"
                )
        for sides in rule.gate:
            _check_sides(sides, strategy.boundaries, f"{file}: populations.{name}")
        known.append(name)
    for name, boundary in strategy.boundaries.items():
        place = f"{file}: boundaries.{name}"
        for selection in filter(None, (boundary.within, boundary.low, boundary.high)):
            if selection.population not in known:
                raise StrategyError(
                    f"{place} looks within {selection.population!r}, not a population"
                )
            _check_sides(selection.sides, strategy.boundaries, place)
        if boundary.within is None and boundary.fixed is None:
            raise StrategyError(f"{place} needs `within` (found by data) or `fixed`")
    if strategy.model is not None:
        _check_model(strategy.model, strategy, file)


def _check_model(model: ModelRule, strategy: Strategy, file: str) -> None:
    """Refuse a model that names a population or boundary that the strategy does not have."""
    known: list[str] = []
    for cell, rule in model.cells.items():
        place = f"{file}: model.cells.{cell}"
        for population in (model.within, rule.seed.population, *rule.is_a):
            if population not in strategy.populations:
                raise StrategyError(f"{place} names {population!r}, not a population")
        _check_sides(rule.seed.sides, strategy.boundaries, place)
        if rule.like and rule.like not in known:
            raise StrategyError(f"{place} is like {rule.like!r}, which does not stand before it")
        known.append(cell)


def _check_sides(sides: tuple[Signed, ...], boundaries: Collection[str], place: str) -> None:
    for side in sides:
        if side.boundary not in boundaries:
            raise StrategyError(
                f"{place} names the boundary {side.boundary!r}, which is not defined"
            )
