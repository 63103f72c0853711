"""Exchange with other programs: FCS, AnnData, FlowKit, FlowCytometryTools, scikit-learn.

The public names stand in ``__init__.pyi``. Each program is imported when the first name that needs
it is used, and named with the extra that brings it where it is missing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
