"""The engine against transformers' Trainer and against bare loops: speed, memory and exactness.

    python benchmarks/engine.py                     all rows, about a quarter of an hour on two cores
    python benchmarks/engine.py --rows full bare    some of them
    python benchmarks/engine.py --quick             to see that it works; its figures mean nothing

Real MobileNetV2 on a part of clothing10, batch 32. Both sides load the same weights, decode the same
pictures without variation, and judge the same validation split after each epoch. The sides take turns
in one process, except for memory, which needs fresh ones. Where the steps alone are compared, our run
is held between two epochs while the other side works: nothing of it is decoded ahead then.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import tempfile
from pathlib import Path

import measure
import psutil
import torch
from limit import BareLoop, learn
from measure import CLOTHING, Row, Took, faster, timed
from ours import Ours, Size, Turns
from rival import theirs
from torchvision.models import mobilenet_v2

ROWS = ("cold", "warm", "stage", "full", "bare", "step", "memory", "exact")
_SAVED_EVERY_S = 30.0  # how often a run of ours writes a checkpoint


def head_only(size: Size, wanted: set[str]) -> list[Row]:
    """Whole runs of the head on frozen layers, with nothing computed before, and once more."""
    warm = Ours(size, size.data)
    warm.whole(layers__amount="head_only")
    found = measure.interleaved(
        {
            "cold": lambda: Ours(size, size.data).whole(layers__amount="head_only"),
            "warm": lambda: warm.whole(layers__amount="head_only"),
            "their": lambda: theirs(size, size.data, "head_only", size.epochs, judged=True)[0],
        },
        size.rounds,
    )
    text = f"{size.epochs} epochs, head only, cache built within"
    cold = faster(text, found["cold"], found["their"], 10, 15)
    again = faster("the same again, warm cache", found["warm"], found["their"], 100, 300)
    return [cold] * ("cold" in wanted) + [again] * ("warm" in wanted)


def last_stage(size: Size) -> list[Row]:
    """Whole runs of the last stage on frozen layers, with nothing computed before."""
    found = measure.interleaved(
        {
            "ours": lambda: Ours(size, size.data).whole(layers__amount="last_stage"),
            "their": lambda: theirs(size, size.data, "last_stage", size.epochs, judged=True)[0],
        },
        size.rounds,
    )
    text = f"{size.epochs} epochs, last stage unfrozen, cache built within"
    return [faster(text, found["ours"], found["their"], 2.8, 3.5)]


def everything(size: Size, wanted: set[str]) -> list[Row]:
    """Steps of full fine-tuning: ours, the Trainer's, and those of a bare loop."""
    turns = Turns(
        Ours(size, size.full).run(layers__amount="everything", optimiser__epochs=size.blocks + 2)
    )
    limit = BareLoop(size)
    sides = {"ours": turns.epoch}
    if "full" in wanted:
        sides["their"] = lambda: theirs(size, size.full, "everything", 1, judged=False)[1]
    if "bare" in wanted:
        sides["bare"] = limit.epoch
    found = measure.interleaved(sides, size.blocks, warm=1)
    more = ""
    if turns.saves:
        share = statistics.median(turns.saves) / _SAVED_EVERY_S
        more = f" (checkpoints left out: {share:.1%} more)"
    rows = []
    if "full" in wanted:
        text = f"full fine-tuning, steps of an epoch, against Trainer{more}"
        rows.append(faster(text, found["ours"], found["their"], 1.10, 1.2))
    if "bare" in wanted:
        text = f"full fine-tuning, steps of an epoch, against a bare loop in RAM{more}"
        rows.append(faster(text, found["ours"], found["bare"], 0.95, 0.99))
    return rows


def one_step(size: Size) -> list[Row]:
    """What a step costs beside its arithmetic: a head on computed features, in blocks of epochs."""
    epochs, count = 5, len(measure.pictures(size.head / "train"))
    steps = math.ceil(count / size.batch) * epochs
    turns = Turns(Ours(size, size.head).run(
        layers__amount="head_only", optimiser__epochs=epochs * (size.blocks + 1) + 1
    ))  # fmt: skip
    # What is in the features does not matter for the time, only how many there are.
    features = torch.randn(count, 1280, device=size.device)
    labels = torch.randint(0, 10, (count,), device=size.device)
    head = mobilenet_v2(num_classes=10).classifier.to(size.device).train()
    adam = torch.optim.AdamW(head.parameters(), lr=2e-3, fused=True)

    def ours() -> Took:
        took = Took(0.0, 0.0)
        for _ in range(epochs):
            took += turns.epoch()
        return took / steps

    def work() -> None:
        for _ in range(epochs):
            for places in torch.randperm(count, device=size.device).split(size.batch):
                learn(head, adam, features[places], labels[places])

    def bare() -> Took:
        torch.set_num_threads(1)  # the faster choice for so small a step, and ours
        return timed(work)[1] / steps

    found = measure.interleaved({"ours": ours, "bare": bare}, size.blocks, warm=1)
    our, least = measure.middle(found["ours"]), measure.middle(found["bare"])
    more = our - least
    text = "fixed cost of a step over the bare loop, head on features (ms)"
    return [Row(text, measure.told(our), measure.told(least), 1000 * more.wall, 1000 * more.cpu,
                0.5, 0.2, less=True)]  # fmt: skip


