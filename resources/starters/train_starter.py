"""Trains the embedded image starter: it imitates MobileNetV2 on drawn pictures."""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import draw_images
import numpy as np
import torch
import torch.distributed as dist
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision.models import mobilenet_v2
from torchvision.models.resnet import BasicBlock, ResNet

INPUT = 128
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LAYERS = [1, 1, 1, 1]
FEATURES = 512
CHUNK = 64
HELD_OUT = 1024  # the last pictures are never trained on and show whether imitation generalises
# (name, teacher stage, its channels, grid kept, student stage, its channels, weight in the loss)
STAGES = (
    ("low", 6, 32, 16, "layer2", 128, 0.3),
    ("middle", 13, 96, 8, "layer3", 256, 0.6),
    ("high", 18, 1280, 4, "layer4", FEATURES, 1.0),
)


def student() -> ResNet:
    """The starter: torchvision's ResNet with one basic block a stage and no head."""
    network = ResNet(BasicBlock, LAYERS)
    network.fc = nn.Identity()
    return network


def normalise(pixels: Tensor) -> Tensor:
    """Turns uint8 pixels into the numbers that both networks expect."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return ((pixels.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def autocast() -> torch.autocast:
    """bfloat16 where the processor has it (twice as fast), plain float32 elsewhere."""
    fast = torch.backends.cpu.get_cpu_capability().startswith("AVX512") and _has_bf16()
    return torch.autocast("cpu", torch.bfloat16, enabled=fast)


def _has_bf16() -> bool:
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


# --- 1. pictures and the teacher's answers -------------------------------------------------------


@dataclass
class Lessons:
    """What the student learns from, in memory-mapped files.

    Attributes:
        pixels: The pictures at the student's size, uint8, (n, 128, 128, 3).
        answers: The teacher's feature maps by stage name, float16, (n, channels, grid, grid).
    """

    pixels: np.ndarray
    answers: dict[str, np.ndarray]


def open_lessons(work: Path, count: int) -> Lessons:
    """Creates or reopens the memory-mapped files."""

    def mapped(name: str, kind: type, shape: tuple[int, ...]) -> np.ndarray:
        path = work / f"{name}-{count}.npy"
        if path.exists():
            return np.lib.format.open_memmap(path, mode="r+")
        return np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)

    pixels = mapped("pixels", np.uint8, (count, INPUT, INPUT, 3))
    answers = {
        name: mapped(name, np.float16, (count, channels, grid, grid))
        for name, _, channels, grid, *_ in STAGES
    }
    return Lessons(pixels, answers)


_sources: list[draw_images.Sources] = []  # one, in every process that draws


def _start_drawing(data: Path, work: Path, seed: int) -> None:
    _sources.append(draw_images.load_sources(data, work, seed))


def _draw_chunk(job: tuple[int, int]) -> np.ndarray:
    seed, first = job
    return np.stack([draw_images.draw(_sources[0], seed, first + i) for i in range(CHUNK)])


def prepare(args: argparse.Namespace) -> Lessons:
    """Draws every picture once and writes down what the teacher sees; goes on where it stopped."""
    lessons, marker = (
        open_lessons(args.work, args.images),
        args.work / f"prepared-{args.images}.txt",
    )
    done = int(marker.read_text()) if marker.exists() else 0
    if done >= args.images:
        return lessons
    teacher, began = load_teacher(args.teacher), time.time()
    draw_images.load_sources(args.data, args.work, args.seed)
    jobs = [(args.seed, first) for first in range(done, args.images, CHUNK)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(args.drawers, _start_drawing, (args.data, args.work, args.seed)) as pool:
        for (_, first), chunk in zip(jobs, pool.imap(_draw_chunk, jobs), strict=True):
            teach(teacher, chunk, lessons, first)
            if first // CHUNK % 16 == 15:
                marker.write_text(str(first + CHUNK))
                print(f"drawn {first + CHUNK} in {time.time() - began:.0f} s", flush=True)
    marker.write_text(str(args.images))
    return lessons


def load_teacher(path: Path) -> nn.Module:
    """The real MobileNetV2, which is only asked and never copied."""
    teacher = mobilenet_v2()
    teacher.load_state_dict(torch.load(path, weights_only=True))
    for weight in teacher.parameters():
        weight.requires_grad = False
    return teacher.eval().to(memory_format=torch.channels_last)


def teach(teacher: nn.Module, chunk: np.ndarray, lessons: Lessons, first: int) -> None:
    """Stores one chunk of pictures with the teacher's feature maps, averaged onto small grids."""
    rows = slice(first, first + len(chunk))
    with torch.inference_mode(), autocast():
        flow = normalise(torch.from_numpy(chunk).permute(0, 3, 1, 2))
        for number, block in enumerate(teacher.features):
            flow = block(flow)
            for name, stage, _, grid, *_ in STAGES:
                if stage == number:
                    kept = functional.adaptive_avg_pool2d(flow.float(), grid)
                    lessons.answers[name][rows] = kept.half().numpy()
    small = [Image.fromarray(p).resize((INPUT, INPUT), Image.Resampling.BILINEAR) for p in chunk]
    lessons.pixels[rows] = np.stack([np.asarray(p) for p in small])


