"""The program: without arguments it opens the window, with arguments it is the terminal."""

from __future__ import annotations

import sys


def main() -> int:
    """Open the window, or run one command of the terminal; return the exit code."""
    if len(sys.argv) > 1:
        try:
            from finetune_studio import cli

            return cli.main(sys.argv[1:])
        except KeyboardInterrupt:  # before or after the command itself
            return 130
    try:
        from finetune_studio import app
    except ImportError as error:
        sys.stderr.write(
            f"The window cannot open: {error}.\n"
            "Run 'finetune-studio --help' for the terminal, or install the missing library.\n"
        )
        return 2
    missing = app.no_screen()
    if missing:
        sys.stderr.write(missing)
        return 2
    return app.main()


if __name__ == "__main__":
    sys.exit(main())
