"""What a rehearsal found, in the words that stand beside Start; no Qt here."""

from __future__ import annotations

from dataclasses import dataclass

from finetune_studio.core.events import Estimated
from finetune_studio.gui.widgets.happenings import span

_SPARE_MB = 200  # a disk filled to the last byte is no use to anybody


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence, a second one that is less loud, and ``warning`` where something stands against it."""

    text: str = ""
    aside: str = ""
    level: str = ""


WORKING = Words("Estimating… (a rehearsal of a few steps)")


def size(megabytes: float) -> str:
    """Return a size as ``1.3 GB``, ``22 GB`` or ``240 MB``."""
    if megabytes >= 10 * 1024:
        return f"{megabytes / 1024:.0f} GB"
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1000 else f"{max(1, round(megabytes))} MB"


def time_in_all(found: Estimated) -> str:
    """Return how long the run will take, such as ``about 4 min at most``."""
    return (
        f"{span(found.seconds)} at most"
        if found.seconds < 1
        else f"about {span(found.seconds)} at most"
    )


def estimate_words(found: Estimated) -> Words:
    """Return time, memory and disk, where the run works, and what to do where it does not fit."""
    time = time_in_all(found)
    text = " · ".join(
        (
            time[:1].upper() + time[1:],
            f"{size(found.memory_mb)} of memory ({size(found.free_memory_mb)} free)",
            f"{size(found.disk_mb)} on disk",
        )
    )
    aside = f"Runs on {where(found)}."
    against = _against(found)
    return Words("\n".join((text, *against)), aside, "warning" if against else "")


def where(found: Estimated) -> str:
    """Return the device and the reason for it."""
    names = {"cuda": "the graphics processor", "mps": "the graphics processor"}
    name = names.get(found.device, "")
    if not name or found.why.startswith("the "):
        return found.why
    return f"{name}: {found.why}"


def _against(found: Estimated) -> list[str]:
    told = []
    more = found.memory_mb - found.held_mb
    if more > found.free_memory_mb:
        told.append(
            f"It does not fit into the memory: {size(more)} more are needed,"
            f" {size(found.free_memory_mb)} are free. A smaller batch, fewer layers to retrain or a"
            " smaller model needs less."
        )
    if found.disk_mb + _SPARE_MB > found.free_disk_mb:
        rest = " Or switch off computing frozen layers once." if found.features_mb > 100 else ""
        told.append(
            f"The disk lacks room: {size(found.disk_mb)} will be written,"
            f" {size(found.free_disk_mb)} are free. Free some space first.{rest}"
        )
    return told
