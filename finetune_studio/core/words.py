"""Events in plain words: the terminal prints them, the window's log shows them."""

from __future__ import annotations

from functools import singledispatch

from finetune_studio.core import events, measures, watching
from finetune_studio.core.catalogue import Entry

NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "loss": "loss",
    "entity_f1": "entity F1",
    "f1": "F1",
    "exact_match": "exact match",
    "rouge_l": "ROUGE-L",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "token_accuracy": "token accuracy",
}


def duration(seconds: float) -> str:
    """Return a time span as people say it: ``8 s``, ``2 min 5 s``, ``1 h 4 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def figure(value: float) -> str:
    """Return a score with three digits, or fewer where it is large: ``0.895``, ``12.4``, ``2,965``."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def scores(metrics: dict[str, float]) -> str:
    """Return scores as words and numbers: ``accuracy 0.912, macro-F1 0.894``."""
    return ", ".join(f"{score_name(name)} {value:.3f}" for name, value in metrics.items())


def score_name(name: str) -> str:
    """Return a score's name in words; that of a single type as ``F1 of Disease``."""
    kind = name.removeprefix("f1_")
    return NAMES.get(name, name if kind == name else f"F1 of {kind}")


def fine_percent(share: float) -> str:
    """Return a small share as percent with as many digits as it needs: ``0.43 %``, ``12 %``."""
    percent = 100 * share
    if 0 < percent < 0.01:
        return "< 0.01 %"
    digits = 0 if percent >= 10 or not percent else 1 if percent >= 1 else 2
    return f"{percent:.{digits}f} %"


def energy(watt_hours: float) -> str:
    """Return an energy as people read it: ``0.013 Wh``, ``3.2 Wh``, ``120 Wh``."""
    return f"{watt_hours:.0f} Wh" if watt_hours >= 100 else f"{watt_hours:.2g} Wh"


