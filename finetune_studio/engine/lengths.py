"""How many tokens each text has for a model: measured once, and kept for texts that stay as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune_studio.core import settings
from finetune_studio.core.dataset import Dataset, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, PhaseStarted, Progress
from finetune_studio.core.files import replacing
from finetune_studio.core.job import Control

if TYPE_CHECKING:
    from finetune_studio.core.recipe import ModelChoices, Recipe
    from finetune_studio.core.task import Task

_LETTERS_AT_ONCE = (
    400_000  # of texts that are encoded together: some 100 MB of the tokenizer's memory
)
_TEXTS_AT_ONCE = 512
_LETTERS_READ = 200_000  # of one text; what a longer one has is reckoned from these
_AUTO = {
    "text": "AutoModelForSequenceClassification",
    "seq2seq": "AutoModelForSeq2SeqLM",
    "causal": "AutoModelForCausalLM",
}


Write = Callable[[Mapping[str, Any]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LengthsMeasured(Event):
    """Every text's length is known.

    Attributes:
        model: What the tokens are counted for.
        limit: How many tokens of a text the recipe and the model read at once.
        lengths: Tokens by the samples' numbers, those that mark start and end included.
        windows: Whether longer texts are read in several windows instead of being cut off.
    """

    model: str
    limit: int
    lengths: dict[int, int] = field(default_factory=dict)
    windows: bool = False


def measure(dataset: Dataset, recipe: Recipe, control: Control) -> Iterator[Event]:
    """Count the tokens of all texts for the model that the recipe names.

    Yields:
        PhaseStarted, Progress, and LengthsMeasured at the end unless it was stopped.

    Raises:
        StudioError: If the model is not on this computer or has no tokenizer.
    """
    from finetune_studio.models import text
    from finetune_studio.tasks import CATALOGUE

    task: type[Task] = CATALOGUE.load(recipe.task)
    options = task.own_options(recipe)
    found = text.find(
        _model(recipe, task.models), task.models, _AUTO[task.models], weights_needed=False
    )
    own, wished = int(found.processor["max_length"]), int(getattr(options, "max_length", 0))
    limit = min(own, wished) if wished else own
    content = found.files.get("tokenizer.json", b"")
    if not content:
        return  # a model that was not downloaded yet: how long its tokens are is not known
    for event in count(dataset, content, control, _writer(found.files)):
        if isinstance(event, LengthsMeasured):
            windows = hasattr(options, "overlap")
            yield LengthsMeasured(found.origin, limit, event.lengths, windows)
        else:
            yield event


def _model(recipe: Recipe, family: str) -> ModelChoices:
    """Return the model that is chosen, or the one that the task begins with where none is yet."""
    from finetune_studio.models import zoo
    from finetune_studio.tasks import starter_of

    source = recipe.model.source
    fits = source not in zoo.CATALOGUE or zoo.CATALOGUE[source].facts["family"] == family
    if fits:
        return recipe.model
    return recipe.model.model_copy(update={"source": starter_of(recipe.task)})


def _writer(files: Mapping[str, bytes]) -> Write:
    """Return what writes a sample down as this model reads it, conversations by its own template."""
    from finetune_studio.modality import chat

    template = chat.template_of(files)

    def write(fields: Mapping[str, Any]) -> tuple[str, ...]:
        if isinstance(turns := fields.get("messages"), list):
            with suppress(StudioError):  # a template that refuses these turns: counted one by one
                return (chat.render(template, turns),)
        return texts_of(fields)

    return write


def count(
    dataset: Dataset, tokenizer: bytes, control: Control, write: Write | None = None
) -> Iterator[Event]:
    """Count the tokens of all texts, of which only those not counted before are encoded.

    Args:
        dataset: The texts.
        tokenizer: The bytes of a ``tokenizer.json``.
        control: Asks to stop; what was counted until then is kept.
        write: Returns the texts that the network reads of a sample's fields.
    """
    write = write or texts_of
    samples = dataset.samples()
    place = _place(dataset, tokenizer)
    known = _kept(place)
    keys = {sample.id: _key(write(sample.fields)) for sample in samples}
    missing = [s for s in samples if keys[s.id] not in known]
    if missing:
        yield PhaseStarted("lengths", "Counting the tokens of the texts", len(missing))
        try:
            for done, counted in _encoded(missing, tokenizer, write):
                known |= {keys[number]: tokens for number, tokens in counted.items()}
                yield Progress("lengths", done, len(missing))
                if control.stop.is_set():
                    return
        finally:
            _keep(place, known, set(keys.values()))
    yield LengthsMeasured("", 0, {number: known[key] for number, key in keys.items()})


def of(
    samples: Sequence[Sample], tokenizer: bytes, files: Mapping[str, bytes] | None = None
) -> list[int]:
    """Return how many tokens each of some samples has; nothing is kept.

    Args:
        samples: A few.
        tokenizer: The bytes of a ``tokenizer.json``.
        files: All files of the tokenizer, of which one may say how conversations are written.
    """
    found: dict[int, int] = {}
    for _, counted in _encoded(samples, tokenizer, _writer(files or {})):
        found |= counted
    return [found[sample.id] for sample in samples]


def of_texts(texts: Sequence[str], tokenizer: bytes) -> list[int]:
    """Return how many tokens each of some texts has; nothing is kept."""
    rows = [Sample(n, "", None, None, "", fields={"text": text}) for n, text in enumerate(texts)]
    return of(rows, tokenizer)


def texts_of(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the texts that a network reads of a sample: question and context, all turns, or the text."""
    if isinstance(turns := fields.get("messages"), list):
        return tuple(str(turn.get("content") or "") for turn in turns if isinstance(turn, dict))
    if "context" in fields:
        return str(fields.get("question") or ""), str(fields.get("context") or "")
    return (str(fields.get("text") or ""),)


