"""Tiny random text networks with a real tokenizer, written as the folders that Hugging Face knows.

``folder(place, kind, texts)`` writes one in well under a second. The tokenizer is trained on ``texts``, so
it knows their words; the weights are random, but learn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from finetune_studio.models.quiet import quiet

TEXTS = (
    "the cat sat on the mat and the dog ran after the ball in the garden",
    "patients with breast cancer were treated and the tumour became smaller",
    "who wrote the letter that was found in the old house near the river",
    "Anna: are you coming to the party tonight? Ben: yes, I will bring some cake.",
    "one two three four five six seven eight nine ten red green blue yellow black white",
)

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>\n"
    "{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)

ENCODERS = ("bert", "distilbert", "roberta", "sentence")
WRITERS = ("llama", "gpt2")
REWRITERS = ("t5", "bart")


def folder(
    place: Path,
    kind: str,
    texts: Iterable[str] = TEXTS,
    *,
    words: int = 600,
    seed: int = 0,
    chat: bool = False,
    **changes: Any,
) -> Path:
    """Write a network and its tokenizer into a folder, and return the folder.

    Args:
        place: The folder; made if it is not there.
        kind: One of :data:`ENCODERS` (``sentence`` is a BERT with mean pooling, as MiniLM is),
            :data:`WRITERS` or :data:`REWRITERS`.
        texts: What the tokenizer learns its words from.
        words: At most so many tokens.
        seed: Where the weights come from.
        chat: Whether the tokenizer has a chat template.
        changes: Settings of the network that differ, for example ``num_hidden_layers=4``.
    """
    import torch
    import transformers

    place.mkdir(parents=True, exist_ok=True)
    base = "bert" if kind == "sentence" else kind
    tokenizer = write_tokenizer(place, base, texts, words=words, chat=chat)
    model, values = _NETWORKS[base]
    made = getattr(transformers, values["config"])(
        vocab_size=tokenizer.get_vocab_size(),
        **_numbers(tokenizer, base),
        **(values["settings"] | changes),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = getattr(transformers, model)(made)
    with quiet():
        network.save_pretrained(place)
    if kind == "sentence":
        _mean_pooled(place)
    return place


def write_tokenizer(
    place: Path, kind: str, texts: Iterable[str] = TEXTS, *, words: int = 600, chat: bool = False
) -> Any:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` as a kind has them; return the tokenizer."""
    tokenizer = _word_pieces(texts, words) if kind in _CLS else _byte_pairs(kind, texts, words)
    special = _SPECIAL[kind]
    tokenizer.save(str(place / "tokenizer.json"))
    config: dict[str, Any] = {
        **special,
        "model_max_length": 64,
        "tokenizer_class": "TokenizersBackend",
    }
    if chat:
        config["chat_template"] = CHAT_TEMPLATE
    (place / "tokenizer_config.json").write_text(json.dumps(config))
    return tokenizer


def _word_pieces(texts: Iterable[str], words: int) -> Any:
    """Return a lower-casing WordPiece tokenizer as BERT has one."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from tokenizers.trainers import WordPieceTrainer

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = WordPieceTrainer(vocab_size=words, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(list(texts), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _byte_pairs(kind: str, texts: Iterable[str], words: int) -> Any:
    """Return a byte-level BPE tokenizer, which can write any text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from tokenizers.trainers import BpeTrainer

    special = [str(token) for token in dict.fromkeys(_SPECIAL[kind].values())]
    if kind in WRITERS:
        special += ["<|system|>", "<|user|>", "<|assistant|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=words,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(list(texts), trainer)
    around = _AROUND.get(kind)
    if around:
        single, pair, names = around
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single,
            pair=pair,
            special_tokens=[(name, tokenizer.token_to_id(name)) for name in names],
        )
    return tokenizer


def _numbers(tokenizer: Any, kind: str) -> dict[str, int]:
    """Return the numbers of the special tokens, as a network's settings name them."""
    named = {
        "pad_token_id": _SPECIAL[kind].get("pad_token"),
        "bos_token_id": _SPECIAL[kind].get("bos_token"),
        "eos_token_id": _SPECIAL[kind].get("eos_token"),
        "decoder_start_token_id": {"t5": "<pad>", "bart": "</s>"}.get(kind),
    }
    return {name: tokenizer.token_to_id(token) for name, token in named.items() if token}


def _mean_pooled(place: Path) -> None:
    """Say in the folder, as sentence-transformers does, that the mean over tokens counts."""
    parts = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    kind = "sentence_transformers.models"
    listed = [
        {"idx": number, "name": str(number), "path": path, "type": f"{kind}.{name}"}
        for number, (path, name) in enumerate(parts)
    ]
    (place / "modules.json").write_text(json.dumps(listed))
    (place / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    (place / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


_CLS = ("bert", "distilbert")
_SPECIAL: dict[str, dict[str, str]] = {
    "bert": {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    },
    "roberta": {
        "bos_token": "<s>",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "cls_token": "<s>",
        "sep_token": "</s>",
        "mask_token": "<mask>",
    },
    "t5": {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
    "bart": {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
    "llama": {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"},
    "gpt2": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},  # no pad, as the real one
}
_SPECIAL["distilbert"] = _SPECIAL["bert"]
_AROUND = {
    "roberta": ("<s> $A </s>", "<s> $A </s> </s> $B </s>", ("<s>", "</s>")),
    "bart": ("<s> $A </s>", "<s> $A </s> </s> $B </s>", ("<s>", "</s>")),
    "t5": ("$A </s>", "$A </s> $B </s>", ("</s>",)),
    "llama": ("<s> $A", "<s> $A $B", ("<s>",)),
}
_ENCODER = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertModel", {"config": "BertConfig", "settings": _ENCODER}),
    "distilbert": (
        "DistilBertModel",
        {
            "config": "DistilBertConfig",
            "settings": {
                "dim": 32,
                "hidden_dim": 64,
                "n_layers": 4,
                "n_heads": 2,
                "max_position_embeddings": 64,
            },
        },
    ),
    "roberta": (
        "RobertaForMaskedLM",
        {
            "config": "RobertaConfig",
            "settings": _ENCODER | {"max_position_embeddings": 66, "type_vocab_size": 1},
        },
    ),
    "t5": (
        "T5ForConditionalGeneration",
        {
            "config": "T5Config",
            "settings": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2},
        },
    ),
    "bart": (
        "BartForConditionalGeneration",
        {
            "config": "BartConfig",
            "settings": {
                "d_model": 32,
                "encoder_layers": 2,
                "decoder_layers": 2,
                "encoder_attention_heads": 2,
                "decoder_attention_heads": 2,
                "encoder_ffn_dim": 64,
                "decoder_ffn_dim": 64,
                "max_position_embeddings": 128,
                "forced_eos_token_id": None,
            },
        },
    ),
    "llama": (
        "LlamaForCausalLM",
        {
            "config": "LlamaConfig",
            "settings": _ENCODER
            | {
                "num_key_value_heads": 1,
                "max_position_embeddings": 256,
                "tie_word_embeddings": True,
            },
        },
    ),
    "gpt2": (
        "GPT2LMHeadModel",
        {
            "config": "GPT2Config",
            "settings": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256},
        },
    ),
}
