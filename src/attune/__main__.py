"""The way in for `attune` and `python -m attune`: from here on a request to stop ends without a traceback."""

from __future__ import annotations

import signal
from typing import NoReturn

INTERRUPTED_EXIT_CODE = 130


def leave(*_: object) -> NoReturn:
    """Signal handler of everything that has nothing to save."""
    raise SystemExit(INTERRUPTED_EXIT_CODE)


def main() -> NoReturn:
    """Run the command line. The signals are taken before anything slow is imported."""
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    from attune.process import keep_freed_memory, wait_asleep

    keep_freed_memory()
    wait_asleep()
    from attune import cli

    cli.main()


if __name__ == "__main__":
    main()
