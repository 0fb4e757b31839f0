"""Which words counted: exact on a network that only adds up, complete on one that does not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn

from finetune_studio.core.dataset import Labels, Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Prediction
from finetune_studio.core.preview import Span, Spans, Words
from finetune_studio.core.task import Batch, Bundle
from finetune_studio.insights.attribution import attribute, checked, embeddings, explained
from finetune_studio.modality.lettered import by_word

VOCABULARY = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "good", "bad", "film", "the", "a", "un", "like"]


class Adding(nn.Module):
    """Adds up a number a token for each of two classes; scores are linear in the embeddings."""

    def __init__(self, *, bent: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(len(VOCABULARY), 4)
        self.classifier = nn.Linear(4, 2)
        self.bent = bent

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        seen = self.words(input_ids) * attention_mask[..., None]
        total = seen.sum(1)
        if self.bent:
            total = torch.tanh(3 * total)
        return SimpleNamespace(logits=self.classifier(total))


class Tagging(nn.Module):
    """Scores each token for outside, begin and inside of one type, by itself and its neighbour."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.words = nn.Embedding(len(VOCABULARY), 4)
        self.classifier = nn.Linear(4, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        seen = self.words(input_ids)
        before = torch.cat([torch.zeros_like(seen[:, :1]), seen[:, :-1]], 1)
        return SimpleNamespace(logits=self.classifier(seen + 0.5 * before))


class Pointing(nn.Module):
    """Scores each token as the start and the end of an answer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.words = nn.Embedding(len(VOCABULARY), 4)
        self.ends = nn.Linear(4, 2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        found = self.ends(self.words(input_ids) + self.words(input_ids).mean(1, keepdim=True))
        return SimpleNamespace(start_logits=found[..., 0], end_logits=found[..., 1])


def bundle_of(network: nn.Module, names: tuple[str, ...], longest: int = 16) -> Bundle:
    known = {word: number for number, word in enumerate(VOCABULARY)}
    known |= {"##like": len(known) - 1}
    tokenizer = Tokenizer(models.WordPiece(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    processor = {"max_length": longest, "pad_id": 0, "inputs": ["input_ids", "attention_mask"]}
    files = {"tokenizer.json": tokenizer.to_str().encode()}
    return Bundle(network.eval(), Labels(names), processor, {}, "classifier", files=files)


def sample_of(**fields: object) -> Sample:
    return Sample(1, "", None, None, "validation", fields=fields)


NOTHING = Batch(None, None)


def test_on_a_linear_network_a_token_weighs_its_weight_times_its_input() -> None:
    bundle = bundle_of(Adding(), ("no", "yes"))
    ids = torch.tensor([[1, 7, 4, 6, 2]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    found = attribute(bundle, inputs, 1, [True, False, False, False, True])
    network = bundle.network
    with torch.no_grad():
        moved = network.words(ids) - network.words(torch.tensor([[1, 0, 0, 0, 2]]))
        expected = (moved @ network.classifier.weight[1])[0].numpy()
    assert found.weights == pytest.approx(expected, abs=1e-6)
    assert found.weights[[0, 4]] == pytest.approx([0, 0])
    assert found.weights.sum() == pytest.approx(found.change, abs=1e-5)
    assert found.steps == 16
    assert found.complete
    assert "rough" not in found.sentence


def test_steps_are_added_until_the_weights_account_for_the_score() -> None:
    bundle = bundle_of(Adding(bent=True), ("no", "yes"))
    with torch.no_grad():
        bundle.network.words.weight.mul_(6)  # a cliff that few steps do not see
    ids = torch.tensor([[1, 7, 4, 6, 2]])
    found = attribute(bundle, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, 0)
    assert found.steps > 16
    assert found.weights.sum() == pytest.approx(found.change, abs=0.02)


def test_a_check_that_fails_is_said() -> None:
    from finetune_studio.insights.attribution import Attribution

    rough = Attribution(np.array([1.0, 0.5]), 3.0, 1.0, 128)
    assert not rough.complete
    assert rough.sentence == (
        "The words change the score by +2.00, and their weights add up to +1.50: only a rough picture."
    )


def test_tokens_are_added_up_to_words() -> None:
    text = "unlike ataxia-telangiectasia, it's 東京"
    offsets = [(0, 0), (0, 2), (2, 6), (7, 13), (13, 14), (14, 28), (28, 29), (30, 32), (32, 34)]
    offsets += [(35, 36), (36, 37), (0, 0)]
    weights = [9.0, 1, 2, 1, 1, 1, 0.5, 1, 1, 3, 4, 9.0]
    found = [(text[s:e], weight) for s, e, weight in by_word(text, offsets, weights)]
    assert found == [
        ("unlike", 3.0),
        ("ataxia-telangiectasia", 3.0),
        (",", 0.5),
        ("it's", 2.0),
        ("東", 3.0),
        ("京", 4.0),
    ]


def test_a_text_has_heat_on_its_words_for_the_class_asked_about() -> None:
    bundle = bundle_of(Adding(), ("no", "yes"))
    text = "the good unlike film"
    answer = Prediction("yes", {"yes": 0.8, "no": 0.2})
    said = explained(bundle, sample_of(text=text), NOTHING, answer, None)
    other = explained(bundle, sample_of(text=text), NOTHING, answer, "no")
    (words,), (against,) = said.marks, other.marks
    assert isinstance(words, Words)
    assert {text[s:e] for s, e, _ in words.heat} <= {"the", "good", "unlike", "film"}
    assert max(abs(weight) for _, _, weight in words.heat) == pytest.approx(1)
    assert words.heat != against.heat
    assert said.certainty == 0.8
    assert said.lines[0] == "Which words speak for “yes”"
    assert "add up to" in said.lines[1]


def test_what_the_network_never_read_is_said() -> None:
    bundle = bundle_of(Adding(), ("no", "yes"), longest=6)
    text = "good bad film the a bad bad bad bad bad"
    answer = Prediction("yes", {"yes": 0.8})
    found = explained(bundle, sample_of(text=text), NOTHING, answer, None)
    assert found.lines[-1].startswith("Letters 1 to 17 of 39")
    assert all(end <= 17 for _, end, _ in found.marks[0].heat)


def test_a_name_has_heat_on_its_words_and_on_the_word_before() -> None:
    bundle = bundle_of(Tagging(), ("Thing",))
    text = "the a good film bad"
    place = Span(11, 15, "Thing")
    found = explained(bundle, sample_of(text=text), NOTHING, Prediction("Thing: film"), place)
    words, spans = found.marks
    assert {text[s:e] for s, e, _ in words.heat} == {"good", "film"}
    assert spans == Spans((place,))
    with pytest.raises(StudioError, match="names nothing"):
        explained(bundle, sample_of(text=text), NOTHING, Prediction(""), None)
    with pytest.raises(StudioError, match="knows no 'Place'"):
        explained(bundle, sample_of(text=text), NOTHING, Prediction(""), Span(11, 15, "Place"))


def test_an_answer_far_back_in_a_long_context_is_explained_where_it_stands() -> None:
    bundle = bundle_of(Pointing(), (), longest=12)
    context = "the a " * 40 + "good film"
    about = {"text": "good film", "start": 240, "end": 249, "certainty": 0.7}
    sample = sample_of(question="the film", context=context)
    found = explained(bundle, sample, NOTHING, Prediction("good film", answer=about), None)
    question, words, spans = found.marks
    assert question.title == "Question"
    assert any(context[s:e] == "film" for s, e, _ in words.heat)
    assert all(start > 180 for start, _, _ in words.heat)
    assert spans.spans[0].start == 240
    assert "of 249 were read at once" in found.lines[-1]


def test_embeddings_are_found_or_missed_in_words() -> None:
    assert embeddings(Adding()).num_embeddings == len(VOCABULARY)
    with pytest.raises(StudioError, match="no embeddings"):
        embeddings(nn.Linear(2, 2))


class Fixed(nn.Module):
    """Scores tokens by numbers that are no weights, so that nothing of it was learnt."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.words = nn.Embedding(len(VOCABULARY), 4)
        table = self.words.weight.detach()
        del self.words.weight
        self.words.register_buffer("weight", table)
        self.bias = nn.Parameter(torch.zeros(2))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        total = self.words(input_ids).sum((1, 2))
        return SimpleNamespace(logits=torch.stack([-total, total], 1) + self.bias)


def test_a_tint_that_does_not_depend_on_what_was_learnt_is_told_from_one_that_does() -> None:
    text = "the good unlike film a bad film the good bad a the film unlike bad good"
    answer = Prediction("yes", {"yes": 0.8, "no": 0.2})
    learnt = bundle_of(Adding(), ("no", "yes"), longest=64)
    assert checked(learnt, sample_of(text=text), NOTHING, answer, None).startswith("Checked: ")
    fixed = bundle_of(Fixed(), ("no", "yes"), longest=64)
    told = checked(fixed, sample_of(text=text), NOTHING, answer, None)
    assert told.endswith("(agreement 1.00): this tint explains nothing.")
    # The order of so few words may be chance.
    for few in ("good film", "the good film a bad unlike film good"):
        assert checked(fixed, sample_of(text=few), NOTHING, answer, None) == ""