def latency(milliseconds: float) -> str:
    """Return how long an answer takes: ``3.4 ms``, ``120 ms``, ``2.1 s``."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"


@singledispatch
def sentence(event: events.Event) -> tuple[str, bool]:
    """Return an event in words (empty if it is not worth any), and whether it only passes by."""
    return event.word(), False


@sentence.register
def _(event: events.PhaseStarted) -> tuple[str, bool]:
    return f"{event.text} …" + (f" ({event.total:,})" if event.total else ""), False


@sentence.register
def _(event: events.Progress) -> tuple[str, bool]:
    left = f", about {duration(event.seconds_left)} left" if event.seconds_left else ""
    total = f" of {event.total:,}" if event.total else ""
    return f"  {event.done:,}{total}{left}", True


@sentence.register
def _(event: events.Noted) -> tuple[str, bool]:
    return event.text, False


@sentence.register
def _(event: events.SampleSetAside) -> tuple[str, bool]:
    return f"Set aside: {event.path}: {event.reason}", False


@sentence.register
def _(event: events.DataImported) -> tuple[str, bool]:
    aside = (
        f"; {event.set_aside:,} could not be used" if event.set_aside else "; none was set aside"
    )
    kinds = {0: "", 1: " in 1 class"}.get(event.classes, f" in {event.classes:,} classes")
    return (
        f"{event.samples:,} samples{kinds}, read as {event.reader}"
        f" in {duration(event.seconds)}{aside}."
    ), False


@sentence.register
def _(event: events.Finding) -> tuple[str, bool]:
    remedy = f"  → {event.remedy}" if event.remedy else ""
    return f"[{event.severity}] {event.check}: {event.message}{remedy}", False


@sentence.register
def _(event: events.CheckFinished) -> tuple[str, bool]:
    need = "nothing needs" if not event.findings else f"{event.findings} need"
    if event.findings == 1:
        need = "1 needs"
    return (
        f"{event.samples:,} samples checked in {duration(event.seconds)}: {need} attention.",
        False,
    )


@sentence.register
def _(event: events.RunStarted) -> tuple[str, bool]:
    again = "goes on" if event.resumed else "begins"
    return (
        f"Run {event.run.replace(chr(92), '/').rsplit('/', 1)[-1]} {again}: {event.model},"
        f" {event.trainable:,} of {event.parameters:,} parameters learn,"
        f" {event.samples.get('train', 0):,} samples to train on,"
        f" {event.samples.get('validation', 0):,} to validate with. {event.device}."
    ), False


@sentence.register
def _(event: events.Estimated) -> tuple[str, bool]:
    return (
        f"About {duration(event.seconds)} at most, {event.memory_mb / 1024:.1f} GB of memory and"
        f" {event.disk_mb:,.0f} MB on disk."
    ), False


@sentence.register
def _(event: events.StepDone) -> tuple[str, bool]:
    return f"  epoch {event.epoch:.2f}, loss {event.loss:.4f}", True


@sentence.register
def _(event: events.Validated) -> tuple[str, bool]:
    mark = "  (best so far)" if event.best else ""
    return (
        f"Epoch {event.epoch:g}: validation loss {event.loss:.4f}, {scores(event.metrics)}{mark}",
        False,
    )


@sentence.register
def _(event: events.CheckpointSaved) -> tuple[str, bool]:
    return f"  Checkpoint saved at epoch {event.epoch:g}", True


@sentence.register
def _(event: events.RunPaused) -> tuple[str, bool]:
    return f"Paused after step {event.step:,}.", False


@sentence.register
def _(event: events.RunContinued) -> tuple[str, bool]:
    return f"Going on after step {event.step:,}.", False


@sentence.register
def _(event: events.RunFinished) -> tuple[str, bool]:
    how = "Stopped, can be resumed." if event.stopped else "Finished."
    kept = f" Best epoch {event.best_epoch:g}: {scores(event.metrics)}." if event.metrics else ""
    if not event.run:
        return event.reason, False
    took = f" Learning took {duration(event.seconds)}."  # without loading and looking at samples before
    return f"{how}{took}{kept}\nThe run: {event.run}", False


@sentence.register
def _(event: measures.CostMeasured) -> tuple[str, bool]:
    fast = f" It answers a sample in {latency(event.latency_ms)}." if event.answered else ""
    return f"The run took about {energy(event.energy_wh)}, {event.how}{fast}", False


@sentence.register
def _(event: measures.ShiftMeasured) -> tuple[str, bool]:
    names = {
        "standard_deviations": "mean distance of what reaches the batch norms from what they know,"
        " in standard deviations",
        "words": "words looked at",
        "tokens_a_word": "tokens (pieces) a word",
        "broken_words": "share of words that are broken up",
        "unknown_tokens": "share of tokens that are unknown",
        "plain_words": "share of words that are broken up in plain English",
    }
    parts = [f"  {names.get(name, name)}: {value:,.3g}" for name, value in event.figures.items()]
    head = f"{event.level}: {event.distance:.2f} on a scale from 0 (as what it learnt from) to 1"
    lines = [f"{event.model}, {event.samples:,} samples, {head}.", event.text, *parts, event.advice]
    return "\n".join(lines), False


@sentence.register
def _(event: measures.BlendMeasured) -> tuple[str, bool]:
    rows = [
        f"  {point['share']:.0%} fine-tuned: {score_name(event.headline)} {point['score']:.3f}"
        + (f", {event.measure} {point['original']:.3f}" if "original" in point else "")
        for point in event.points
    ]
    return "\n".join([event.about, *rows]), False


@sentence.register
def _(event: events.Prediction) -> tuple[str, bool]:
    if event.error:
        return f"{event.input}: {event.error}", False
    share = event.answer.get("certainty", event.probabilities.get(str(event.label)))
    certainty = f"  {share:.1%}" if share is not None else ""
    said = "nothing found" if event.label == "" else event.label
    if event.answer.get("none_of_these"):  # unlike anything the model has learnt
        said = f"none of these (most like {said})"
    return f"{event.input}: {said}{certainty}  ({event.seconds * 1000:.0f} ms)", False


@sentence.register
def _(event: events.Evaluated) -> tuple[str, bool]:
    name, value = next(iter(event.metrics.items()), ("", 0.0))
    bounds = event.intervals.get(name)
    between = f" (95 % interval {bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""
    base = event.baseline
    beat = f" The simplest answer, {base['text']}, reaches {base['value']:.3f}." if base else ""
    many = "sample" if event.samples == 1 else "samples"
    return (
        f"{event.split}, {event.samples:,} {many}: {NAMES.get(name, name)} {value:.3f}{between};"
        f" {scores(event.metrics)}.{beat}"
    ), False


@sentence.register
def _(event: events.ExportVerified) -> tuple[str, bool]:
    return (
        f"Exported as {event.format} and proven: {event.agreement:.1%} of {event.samples:,} answers agree,"
        f" largest difference {event.max_abs_diff:.1e}, {event.latency_ms:.1f} ms a sample"
        f" (19 of 20 below {event.latency_p95_ms:.1f} ms)"
        + (f", {event.batch_ms:.0f} ms for 32" if event.batch_ms else "")
        + f", {event.size_mb:.1f} MB.\nThe export: {event.path}"
    ), False


@sentence.register
def _(event: events.Zipped) -> tuple[str, bool]:
    return f"Packed into {event.path} ({event.size_mb:.1f} MB).", False


@sentence.register
def _(event: events.ServiceStarted) -> tuple[str, bool]:
    return (
        f"The model answers at {event.address} (a page for people) and {event.address}/predict (for"
        " programs). Ctrl+C ends it."
    ), False


@sentence.register
def _(event: events.ServiceEnded) -> tuple[str, bool]:
    return (
        f"The service ended after {duration(event.seconds)}: {event.answered:,} requests were answered,"
        f" {event.refused:,} refused."
    ), False


@sentence.register
def _(event: events.Downloaded) -> tuple[str, bool]:
    return f"{event.model} is on this computer now ({event.size_mb:.1f} MB).", False


@sentence.register
def _(event: Entry) -> tuple[str, bool]:
    return f"{event.name:24} {event.title}: {event.summary}", False


@sentence.register
def _(event: events.Examined) -> tuple[str, bool]:
    return f"[{event.severity}] {event.subject}: {event.message}", False


@sentence.register
def _(event: events.ReplyWritten) -> tuple[str, bool]:
    return f"Reply, {event.tokens:,} tokens: {event.text}", not event.done


@sentence.register
def _(event: watching.MonitorSpoke) -> tuple[str, bool]:
    way = f"  → {event.button}" if event.button else ""
    settings = " ".join(f"--set {name}={value}" for name, value in event.settings.items())
    how = f": {settings}" if settings else ""
    return f"[{event.severity}] {event.monitor}: {event.text}{way}{how}", False


@sentence.register
def _(event: watching.WatchBegun) -> tuple[str, bool]:
    return f"  The answers to {len(event.samples)} validation samples are followed", True


@sentence.register
def _(event: watching.Watched) -> tuple[str, bool]:
    right = sum(bool(answer.get("right")) for answer in event.answers)
    return f"  epoch {event.epoch:g}: {right} of {len(event.answers)} followed samples right", True


@sentence.register
def _(event: watching.Heated) -> tuple[str, bool]:
    gradient = "unknown" if event.gradient is None else f"{event.gradient:.2g}"
    drift = "" if event.drift is None else f", moved by {event.drift:.1%}"
    return f"  epoch {event.epoch:g}: gradient {gradient}{drift}", True


@sentence.register
def _(event: watching.RolledBack) -> tuple[str, bool]:  # a note tells more
    return f"  Epoch {event.epoch:g} went wrong; back to the end of epoch {event.to:g}", True
