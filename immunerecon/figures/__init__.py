"""Axes-level figures: every function draws on the axes it is given and computes nothing."""
