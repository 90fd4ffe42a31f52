"""libyaml's parser. PyYAML's own parser in Python reads some documents differently, so it is no substitute."""

from __future__ import annotations

from engine.errors import SoundingError

try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs leave out what libyaml's binding exports
except ImportError as error:
    raise SoundingError(
        "PyYAML was installed without libyaml. Install a wheel that has it: pip install --force-reinstall --only-binary=:all: pyyaml"
    ) from error

__all__ = ["CParser", "masked"]

# They end a line in YAML 1.1, which libyaml reads; in 1.2 they are characters as any other.
_OLD_BREAKS = (0x85, 0x2028, 0x2029)


def masked(text: str) -> tuple[str, dict[int, int]]:
    """The text with a stand-in, which it does not have, for what only libyaml takes for the end of a line; and the way back."""
    broken = [char for char in _OLD_BREAKS if chr(char) in text] if not text.isascii() else []
    if not broken:
        return text, {}
    unused = (char for char in range(0xE000, 0x110000) if chr(char) not in text)
    masks = dict(zip(broken, unused, strict=False))
    return text.translate(masks), {mask: char for char, mask in masks.items()}
