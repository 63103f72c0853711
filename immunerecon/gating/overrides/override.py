"""What a person says of a gate or a boundary: where it belongs, in which tubes, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from immunerecon.errors import StrategyError
from immunerecon.gating.geometry.gates import PolygonGate, RectangleGate

Action = Literal["replace", "pin", "move"]
ACTIONS: tuple[Action, ...] = ("replace", "pin", "move")
SCOPES = ("file", "patient", "batch")


@dataclass(frozen=True)
class Override:
    """One gate, or one boundary with all gates on it, as a person wants it.

    Parameters
    ----------
    action
        ``replace`` by another geometry, ``pin`` a geometry that is right so that it stays, or
        ``move`` it from where data put it.
    who, when, why
        Who says so, at what moment (ISO 8601), for what reason.
    file, patient, batch
        The tubes: exactly one of them is given.
    panel
        Only tubes of this panel.
    population, threshold
        Whose gate, or which boundary of the strategy: exactly one of them is given.
    gate
        The geometry on the linear, compensated scale; for a population that is replaced or pinned.
    value
        The position on that scale; for a threshold that is replaced or pinned.
    shift
        By how much it moves along each dimension on the display scale (0-1).

    Raises
    ------
    StrategyError
        When scope, target or geometry is missing or given twice.

    Examples
    --------
    >>> override = Override(
    ...     "replace", "AB", "2026-11-25", "dim lot", batch="lot 2", threshold="CD3", value=800.0
    ... )
    >>> override.scope, override.target
    (('batch', 'lot 2'), 'CD3')
    """

    action: Action
    who: str
    when: str
    why: str
    file: str = ""
    patient: str = ""
    batch: str = ""
    panel: str = ""
    population: str = ""
    threshold: str = ""
    gate: RectangleGate | PolygonGate | None = None
    value: float | None = None
    shift: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for choice in (SCOPES, ("population", "threshold")):
            if sum(bool(getattr(self, key)) for key in choice) != 1:
                raise StrategyError(f"an override needs one of {', '.join(choice)}")
        geometry = [
            name for name in ("gate", "value", "shift") if getattr(self, name) not in (None, {})
        ]
        if geometry != [self.geometry]:
            raise StrategyError(
                f"an override that is to {self.action} a {self.target_kind} needs a "
                f"{self.geometry} and nothing else of gate, value and shift"
            )

    @property
    def scope(self) -> tuple[str, str]:
        """``file``, ``patient`` or ``batch``, and which."""
        return next((key, getattr(self, key)) for key in SCOPES if getattr(self, key))

    @property
    def target(self) -> str:
        """The population or threshold."""
        return self.population or self.threshold

    @property
    def target_kind(self) -> str:
        """``population`` or ``threshold``."""
        return "population" if self.population else "threshold"

    @property
    def geometry(self) -> str:
        """Which of ``gate``, ``value`` and ``shift`` the override needs."""
        return "shift" if self.action == "move" else "gate" if self.population else "value"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that the override speaks of."""
        return self.gate.dimensions if self.gate else tuple(self.shift)

    def effect(self) -> dict[str, Any]:
        """Return what changes the numbers of a tube, as JSON-ready values."""
        facts: dict[str, Any] = {self.target_kind: self.target}
        if self.gate is not None:
            told = self.gate.parameters()
            if isinstance(self.gate, RectangleGate):
                told = {"ranges": told}
            else:
                told = {"dimensions": list(self.gate.dimensions), **told}
            facts["gate"] = {"kind": self.gate.kind, **told}
        elif self.value is not None:
            facts["value"] = self.value
        else:
            facts["shift"] = dict(self.shift)
        return facts

    def facts(self) -> dict[str, Any]:
        """Return the whole override as JSON-ready values, as its file has it."""
        key, name = self.scope
        panel = {"panel": self.panel} if self.panel else {}
        said = {"who": self.who, "when": self.when, "why": self.why}
        return {"action": self.action, key: name, **panel, **self.effect(), **said}
