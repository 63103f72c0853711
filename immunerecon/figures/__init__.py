"""Figures: every ``draw_*`` draws on the axes it is given; pages return a figure. None computes.

The public names stand in ``__init__.pyi``; matplotlib is imported when the first one is used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
