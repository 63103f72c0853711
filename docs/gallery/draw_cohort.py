"""
A cohort at a glance
====================

Each patient's counts in folds of the lower limit of healthy people, and each patient's way through
the trial.
"""

import immunerecon as ir

results = ir.sample_results()

page = ir.figures.fold_heatmaps(
    results.populations, results.reference_ranges, clinical_events=results.clinical_events
)

# %%
# Medians and quartiles of the patients still followed.

page = ir.figures.median_courses(
    results.populations, results.reference_ranges, clinical_events=results.clinical_events
)
