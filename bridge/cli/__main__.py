"""`python -m bridge.cli`."""

from bridge.cli.service import main

main()