def memory(size: Size, arguments: list[str]) -> list[Row]:
    """Peak memory of full fine-tuning in fresh processes."""
    peaks: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    for _ in range(size.rounds):
        for side, found in peaks.items():
            said, _ = measure.child(
                __file__, "--memory", side, "--pictures", str(size.full), *arguments
            )
            about = json.loads(said.splitlines()[-1])
            found.append((about["peak"], about["peak"] - about["imported"]))
    rows = []
    for part, text in enumerate(("peak memory, full fine-tuning", "the same without the imports")):
        our, their = (statistics.median(f[part] for f in peaks[side]) for side in peaks)
        goals = (1.0, 0.8) if part == 0 else (None, None)
        rows.append(
            Row(text, f"{our:.0f} MB", f"{their:.0f} MB", our / their, None, *goals, less=True)
        )
    return rows


def peak(side: str, size: Size) -> None:
    """Fine-tune everything for an epoch in this process; print its memory after imports and at most."""
    import finetune_studio.engine.train  # noqa: F401  both sides pay for the same imports

    imported = psutil.Process().memory_info().rss / 2**20
    if side == "ours":
        Ours(size, size.full).whole(layers__amount="everything", optimiser__epochs=1)
    else:
        theirs(size, size.full, "everything", 1, judged=True)
    print(json.dumps({"imported": imported, "peak": _most_mb()}))


def _most_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent, as it was when this process was begun
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def exact(size: Size) -> list[Row]:
    """Whether a run on computed features ends with the weights of one that computes all anew."""
    rows = []
    for amount in ("head_only", "last_stage"):
        project = Ours(size, size.full)
        own = {"layers__amount": amount, "optimiser__epochs": 2}
        ours, plain = (project.weights(**own, compute__cache=c) for c in ("auto", "off"))
        assert ours.keys() == plain.keys()
        same = sum(torch.equal(ours[name], plain[name]) for name in plain)
        text = f"cached against uncached, fp32, {amount}: identical tensors"
        rows.append(Row(text, str(same), str(len(plain)), same / len(plain), None, 1.0, None))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--train", type=int, default=256, help="pictures for frozen layers")
    parser.add_argument("--validation", type=int, default=64)
    parser.add_argument("--full", type=int, default=128, help="pictures for full fine-tuning")
    parser.add_argument("--head", type=int, default=1024, help="pictures for steps of a head")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3, help="whole runs a side")
    parser.add_argument(
        "--blocks", type=int, default=5, help="epochs a side where steps are compared"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--quick", action="store_true", help="as little as possible")
    parser.add_argument("--memory", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    parser.add_argument("--pictures", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.quick:
        args.train, args.validation, args.full, args.head = 64, 20, 32, 128
        args.epochs, args.rounds, args.blocks, args.batch = 2, 1, 2, 16
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        size = Size(room / "data", args.pictures or room / "full", room / "head", room, args.epochs,
                    args.rounds, args.blocks, args.batch, args.device)  # fmt: skip
        if args.memory:
            peak(args.memory, size)
            return
        measure.subset(CLOTHING, size.data, train=args.train, validation=args.validation)
        measure.subset(CLOTHING, size.full, train=args.full, validation=20)
        measure.subset(CLOTHING, size.head, train=args.head, validation=20)
        print(f"clothing10: {args.train} + {args.validation} pictures, {args.full} for full "
              f"fine-tuning, {args.head} for steps of a head, batch {args.batch}, {args.rounds} whole "
              f"runs or {args.blocks} blocks a side")  # fmt: skip
        with measure.measured():
            wanted = set(args.rows)
            measure.print_header()
            if wanted & {"cold", "warm"}:
                measure.print_rows(head_only(size, wanted))
            if "stage" in wanted:
                measure.print_rows(last_stage(size))
            if wanted & {"full", "bare"}:
                measure.print_rows(everything(size, wanted))
            if "step" in wanted:
                measure.print_rows(one_step(size))
            if "memory" in wanted:
                same = ["--batch", str(args.batch), "--device", args.device]
                measure.print_rows(memory(size, same))
            if "exact" in wanted:
                measure.print_rows(exact(size))


if __name__ == "__main__":
    main()
