"""
Cumulative incidence of recovery
================================

Aalen-Johansen estimate with death, progression and a second infusion competing; the dotted curve is
the earliest that the draws allow. Patients at risk stand below.
"""

import matplotlib.pyplot as plt

import immunerecon as ir

results = ir.sample_results()

with ir.figures.figure_style("nature"):
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.6), layout="constrained")
    for threshold, ax in zip((50.0, 200.0), axes, strict=True):
        ir.figures.draw_cumulative_incidence(
            results.cohort_recovery, population="CD4_T", threshold=threshold, ax=ax
        )
plt.show()
