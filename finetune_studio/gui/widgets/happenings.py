"""What jobs state, as lines for the log and as progress for the status line; no Qt here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from finetune_studio.core import counts, events, shares
from finetune_studio.core.events import Event
from finetune_studio.core.words import figure

SAMPLES = ("sample", "samples")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands: its words, and how much of it is done (None where that is unknown)."""

    text: str
    share: float | None = None
    seconds_left: float | None = None

    @property
    def line(self) -> str:
        """Return words and time left."""
        left = f" · about {span(self.seconds_left)} left" if self.seconds_left is not None else ""
        return self.text + left


_AT_WORK = {
    "answer": "Answering the samples with the other run",
    "blend": "Blending with the original",
    "chat": "The model replies",
    "chat_before": "The model replies as it was before",
    "check": "Checking the data",
    "download": "Downloading a model",
    "estimate": "Rehearsing a few steps",
    "evaluate": "Answering the test samples",
    "export": "Exporting",
    "forgetting": "Measuring what was forgotten",
    "import": "Reading your data",
    "label_errors": "Looking for wrong labels",
    "lengths": "Measuring texts",
    "map": "Drawing the map of samples",
    "rate test": "Looking for a learning rate",
    "replies": "The model replies",
    "report": "Writing the report",
    "rescore": "Judging the corrections",
    "serve": "Answering programs",
    "shift": "Comparing your data with what the model knows",
    "training": "Getting ready to train",
    "try": "Asking the model",
    "try_beside": "Asking the other model",
    "unlike": "Learning what is unlike the data",
    "zip": "Packing the export",
}


def at_work(job: str) -> str:
    """Return what a job does, as long as it has not said so itself."""
    return _AT_WORK.get(job, "Working")


class Standings:
    """Follows every job by its name."""

    def __init__(self) -> None:
        self.called = SAMPLES  # what one sample and several are called
        self._jobs: dict[str, Standing] = {}
        self._run: events.RunStarted | None = None

    def take(self, job: str, event: Event) -> None:
        """Take note of an event of a job."""
        before = self._jobs.get(job, Standing(at_work(job)))
        match event:
            case events.PhaseStarted():
                self._jobs[job] = Standing(event.text, 0.0 if event.total else None)
            case events.Progress() if event.total > 0:
                share = event.done / event.total
                self._jobs[job] = replace(before, share=share, seconds_left=event.seconds_left)
            case events.RunStarted():
                self._run = event
                self._jobs[job] = Standing("Training", 0.0)
            case events.StepDone() if self._run is not None:
                self._jobs[job] = _of_step(event, self._run)
            case events.RunPaused():
                self._jobs[job] = replace(before, text="Paused", seconds_left=None)

    def keep_only(self, jobs: list[str]) -> None:
        """Forget the jobs that ended."""
        self._jobs = {name: standing for name, standing in self._jobs.items() if name in jobs}

    def of(self, job: str) -> Standing:
        """Return where a job stands."""
        return self._jobs.get(job, Standing(at_work(job)))


def _of_step(event: events.StepDone, run: events.RunStarted) -> Standing:
    share = min(1.0, event.epoch / run.epochs) if run.epochs else None
    left = event.seconds * (1 - share) / share if share and event.seconds > 2 else None
    return Standing(
        f"Training · epoch {min(run.epochs, int(event.epoch) + 1)} of {run.epochs}", share, left
    )


def told(event: Event, called: tuple[str, str] = SAMPLES) -> str:
    """Return what an event means as a line for the log; empty for those that come too often.

    Args:
        event: What happened.
        called: What one sample and several are called.
    """
    line = ""
    match event:
        case events.PhaseStarted(text=text) | events.Noted(text=text):
            line = text
        case events.DataImported():
            inside = f" in {counts.of(event.classes, 'class', 'classes')}" if event.classes else ""
            aside = f", {event.set_aside:,} set aside" if event.set_aside else ", none set aside"
            read = f"{counts.of(event.samples, *called)}{inside} read in {event.seconds:.1f} s"
            line = read + aside
        case events.CheckFinished():
            few = "1 thing needs" if event.findings == 1 else f"{event.findings} things need"
            checked = f"{counts.of(event.samples, *called)} checked in {event.seconds:.1f} s"
            line = f"{checked}: {few} attention"
        case events.RunStarted():
            line = f"Training begins: {event.trainable:,} of {event.parameters:,} parameters learn"
        case events.Validated():
            best = ", the best so far" if event.best else ""
            name, value = next(iter(event.metrics.items()), ("loss", event.loss))
            line = f"Epoch {event.epoch:g}: {name} {figure(value)} on the validation samples{best}"
        case events.RunPaused():
            line = "Training waits"
        case events.Estimated():
            line = f"A run with these choices takes about {span(event.seconds)} at most"
        case events.RunFinished():
            how = "stopped" if event.stopped else "finished"
            line = f"Training {how}; learning took {span(event.seconds)}"
        case events.ExportVerified():
            line = f"Export checked: {shares.fine(event.agreement)} of the answers agree"
        case events.SampleSetAside():
            line = f"{event.path} was set aside: {event.reason}"
        case events.Downloaded():
            line = f"{event.model} is on this computer now"
    return line


def span(seconds: float) -> str:
    """Return a length of time in words, as exact as it is of use."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
