"""Populations to numbers of one draw: counts, intervals, cells per µL, donor cells."""
