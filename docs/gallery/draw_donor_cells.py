"""
Donor cells with their limits
=============================

The share of donor cells among NK cells, and what each draw could have seen (LOD). The ridges show
what the share was estimated from: the anti-HLA antibody's distribution in the recipient's control,
the donor's control and every draw.
"""

import matplotlib.pyplot as plt

import immunerecon as ir

results = ir.sample_results()

with ir.figures.figure_style("nature"):
    figure, ax = plt.subplots(figsize=(3.5, 2.4), layout="constrained")
    ir.figures.draw_donor_fraction(
        results.donor_cells,
        patient="P01",
        population="NK",
        ax=ax,
        clinical_events=results.clinical_events,
    )
plt.show()

# %%
# The same patient's distributions.

page = ir.figures.donor_ridges(results.donor_distributions, results.donor_cells, patient="P01")
