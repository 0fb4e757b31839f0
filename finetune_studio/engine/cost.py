"""What a run takes and how fast its result answers: watt-hours, estimated, and milliseconds a sample.

Energy is measured where the computer says what it draws (RAPL for Intel and AMD processors, NVML for NVIDIA
graphics processors), else estimated from processor seconds with 12 W for a core at work, the mean over
processors that Lannelongue et al. 2021 ("Green Algorithms") take where nothing better is known. What else
draws power (memory, screen, cooling) is left out, and the sentence beside the number says what it rests on.
"""

from __future__ import annotations

import contextlib
import importlib
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import torch

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event
from finetune_studio.core.measures import CostMeasured
from finetune_studio.engine import trouble
from finetune_studio.engine.loaders import batch_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finetune_studio.core.task import Bundle, Task
    from finetune_studio.engine.run import Place
    from finetune_studio.engine.session import Session

WATTS_A_CORE = 12.0
_RAPL = Path("/sys/class/powercap")
_ANSWERED, _LONGEST_S = 20, 2.0  # samples that speed is measured on, and seconds at most


class Meter:
    """Counts what this process draws from now on.

    Args:
        cuda: Whether a graphics processor may be used, so that its meter counts too.

    Attributes:
        threads: How many threads a network may use, as it was before the run set its own number.
    """

    def __init__(self, *, cuda: bool = False) -> None:
        self.threads = torch.get_num_threads()
        self._before = (0.0, 0.0)
        self._processes = 1
        self._rapl = {zone: value for zone in _zones() if (value := _joules(zone)) is not None}
        self._gpu = _Graphics() if cuda else None
        self._began = time.perf_counter()
        self._processor_began = _processor_seconds()

    def goes_on(self, session: Session) -> None:
        """Count for a run; what it took before it was resumed is added."""
        self._before = (session.place.processor_s, session.place.energy_wh)
        self._processes = session.team.size
        session.meter = self

    def note(self, place: Place) -> None:
        """Write into a run's place what it took so far."""
        place.processor_s, place.energy_wh = self.processor_s(), self.energy_wh()

    def processor_s(self) -> float:
        """Return the processor seconds of the run so far, of this process and those that it started."""
        return self._before[0] + _processor_seconds() - self._processor_began

    def energy_wh(self) -> float:
        """Return the energy of the run so far, in watt-hours."""
        if self._rapl:
            drawn = sum(self._drawn(zone) for zone in self._rapl)
        else:
            drawn = (_processor_seconds() - self._processor_began) * WATTS_A_CORE
        if self._gpu is not None:
            drawn += self._gpu.joules() or 0.0
        return self._before[1] + drawn / 3600

    def _drawn(self, zone: Path) -> float:
        now, then = _joules(zone), self._rapl[zone]
        if now is None:
            return 0.0
        if now >= then:
            return now - then
        return now - then + (_number(zone / "max_energy_range_uj") or 0.0) / 1e6  # it began anew

    def how(self) -> str:
        """Say what the number rests on."""
        said = (
            "measured by the processor itself (RAPL), with all that ran beside"
            if self._rapl
            else f"estimated from processor seconds, at {WATTS_A_CORE:g} W a core"
        )
        if self._processes > 1:
            said += f"; only the first of {self._processes} processes is counted"
        if self._gpu is None:
            return f"{said}."
        if self._gpu.joules() is None:
            return f"{said}; the graphics processor does not say what it draws and is not counted."
        return f"{said}; the graphics processor measured by itself (NVML)."


def _processor_seconds() -> float:
    times = psutil.Process().cpu_times()
    children = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + children)


def _zones() -> list[Path]:
    """Return RAPL's packages; their parts are counted in them."""
    with contextlib.suppress(OSError):
        return sorted(zone for zone in _RAPL.glob("intel-rapl:*") if zone.name.count(":") == 1)
    return []


def _joules(zone: Path) -> float | None:
    found = _number(zone / "energy_uj")
    return None if found is None else found / 1e6


def _number(file: Path) -> float | None:
    try:
        return float(file.read_text())
    except (OSError, ValueError):  # most systems let only the administrator read it
        return None


class _Graphics:
    """The energy meter of NVIDIA's graphics processors, where its library is there."""

    def __init__(self) -> None:
        self._meter: Any = None
        with contextlib.suppress(Exception):  # no library, no driver, or a card without a meter
            library: Any = importlib.import_module("pynvml")
            library.nvmlInit()
            handle = library.nvmlDeviceGetHandleByIndex(torch.cuda.current_device())
            self._meter = lambda: library.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
            self._began = self._meter()

    def joules(self) -> float | None:
        """Return what was drawn since; None where there is no meter."""
        if self._meter is None:
            return None
        with contextlib.suppress(Exception):
            return float(self._meter() - self._began)
        return None


def latency(task: Task, bundle: Bundle, samples: Sequence[Sample]) -> tuple[float, int]:
    """Return the milliseconds that the network takes for one sample, and how many were asked.

    The middle of up to twenty samples spread over the given ones, one at a time, after two to warm up;
    reading a sample from the disk is not counted. It ends after two seconds.
    """
    some = samples[:: max(1, len(samples) // _ANSWERED)][: _ANSWERED + 2]
    took: list[float] = []
    began = time.perf_counter()
    bundle.network.eval()
    for number, sample in enumerate(some):
        with contextlib.suppress(StudioError):  # cannot be read; it was set aside by the run
            batch = batch_of(task, bundle, [sample])
            start = time.perf_counter()
            with torch.inference_mode():
                task.predict(bundle, batch)
            if next(bundle.network.parameters()).device.type == "cuda":
                torch.cuda.synchronize()
            if number >= 2 or len(some) <= 2:
                took.append(time.perf_counter() - start)
        if took and time.perf_counter() - began > _LONGEST_S:
            break
    return (round(1e3 * statistics.median(took), 3), len(took)) if took else (0.0, 0)


def what_it_took(session: Session, meter: Meter) -> Iterator[Event]:
    """State what a run took, and how fast its network answers; a stopped run is not kept waiting for that."""
    speed, answered = _speed(session, meter) if session.place.done else (0.0, 0)
    yield CostMeasured(
        str(session.folder),
        round(meter.energy_wh(), 4),
        meter.how(),
        round(meter.processor_s(), 1),
        speed,
        answered,
        session.device.kind,
    )


def _speed(session: Session, meter: Meter) -> tuple[float, int]:
    """Measure the network with all the threads that it will have when somebody uses it."""
    threads = session.recipe.compute.threads or meter.threads
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        whole = replace(session.bundle, asked=None)  # every sample is answered in full
        return latency(session.task, whole, session.validation)
    except (RuntimeError, MemoryError) as error:
        if not trouble.is_memory(error):
            raise
        return 0.0, 0
    finally:
        torch.set_num_threads(before)
