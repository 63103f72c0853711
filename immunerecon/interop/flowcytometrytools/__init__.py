"""FlowCytometryTools 0.5.1: its measurements, plates and gates here, and ours there.

Its last release is of 2021 and fails to import on Python 3.10 and later; `load` imports it all the
same. The public names stand in ``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