_Portion = list[
    tuple[int, tuple[str, ...]]
]  # samples' numbers, and the texts that are read of each


def _encoded(
    samples: Sequence[Sample], tokenizer: bytes, write: Write
) -> Iterator[tuple[int, dict[int, int]]]:
    """Yield how many samples are done, and the tokens of those that were encoded last."""
    from tokenizers import Tokenizer

    opened = Tokenizer.from_buffer(tokenizer)
    opened.no_padding()
    opened.no_truncation()
    one, two = (opened.num_special_tokens_to_add(is_pair=pair) for pair in (False, True))
    done = 0
    for portion in _portions(samples, write):
        parts = [part for _, texts in portion for part in texts]
        rows = iter(opened.encode_batch_fast([part[:_LETTERS_READ] for part in parts]))
        counted = {}
        for number, texts in portion:
            # Marks of start and end count once a sample, whatever it is put together from.
            own = two if len(texts) > 1 else one
            counted[number] = own + sum(
                round((len(next(rows).ids) - one) * max(1.0, len(part) / _LETTERS_READ))
                for part in texts
            )
        done += len(portion)
        yield done, counted


def _portions(samples: Sequence[Sample], write: Write) -> Iterator[_Portion]:
    """Yield samples in portions whose texts fit into memory together."""
    portion: _Portion = []
    letters = 0
    for sample in samples:
        texts = write(sample.fields)
        own = sum(min(_LETTERS_READ, len(part)) for part in texts)
        if portion and (letters + own > _LETTERS_AT_ONCE or len(portion) >= _TEXTS_AT_ONCE):
            yield portion
            portion, letters = [], 0
        portion.append((sample.id, texts))
        letters += own
    if portion:
        yield portion


def _key(texts: Sequence[str]) -> int:
    """Return a number that stands for texts."""
    digest = hashlib.blake2b(digest_size=8)
    for part in texts:
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\x00")
    return int.from_bytes(digest.digest(), "little")


def _place(dataset: Dataset, tokenizer: bytes) -> Path:
    """Return where the lengths of one project's texts for one tokenizer are kept."""
    model = hashlib.sha256(tokenizer).hexdigest()[:12]
    project = hashlib.sha256(str(dataset.file.resolve()).encode()).hexdigest()[:12]
    return settings.computed_folder() / "lengths" / f"{project}-{model}.npy"


def _kept(place: Path) -> dict[int, int]:
    """Return lengths by the texts' keys; nothing where none are kept or the file is damaged."""
    try:
        table = np.load(place, allow_pickle=False)
        return dict(zip(table[0].tolist(), table[1].tolist(), strict=True))
    except (OSError, ValueError, IndexError, EOFError):
        return {}


def _keep(place: Path, known: Mapping[int, int], wanted: set[int]) -> None:
    """Keep the lengths of today's texts; where that fails they are counted again next time."""
    kept = {key: tokens for key, tokens in known.items() if key in wanted}
    table = np.array([list(kept), list(kept.values())], np.uint64)
    with suppress(OSError, StudioError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as temporary, temporary.open("wb") as file:
            np.save(file, table)
