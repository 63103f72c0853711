"""Immune-reconstitution flow cytometry: from FCS folders to recovery curves.

The public names stand in ``__init__.pyi``; everything else may move. They are imported when they
are first used, so that ``import immunerecon`` stays quick.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
