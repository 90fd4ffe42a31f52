"""Makes the modules in `support` importable by their plain names; tests themselves are no packages."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))
