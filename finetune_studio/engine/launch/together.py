"""Several processes as one team: they add up, gather and wait through accelerate and torch.distributed.

Gradients are summed by hand, without a wrapper around the network: each process weighs its loss by its
share of the step, so that the sum is the gradient of one process with the whole batch. Before every
exchange all say what they are about to do; processes that went different ways so end with an error
instead of waiting for each other.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import psutil
import torch
import torch.distributed as dist
from torch import Tensor, nn

from finetune_studio.core.errors import FailedElsewhere, StudioError
from finetune_studio.engine import trouble
from finetune_studio.engine.launch.norms import SharedBatchNorm, share_norms

T = TypeVar("T")

_COME = timedelta(minutes=10)  # for all to come together, and for one sum
_AWAIT = timedelta(hours=6)  # for what one does while the others wait, such as importing data
_GRACE_S = 2.0  # in which a process that fails says why
_HEAR_S = 15.0  # in which the others hear it
_BUCKET_BYTES = 32 * 2**20
_NOTHING = -(2**62)
# What a process is about to do; a sum adds how many numbers.
_ASK, _WAIT, _SAME, _GATHER, _OVER, _SUM, _GRADIENTS, _NORM, _KINDS = range(1, 10)
_DTYPES = (torch.float32, torch.float64)  # in which norms count
_LOST = (
    "Another process of this run ended without a word, or cannot be reached any more.",
    "Look whether its memory was full or its machine is off. Then start all of them again, with --resume.",
)


class Together:
    """This process as one of several.

    Raises:
        StudioError: If the processes do not come together.
    """

    def __init__(self) -> None:
        from accelerate import PartialState

        _stay_on_this_machine()
        # More processes than graphics processors share them, which their own library does not allow.
        enough = torch.cuda.device_count() >= int(os.environ.get("LOCAL_WORLD_SIZE") or 1)
        try:
            state = PartialState(cpu=not enough, timeout=_COME)
            self._talk: Any = dist.new_group(backend="gloo", timeout=_AWAIT)
            cpu = dist.new_group(backend="gloo", timeout=_COME)
        except (RuntimeError, ValueError) as error:
            raise StudioError(
                f"The processes of this run did not come together: {str(error).splitlines()[0]}",
                "Look whether all were started, and whether their machines reach each other.",
            ) from error
        self.rank, self.size = int(state.process_index), int(state.num_processes)
        self.local_rank = int(state.local_process_index)
        self._groups: dict[str, Any] = {"cpu": cpu, "cuda": None if enough else cpu}
        self._store: Any = dist.distributed_c10d._get_default_store()
        self._norms: list[SharedBatchNorm] = []
        self.sharing = False

    @property
    def leads(self) -> bool:
        """Whether this process alone writes the run and speaks."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return every ``size``-th item, from this process's rank on."""
        return items[self.rank :: self.size]

    # --- what all do at the same time -------------------------------------------------------------

    def any(self, flag: bool) -> bool:
        """Return whether any process says so."""
        return bool(self._about_to(_ASK, int(flag))[1])

    def wait(self) -> None:
        """Wait until all processes are here."""
        self._about_to(_WAIT)

    def same(self, value: T) -> T:
        """Return the leader's value, everywhere."""
        self._about_to(_SAME)
        box = [value]
        with self._heard():
            dist.broadcast_object_list(box, src=0, group=self._talk)
        return box[0]

    def gathered(self, items: list[T]) -> list[T]:
        """Return the items of all processes, in the order of their ranks."""
        self._about_to(_GATHER)
        boxes: list[list[T]] = [[] for _ in range(self.size)]
        with self._heard():
            dist.all_gather_object(boxes, items, group=self._talk)
        return [item for box in boxes for item in box]

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a value over all processes."""
        self._about_to(_SUM + _KINDS * value.numel())
        return self._added(value.detach().clone())

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all processes; a parameter that has none anywhere keeps none."""
        for bucket in _buckets(parameters):
            # At the end of a bucket stands how many processes have a gradient of each parameter.
            marks = torch.tensor([p.grad is not None for p in bucket])
            zero = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
            flat = torch.cat([g.detach().reshape(-1) for g in zero] + [marks.to(zero[0])])
            self._about_to(_GRADIENTS + _KINDS * flat.numel())
            flat = self._added(flat)
            sizes = [p.numel() for p in bucket]
            *sums, counts = flat.split([*sizes, len(bucket)])
            for parameter, own, total, count in zip(
                bucket, zero, sums, counts.tolist(), strict=True
            ):
                if count:
                    own.copy_(total.view_as(own))
                    parameter.grad = own

    # --- norms that share their statistics --------------------------------------------------------

    def prepare(self, network: nn.Module) -> nn.Module:
        """Return the network with norms that share their statistics, where they learn."""
        network = share_norms(network, self)
        self._norms = [m for m in network.modules() if isinstance(m, SharedBatchNorm)]
        for number, norm in enumerate(self._norms):
            norm.number = number
        return network

    def taking_part(self, *, present: bool) -> AbstractContextManager[None]:
        """Return the context in which one part of a step goes forward and back."""
        return self._part(present=present) if self._norms else nullcontext()

    @contextmanager
    def _part(self, *, present: bool) -> Iterator[None]:
        self.sharing = present
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            present = False
            if trouble.is_memory(error):
                self._answer_norms()
            raise
        else:
            if present:
                self._about_to(_OVER)
            else:
                self._answer_norms()
        finally:
            self.sharing = False

    def norm_sum(self, value: Tensor, number: int, *, forward: bool) -> Tensor:
        """Return the sum over all processes; those without samples add nothing."""
        about = (2 * number + forward) * len(_DTYPES) + _DTYPES.index(value.dtype)
        self._about_to(_NORM + _KINDS * value.numel(), about)
        return self._added(value)

    def _answer_norms(self) -> None:
        """Add nothing to each sum of the others' norms, until they are through with their part."""
        while True:
            what, about = self._about_to(None)
            if what is None or what == _OVER:
                return
            about, kind = divmod(about, len(_DTYPES))
            norm, forward = self._norms[about // 2], about % 2
            device = norm.weight.device
            total = self._added(torch.zeros(what // _KINDS, dtype=_DTYPES[kind], device=device))
            if forward:
                norm.remember(total.view(self.size, -1))

    # --- how it is done ---------------------------------------------------------------------------

    def _about_to(self, what: int | None, number: int = 0) -> tuple[int | None, int]:
        """Say what comes next, None for whatever the others do; return what that is, and the largest number.

        Raises:
            RuntimeError: If the processes went different ways.
        """
        said = (_NOTHING, _NOTHING) if what is None else (what, -what)
        told = torch.tensor([*said, number], dtype=torch.int64)
        with self._heard():
            dist.all_reduce(told, dist.ReduceOp.MAX, group=self._talk)
        largest, smallest, number = told.tolist()
        if largest == _NOTHING:
            return None, number
        if largest != -smallest:
            raise RuntimeError(f"the processes of this run went different ways ({told.tolist()})")
        return largest, number

    def _added(self, value: Tensor) -> Tensor:
        """Return the sum over all processes, in the same tensor where its device can."""
        group = self._groups.get(value.device.type, self._groups["cpu"])
        with self._heard():
            if value.device.type in self._groups:
                dist.all_reduce(value, group=group)
                return value
            copy = value.cpu()
            dist.all_reduce(copy, group=group)
            return copy.to(value.device)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Say in words why the others do not answer."""
        try:
            yield
        except RuntimeError as error:
            known = self._said(_GRACE_S)
            raise (known or StudioError(*_LOST)) from error

    # --- how it ends ------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell the others how it went, and leave.

        Raises:
            FailedElsewhere: If another process speaks of an error already.
        """
        try:
            if error is None:
                self.wait()
        except (StudioError, RuntimeError) as late:
            self._leave(late)
            raise
        else:
            self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        """Break off what others wait for, and do not go before they have heard why."""
        speaks = error is None or (not isinstance(error, FailedElsewhere) and self._speaks(error))
        self._talk, self._groups = None, {}
        from accelerate import PartialState

        with suppress(RuntimeError, AssertionError):
            dist.destroy_process_group()  # who waits for this process now wakes up
        PartialState._reset_state()
        if error is None:
            return
        with suppress(RuntimeError):
            self._store.add("heard", 1)
            lost = isinstance(error, StudioError) and error.message == _LOST[0]
            until = time.monotonic() + (_GRACE_S if lost else _HEAR_S)  # the lost one hears nothing
            while speaks and self._store.add("heard", 0) < self.size and time.monotonic() < until:
                time.sleep(0.05)
        if not speaks and not isinstance(error, FailedElsewhere):
            raise (self._said(_GRACE_S) or FailedElsewhere(*_LOST)) from error

    def _speaks(self, error: BaseException) -> bool:
        """Write down why this process fails, unless another did first; return whether it was the first."""
        known = trouble.explain(error)
        kind = "bug" if trouble.is_bug(error) else "mendable"
        if isinstance(error, KeyboardInterrupt):
            kind = "interrupted"
        try:
            if self._store.add("failed", 1) > 1:
                return False
            self._store.set("why", json.dumps([known.message, known.hint, kind]))
        except RuntimeError:  # the leader, who keeps the store, is gone
            return True
        return True

    def _said(self, seconds: float) -> FailedElsewhere | None:
        """Return what another process said about its failure, if it does within some seconds."""
        until = time.monotonic() + seconds
        with suppress(RuntimeError):
            while time.monotonic() < until:
                if self._store.check(["why"]):
                    message, hint, kind = json.loads(self._store.get("why"))
                    return FailedElsewhere(message, hint, kind)
                time.sleep(0.02)
        return None


def _buckets(parameters: Iterable[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Yield the parameters in groups of one kind that are summed at once."""
    kinds: dict[Any, list[nn.Parameter]] = {}
    for parameter in parameters:
        kinds.setdefault((parameter.dtype, parameter.device), []).append(parameter)
    for alike in kinds.values():
        bucket: list[nn.Parameter] = []
        size = 0
        for parameter in alike:
            bucket.append(parameter)
            size += parameter.numel() * parameter.element_size()
            if size >= _BUCKET_BYTES:
                yield bucket
                bucket, size = [], 0
        if bucket:
            yield bucket


def _stay_on_this_machine() -> None:
    """Let processes of one machine meet on its own loop, so that nothing listens to the network."""
    if os.environ.get("LOCAL_WORLD_SIZE") != os.environ["WORLD_SIZE"]:
        return
    for name, addresses in psutil.net_if_addrs().items():
        if any(a.family == socket.AF_INET and a.address == "127.0.0.1" for a in addresses):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