# --- 2. imitation --------------------------------------------------------------------------------


class Pupil(nn.Module):
    """The student, with a linear map a stage onto the teacher's channels; the maps do not ship."""

    def __init__(self) -> None:
        super().__init__()
        self.network = student()
        self.maps = nn.ModuleDict({n: nn.Conv2d(own, c, 1) for n, _, c, _, _, own, _ in STAGES})

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Says what it believes the teacher sees, by stage."""
        net = self.network
        flow = net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(pixels)))))
        beliefs = {}
        for name, _, _, _, layer, *_ in STAGES:
            flow = getattr(net, layer)(flow)
            beliefs[name] = self.maps[name](flow)
        return beliefs


class Yardstick:
    """Compares beliefs with answers, channel by channel in units of the answers' own spread."""

    def __init__(self, lessons: Lessons, teacher: nn.Module) -> None:
        self.scale: dict[str, tuple[Tensor, Tensor]] = {}
        for name, answers in lessons.answers.items():
            sample = torch.from_numpy(answers[:: max(1, len(answers) // 3000)].astype(np.float32))
            mean, std = sample.mean((0, 2, 3)), sample.std((0, 2, 3)).clamp_min(0.02)
            self.scale[name] = (mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1))
            if name == "high":
                self.pooled_std = ((sample.mean((2, 3)) - mean) / std).std(0).clamp_min(0.05)
        self.classify = teacher.classifier[1]

    def loss(self, beliefs: dict[str, Tensor], answers: dict[str, Tensor]) -> tuple[Tensor, dict]:
        """The weighted sum of all differences, and its parts for the log."""
        parts: dict[str, Tensor] = {}
        total = torch.zeros(())
        for name, *_, weight in STAGES:
            mean, std = self.scale[name]
            target = ((answers[name] - mean) / std).clamp(-6, 6)
            parts[name] = functional.mse_loss(beliefs[name].float(), target)
            total = total + weight * parts[name]
        mean, std = self.scale["high"]
        believed, answered = beliefs["high"].float().mean((2, 3)), answers["high"].mean((2, 3))
        target = (answered - mean.flatten()) / std.flatten()
        parts["pooled"] = functional.mse_loss(believed / self.pooled_std, target / self.pooled_std)
        # The teacher's own thousand classes say which differences between features matter.
        guess = self.classify(believed * std.flatten() + mean.flatten())
        truth = self.classify(answered)
        parts["classes"] = functional.kl_div(
            guess.log_softmax(-1), truth.log_softmax(-1), reduction="batchmean", log_target=True
        )
        return total + parts["pooled"] + 0.4 * parts["classes"], parts


def batches(count: int, size: int, seed: int, start: int) -> Iterator[np.ndarray]:
    """Shuffled rows, epoch after epoch, from batch number `start` on."""
    per_epoch, number = count // size, start
    while True:
        order = np.random.default_rng((seed, 1, number // per_epoch)).permutation(count)
        for place in range(number % per_epoch, per_epoch):
            yield np.sort(order[place * size : (place + 1) * size])
            number += 1


def fetch(lessons: Lessons, rows: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, dict]:
    """Reads a batch and mirrors half of it, the teacher's maps along with the pictures."""
    flip = torch.from_numpy(rng.random(len(rows)) < 0.5).view(-1, 1, 1, 1)
    pixels = torch.from_numpy(lessons.pixels[rows]).permute(0, 3, 1, 2)
    answers = {n: torch.from_numpy(a[rows]).float() for n, a in lessons.answers.items()}
    mirrored = {n: torch.where(flip, a.flip(-1), a) for n, a in answers.items()}
    return normalise(torch.where(flip, pixels.flip(-1), pixels)), mirrored


def rate(step: int, progress: float, args: argparse.Namespace) -> float:
    """Learning rate: a short rise, then a cosine down to nothing."""
    return args.lr * min(1.0, (step + 1) / 300) * 0.5 * (1 + math.cos(math.pi * progress))


def agreed(value: float) -> float:
    """The first process's value, so that all of them slow down and stop together."""
    shared = torch.tensor(value, dtype=torch.float64)
    dist.broadcast(shared, 0)
    return shared.item()


def train(args: argparse.Namespace) -> None:
    """Imitates in several single-threaded processes that share every batch.

    One process with several threads waits at barriers inside every convolution, which takes seven
    times as long as soon as anything else runs on the machine; processes meet once a step.
    """
    meeting = args.work / "meeting"
    meeting.unlink(missing_ok=True)
    torch.multiprocessing.spawn(imitate, (args, f"file://{meeting}"), args.workers)


def imitate(rank: int, args: argparse.Namespace, meeting: str) -> None:
    """One process's part of the training; the first of them saves every 200 steps."""
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=args.workers)
    lessons = open_lessons(args.work, args.images)
    pupil, average, optimiser, step, before = resume(args)
    yardstick = Yardstick(lessons, load_teacher(args.teacher))
    began, rows = time.time(), batches(len(lessons.pixels) - HELD_OUT, args.batch, args.seed, step)
    progress = 0.0
    while progress < 1.0:
        seconds = before + time.time() - began
        progress = agreed(max(step / args.steps, seconds / (60 * args.minutes)))
        for group in optimiser.param_groups:
            group["lr"] = rate(step, min(1.0, progress), args)
        rng = np.random.default_rng((args.seed, 2, step, rank))
        pixels, answers = fetch(lessons, next(rows)[rank :: args.workers], rng)
        pupil.train()
        with autocast():
            beliefs = pupil(pixels)
        loss, parts = yardstick.loss(beliefs, answers)
        optimiser.zero_grad()
        loss.backward()
        share_gradients(pupil)
        nn.utils.clip_grad_norm_(pupil.parameters(), 5.0)
        optimiser.step()
        average.update_parameters(pupil)
        step += 1
        if rank == 0 and step % 50 == 0:
            told = " ".join(f"{name} {value.item():.3f}" for name, value in parts.items())
            print(f"{step} {progress:.3f} {told} {seconds:.0f} s", flush=True)
        if rank == 0 and (step % 200 == 0 or progress >= 1.0):
            state = {"pupil": pupil.state_dict(), "average": average.state_dict()}
            state |= {"optimiser": optimiser.state_dict(), "step": step, "seconds": seconds}
            save_whole(state, args)
    dist.destroy_process_group()


def resume(
    args: argparse.Namespace,
) -> tuple[Pupil, AveragedModel, torch.optim.Optimizer, int, float]:
    """The pupil, its running average, the optimiser, the step and the seconds, new or as saved."""
    pupil = Pupil().to(memory_format=torch.channels_last)
    average = AveragedModel(pupil, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True)
    optimiser = torch.optim.AdamW(pupil.parameters(), args.lr, weight_decay=0.03, fused=True)
    path = args.work / "pupil.pt"
    if not path.exists():
        return pupil, average, optimiser, 0, 0.0
    saved = torch.load(path, weights_only=True)
    pupil.load_state_dict(saved["pupil"])
    average.load_state_dict(saved["average"])
    optimiser.load_state_dict(saved["optimiser"])
    return pupil, average, optimiser, saved["step"], saved["seconds"]


def share_gradients(pupil: Pupil) -> None:
    """Replaces every process's gradients by their mean."""
    gradients = [p.grad for p in pupil.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def save_whole(state: dict[str, Any], args: argparse.Namespace) -> None:
    """Writes beside and renames, so that a kill never leaves half a file."""
    part = args.work / "pupil.part"
    torch.save(state, part)
    part.replace(args.work / "pupil.pt")


def held_out(pupil: nn.Module, lessons: Lessons, yardstick: Yardstick) -> dict[str, float]:
    """How far the student is from the teacher on pictures it never saw."""
    pupil.eval()
    sums: dict[str, float] = {}
    rows = np.arange(len(lessons.pixels) - HELD_OUT, len(lessons.pixels))
    for part in np.split(rows, 8):
        pixels = normalise(torch.from_numpy(lessons.pixels[part]).permute(0, 3, 1, 2))
        answers = {n: torch.from_numpy(a[part]).float() for n, a in lessons.answers.items()}
        with torch.inference_mode(), autocast():
            beliefs = pupil(pixels)
        with torch.inference_mode():
            for name, value in yardstick.loss(beliefs, answers)[1].items():
                sums[name] = sums.get(name, 0.0) + value.item() / 8
    return {name: round(value, 4) for name, value in sums.items()}


# --- 3. the files that ship ----------------------------------------------------------------------


def export(
    network: ResNet, figures: dict[str, float], args: argparse.Namespace, steps: int
) -> None:
    """Writes the weights as fp16 safetensors and the description beside them."""
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    args.out.mkdir(parents=True, exist_ok=True)
    part = args.out / "image_starter.safetensors.part"
    save_file(state, part, metadata={"format": "pt"})
    part.chmod(0o644)
    part.replace(args.out / "image_starter.safetensors")
    described = describe(network, figures, args, steps)
    text = json.dumps(described, indent=2) + "\n"
    (args.out / "image_starter.json").write_text(text, encoding="utf-8")


def describe(
    network: ResNet, figures: dict[str, float], args: argparse.Namespace, steps: int
) -> dict[str, Any]:
    """Everything somebody needs to rebuild and feed the network with torchvision alone."""
    return {
        "name": "image_starter",
        "title": "Studio starter (small photos and drawings)",
        "task": "image_classification",
        "builder": "torchvision.models.resnet.ResNet",
        "kwargs": {"block": "torchvision.models.resnet.BasicBlock", "layers": LAYERS},
        "head": {"module": "fc", "replaced_by": "torch.nn.Identity", "classes": None},
        "weights": "image_starter.safetensors",
        "dtype": "float16",
        "feature_dim": FEATURES,
        "feature_layer": "avgpool",
        "parameters": sum(p.numel() for p in network.parameters()),
        "preprocessing": {
            "resize": 144,
            "crop": INPUT,
            "interpolation": "bilinear",
            "antialias": True,
            "mean": list(MEAN),
            "std": list(STD),
            "colour": "RGB",
        },
        "training": {
            "method": "distillation of MobileNetV2 (ImageNet, Apache-2.0) feature maps and classes",
            "images": args.images,
            "steps": steps,
            "batch": args.batch,
            "seed": args.seed,
            "held_out_differences": figures,
        },
        "licence": "Apache-2.0",
        "data": DATA,
    }


DATA = [
    {
        "name": "CIFAR-10 training photos",
        "licence": "none stated",
        "part": "40 % of the pictures alone, and parts of most others",
    },
    {
        "name": "Procedural textures and shapes",
        "licence": "made by the script",
        "part": "shapes and backgrounds of half the pictures",
    },
    {"name": "BCCD blood smears", "licence": "MIT", "part": "crops"},
    {"name": "Data Science Bowl 2018 nuclei", "licence": "CC0", "part": "crops"},
    {"name": "EXIF orientation examples", "licence": "MIT", "part": "crops"},
    {"name": "Pillow test images", "licence": "MIT-CMU", "part": "crops"},
    {"name": "scikit-learn sample photos", "licence": "CC BY", "part": "crops of two photos"},
]


def arguments() -> argparse.Namespace:
    """Reads the command line; the defaults are the ones the shipped file was made with."""
    here = Path(__file__).resolve().parent
    shared = here.parents[2] / "shared"
    teacher = "mobilenet_v2-imagenet/mobilenet_v2_imagenet1k_torchvision.pth"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=shared / "data")
    parser.add_argument("--teacher", type=Path, default=shared / "models" / teacher)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "image_starter")
    parser.add_argument("--out", type=Path, default=here)
    parser.add_argument("--images", type=int, default=40960)
    parser.add_argument("--drawers", type=int, default=1, help="processes that draw")
    parser.add_argument("--workers", type=int, default=2, help="processes that train")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--minutes", type=float, default=60, help="stop training after this long")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--export-only", action="store_true", help="write the last checkpoint")
    return parser.parse_args()


def main() -> None:
    """Draws, asks the teacher, imitates and writes; each part goes on where it was stopped."""
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.workers)
    lessons = prepare(args)
    if not args.export_only:
        train(args)
    _, average, _, steps, seconds = resume(args)
    print(f"{steps} steps in {seconds / 60:.0f} minutes")
    figures = held_out(average.module, lessons, Yardstick(lessons, load_teacher(args.teacher)))
    print(figures)
    export(average.module.network.eval(), figures, args, steps)


if __name__ == "__main__":
    main()
