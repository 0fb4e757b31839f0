"""Where the frozen app begins."""

from __future__ import annotations

import multiprocessing
import sys

from finetune_studio.__main__ import main

if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
