"""
One patient's courses
=====================

Cells per µL of blood, draw by draw, with 95 % intervals, the study's thresholds and the range of
healthy people. A triangle is an upper limit: no such cell was found.
"""

import matplotlib.pyplot as plt

import immunerecon as ir

results = ir.sample_results()
limits = ir.figures.Limits(thresholds={"NK": [100], "B": [25, 50]})

with ir.figures.figure_style("nature"):
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.2), layout="constrained", sharey=True)
    for population, ax in zip(("NK", "T", "B"), axes, strict=True):
        ir.figures.draw_course(
            results.populations,
            patient="P01",
            population=population,
            ax=ax,
            clinical_events=results.clinical_events,
            limits=limits,
        )
plt.show()
