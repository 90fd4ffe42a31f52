"""`python -m engine`: the same as `sounding`."""

from engine.cli.main import main

main()
