"""The engine: stages, learning and measures, independent of any particular study.

The public interface for a user's own code is here, as in `from lineshape.engine import Column, Study, flat`, and is
stable; deeper modules are private and may move. Its names are listed in `__init__.pyi`; each is imported when it is
first accessed.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
