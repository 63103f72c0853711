"""
Gating strategy of one tube
===========================

Every gate of a tube on the density of its parent, in the order of gating.
"""

import immunerecon as ir

results = ir.sample_results()
file = "fcs/P01/P01_day-07_lineage.fcs"

page = ir.figures.gating_tree(results.pictures(file), scales=results.scales(file))
