"""Immune-reconstitution flow cytometry: from FCS folders to recovery curves."""

__version__ = "0.1.0"
