import numpy as np
import pytest
from scipy.optimize import brentq

from immunerecon.enumeration.differences import miettinen_nurminen_difference


@pytest.mark.parametrize("rare", [((60, 100_000), (20, 80_000)), ((3, 5_000), (1, 9_000))])
def test_score_bounds_solve_the_score_equation(rare):
    (x1, n1), (x2, n2) = rare
    for bound in miettinen_nurminen_difference(*rare):

        def slope(p2, bound=bound):
            p1 = p2 + bound
            return x1 / p1 - (n1 - x1) / (1 - p1) + x2 / p2 - (n2 - x2) / (1 - p2)

        p2 = brentq(slope, max(1e-12, 1e-12 - bound), 0.5, xtol=1e-18, rtol=1e-14)
        p1 = p2 + bound
        variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * (n1 + n2) / (n1 + n2 - 1)
        score = (x1 / n1 - x2 / n2 - bound) / np.sqrt(variance)
        assert abs(score) == pytest.approx(1.959963984540054, rel=1e-7)
