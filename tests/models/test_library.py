"""Transformers comes whole, however many threads ask for it first."""

from __future__ import annotations

import subprocess
import sys


def test_threads_that_ask_at_the_same_time_all_get_the_whole_library() -> None:
    program = (
        "import threading\n"
        "from finetune_studio.models import library\n"
        "failed = []\n"
        "start = threading.Barrier(4)\n"
        "def ask():\n"
        "    start.wait()\n"
        "    try:\n"
        "        library.load()\n"
        "        from transformers import CONFIG_MAPPING\n"
        "        assert 'bert' in CONFIG_MAPPING\n"
        "    except Exception as error:\n"
        "        failed.append(error)\n"
        "threads = [threading.Thread(target=ask) for _ in range(4)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "assert not failed, failed\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
