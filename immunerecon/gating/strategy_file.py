"""Gating strategies as YAML files: found by name or path, validated once."""

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from immunerecon.errors import StrategyError
from immunerecon.gating.strategy import Signed, Strategy

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


def load_strategy(name: str | Path, *, folder: Path | None = None) -> Strategy:
    """Read a strategy by name or path.

    Parameters
    ----------
    name
        A shipped strategy's name, or the path of a YAML file.
    folder
        Folder that a relative path starts from.

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
    return _read(_find(name, folder or Path()))


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
    return {**base, **content}


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


def _check_sides(sides: tuple[Signed, ...], boundaries: Collection[str], place: str) -> None:
    for side in sides:
        if side.boundary not in boundaries:
            raise StrategyError(
                f"{place} names the boundary {side.boundary!r}, which is not defined"
            )
