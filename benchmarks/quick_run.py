"""A whole quick run through the terminal, from the folder to the metrics, against one look at each picture.

    python benchmarks/quick_run.py [--repeat 3]

Fresh processes in turn. Ours: ``train --preset quick`` on clothing10 with real MobileNetV2, nothing
computed before. The limit: the same network looks once at the same pictures (train and validation),
channels_last, in inference mode, 32 at a time, while two threads decode with Pillow. Imports are
included on both sides; what they take alone is measured too and told apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import measure
from measure import CLOTHING, MOBILENET, THREADS, Took, longer

# What a quick run has loaded at its end, found out by a run, and what the limit needs.
_OUR_IMPORTS = (
    "import finetune_studio.cli, finetune_studio.engine.train, finetune_studio.engine.curate, "
    "finetune_studio.tasks.image_classification, finetune_studio.readers.image_folder, "
    "torchvision.models, transformers, PIL.JpegImagePlugin"
)
_LEAST_IMPORTS = "import torch, torchvision.models, numpy, PIL.JpegImagePlugin"


def ours(data: Path, metrics: list[float]) -> Took:
    """Run the terminal in a fresh process and home."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        events, took = measure.terminal(
            "train", "--task", "image_classification", "--data", str(data), "--model",
            str(MOBILENET), "--preset", "quick", "--out", str(home / "project"), home=home,
        )  # fmt: skip
        metrics.append(events[-1]["metrics"]["accuracy"])
        return took


def limit(data: Path) -> Took:
    """Look at each picture once in a fresh process."""
    said, took = measure.child(__file__, "--look", str(data))
    assert json.loads(said)["pictures"] == len(seen(data))
    return took


def seen(data: Path) -> list[Path]:
    """Return the pictures that a quick run looks at."""
    return [p for split in ("train", "validation") for p in measure.pictures(data / split)]


def look(data: Path) -> None:
    """Send every picture through the network once; print how many there were."""
    import numpy as np
    import torch
    from PIL import Image
    from torchvision.models import mobilenet_v2

    def decode(path: Path) -> np.ndarray:
        with Image.open(path) as opened:
            opened.draft("RGB", (256, 256))  # lets the decoder of large pictures skip work
            photo = opened.convert("RGB")
        scale = 256 / min(photo.size)
        size = tuple(max(256, round(side * scale)) for side in photo.size)
        photo = photo.resize(size, Image.Resampling.BILINEAR)
        left, top = ((side - 224) // 2 for side in photo.size)
        return np.asarray(photo.crop((left, top, left + 224, top + 224)))

    torch.set_num_threads(THREADS)
    network = mobilenet_v2()
    network.load_state_dict(torch.load(MOBILENET, weights_only=True))
    network = network.to(memory_format=torch.channels_last).eval()
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    files, count = seen(data), 0
    groups = [files[first : first + 32] for first in range(0, len(files), 32)]
    with ThreadPoolExecutor(THREADS) as pool, torch.inference_mode():
        ahead = deque([pool.submit(decode, path) for path in group] for group in groups[:3])
        for number in range(len(groups)):
            if number + 3 < len(groups):  # decoded ahead, but not all at once
                ahead.append([pool.submit(decode, path) for path in groups[number + 3]])
            pixels = torch.from_numpy(np.stack([f.result() for f in ahead.popleft()]))
            # Bytes lie as (batch, height, width, channels): permuted they are channels_last already.
            count += len(network((pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std))
    print(json.dumps({"pictures": count}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=3, help="processes a side")
    parser.add_argument("--train", type=int, default=0, help="pictures; 0 takes all of clothing10")
    parser.add_argument("--validation", type=int, default=64)
    parser.add_argument("--quick", action="store_true", help="to see that it works")
    parser.add_argument("--look", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.look:
        look(args.look)
        return
    if args.quick:
        args.repeat, args.train, args.validation = 1, 64, 20
    with tempfile.TemporaryDirectory() as folder:
        data, metrics = CLOTHING, []
        if args.train:
            data = measure.subset(
                CLOTHING, Path(folder) / "data", train=args.train, validation=args.validation
            )
        print(f"clothing10: {len(seen(data))} pictures, {args.repeat} processes a side")
        with measure.measured():
            seen_before = [path.read_bytes()[:1] for path in seen(data)]  # both find a warm disk
            assert len(seen_before) == len(seen(data))
            times = measure.interleaved(
                {
                    "ours": lambda: ours(data, metrics),
                    "limit": lambda: limit(data),
                    "our imports": lambda: measure.child("-c", _OUR_IMPORTS)[1],
                    "its imports": lambda: measure.child("-c", _LEAST_IMPORTS)[1],
                },
                args.repeat,
            )
            middles = {name: measure.middle(found) for name, found in times.items()}
            print(f"validation accuracy {', '.join(f'{one:.3f}' for one in metrics)}\n")
            bare = [middles["ours"] - middles["our imports"]]
            least = [middles["limit"] - middles["its imports"]]
            measure.table(
                [
                    longer("quick run, folder to metrics", times["ours"], times["limit"], 1.8, 1.3),
                    longer("the same without imports", bare, least, None, None),
                    longer("imports alone", times["our imports"], times["its imports"], None, None),
                ]
            )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
