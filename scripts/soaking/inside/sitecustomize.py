"""Read by Python itself when a server is started with this folder on its path: imports what SOAK_INSIDE names.

Nothing of axenix knows of it.
"""

from __future__ import annotations

import importlib
import os

for name in filter(None, os.environ.get("SOAK_INSIDE", "").split(",")):
    importlib.import_module(name)
