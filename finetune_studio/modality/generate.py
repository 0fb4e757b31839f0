"""A network writes on, token by token."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from finetune_studio.core.errors import StudioError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_UNFINISHED = "\ufffd"  # a letter of which only some bytes are written


@torch.inference_mode()
def stream(
    network: nn.Module,
    ids: Sequence[int],
    ends: Collection[int],
    longest: int,
    *,
    temperature: float = 0.0,
    seed: int = 0,
) -> Iterator[int]:
    """Yield tokens that follow ``ids``, until one that ends the text, so many, or no room is left.

    What the network said of the tokens before is kept, where it can, and not computed again.

    Args:
        network: A causal language model, in evaluation mode.
        ids: What to go on with.
        ends: Tokens that end the text; they are not yielded.
        longest: How many tokens at most.
        temperature: 0 always takes the likeliest token; 1 draws by the network's own probabilities.
        seed: Where the draws come from.
    """
    where = next(network.parameters()).device
    rng = torch.Generator().manual_seed(seed)
    every, given, past = list(ids), list(ids), None
    for _ in range(min(longest, _room(network, len(ids)))):
        answer = network(
            input_ids=torch.tensor([given], device=where), past_key_values=past, use_cache=True
        )
        token = _next(answer.logits[0, -1].float().cpu(), temperature, rng)
        if token in ends:
            return
        yield token
        every.append(token)
        past = getattr(answer, "past_key_values", None)
        given = every if past is None else [token]


def _room(network: Any, written: int) -> int:
    """Return how many tokens a network can still add, where it has a place for so many and no more."""
    most = positions(network)
    return max(0, most - written) if most else 2**31


def positions(network: Any) -> int:
    """Return for how many tokens a network has places; 0 where it does not say."""
    config = getattr(network, "config", None)
    most = getattr(config, "max_position_embeddings", None)  # which GPT-2 calls n_positions
    return most if isinstance(most, int) and most > 0 else 0


def refuse_longer(network: Any, longest: int) -> None:
    """Refuse summaries for which a network has no places.

    Raises:
        StudioError: Naming the setting and how long they can be.
    """
    most = positions(network)
    if most and longest > most:
        raise StudioError(
            f"Summaries of up to {longest:,} tokens are asked for, but this model can write {most:,} at"
            " most.",
            f"Set the longest summary (options.longest_summary) to {most} or less, or choose another"
            " model.",
        )


def _next(scores: Tensor, temperature: float, rng: torch.Generator) -> int:
    if temperature <= 0:
        return int(scores.argmax())
    shares = torch.softmax(scores / temperature, dim=0)
    return int(torch.multinomial(shares, 1, generator=rng))


def texts(tokenizer: Tokenizer, tokens: Iterator[int]) -> Iterator[str]:
    """Yield the whole text after each token that completes a letter."""
    written: list[int] = []
    said = ""
    for token in tokens:
        written.append(token)
        text = tokenizer.decode(written, skip_special_tokens=True)
        if text != said and not text.endswith(_UNFINISHED):
            said = text
            yield text
    if written and (rest := tokenizer.decode(written, skip_special_tokens=True)) != said:
        yield rest


def written(
    network: Any, inputs: dict[str, Tensor], *, longest: int, shortest: int, beams: int
) -> Tensor:
    """Return what an encoder with a decoder writes to each input, (batch, length), always the likeliest."""
    found: Tensor = network.generate(
        **inputs,
        max_new_tokens=longest,
        min_new_tokens=min(shortest, longest),
        num_beams=beams,
        do_sample=False,
    )
    return found
