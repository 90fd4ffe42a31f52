"""Prints docs/checks.md."""

from __future__ import annotations

import sys

from engine.checks.catalogue import catalogue_markdown

if __name__ == "__main__":
    sys.stdout.write(catalogue_markdown())
