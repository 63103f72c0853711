"""A synthetic trial with known truth, written without a line of the code that it tests."""

from immunerecon.simulate.conditions import PRESETS, Conditions
from immunerecon.simulate.folder import simulate_trial

__all__ = ["PRESETS", "Conditions", "simulate_trial"]
