"""libyaml's parser. PyYAML's own parser in Python reads some documents differently, so it is no substitute."""

from __future__ import annotations

from engine.errors import SoundingError

try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs leave out what libyaml's binding exports
except ImportError as error:
    raise SoundingError(
        "PyYAML was installed without libyaml. Install a wheel that has it: pip install --force-reinstall --only-binary=:all: pyyaml"
    ) from error

__all__ = ["CParser"]
