"""
A cohort at a glance
====================

Each patient's counts in folds of the lower limit of healthy people, and each patient's way through
the trial.
"""

import matplotlib.pyplot as plt

import immunerecon as ir

results = ir.sample_results()

ir.figures.fold_heatmaps(
    results.populations, results.reference_ranges, clinical_events=results.clinical_events
)
plt.show()

# %%
# Medians and quartiles of the patients still followed.

ir.figures.median_courses(
    results.populations, results.reference_ranges, clinical_events=results.clinical_events
)
plt.show()
