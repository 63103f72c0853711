"""``python -m immunerecon.cli``."""

from immunerecon.cli import main

main()
