"""What a model can be taught: one file a task."""

from __future__ import annotations

from finetune_studio.core.catalogue import Catalogue, Entry
from finetune_studio.core.errors import StudioError

# What is known of a task without loading it: ``readers`` (best guess first), ``headline`` (the score
# that picks the best checkpoint), ``family`` of its models, ``auto`` (the class of transformers that its
# networks have, for texts), what its ``inputs`` are, the ``starter``
# that is offered first, what ``one`` sample and ``many`` are called, and ``fewest_classes``: how many
# classes data must have to be trained on.
CATALOGUE = Catalogue(
    "task",
    [
        Entry(
            "image_classification",
            "Image classification",
            "Tells which of your classes a picture belongs to.",
            "finetune_studio.tasks.image_classification:ImageClassification",
            {
                "readers": ["image_folder", "image_table"],
                "headline": "accuracy",
                "family": "image",
                "inputs": "images",
                "starter": "starter",
                "one": "photo",
                "many": "photos",
                "fewest_classes": 2,
            },
        ),
        Entry(
            "text_classification",
            "Text classification",
            "Tells which of your classes, one or several, a text belongs to.",
            "finetune_studio.tasks.text_classification:TextClassification",
            {
                "readers": ["text_table", "text_folder"],
                "headline": "macro_f1",
                "family": "text",
                "auto": "AutoModelForSequenceClassification",
                "inputs": "texts",
                "starter": "minilm",
                "one": "text",
                "many": "texts",
                "fewest_classes": 2,
            },
        ),
        Entry(
            "token_classification",
            "Finding names in text",
            "Marks the words of a text that name something, such as diseases, places or amounts.",
            "finetune_studio.tasks.token_classification:TokenClassification",
            {
                "readers": ["conll", "span_lines"],
                "headline": "entity_f1",
                "family": "text",
                "auto": "AutoModelForTokenClassification",
                "inputs": "texts",
                "starter": "minilm",
                "one": "text",
                "many": "texts",
                "fewest_classes": 1,
            },
        ),
        Entry(
            "question_answering",
            "Question answering",
            "Answers a question with the words of a text that hold the answer.",
            "finetune_studio.tasks.question_answering:QuestionAnswering",
            {
                "readers": ["squad", "question_table"],
                "headline": "f1",
                "family": "text",
                "auto": "AutoModelForQuestionAnswering",
                "inputs": "texts",
                "starter": "minilm",
                "one": "question",
                "many": "questions",
                "fewest_classes": 0,
            },
        ),
        Entry(
            "summarization",
            "Summarisation",
            "Writes a short text that says what a long one says, in the manner of your own summaries.",
            "finetune_studio.tasks.summarization:Summarization",
            {
                "readers": ["summary_table"],
                "headline": "rouge_l",
                "family": "seq2seq",
                "auto": "AutoModelForSeq2SeqLM",
                "inputs": "texts",
                "starter": "",
                "one": "text",
                "many": "texts",
                "fewest_classes": 0,
            },
        ),
        Entry(
            "causal_lm",
            "Language model",
            "Teaches a language model to reply, or to go on with a text, as your examples do.",
            "finetune_studio.tasks.causal_lm:CausalLm",
            {
                "readers": ["chat_lines", "chat_table", "plain_text"],
                "headline": "perplexity",
                "less_is_better": True,
                "family": "causal",
                "auto": "AutoModelForCausalLM",
                "inputs": "texts",
                "starter": "",
                "one": "example",
                "many": "examples",
                "fewest_classes": 0,
            },
        ),
    ],
)


def starter_of(task: str) -> str:
    """Return the model that a task begins with where none was chosen.

    Raises:
        StudioError: If no model for it comes with the program.
    """
    row = CATALOGUE[task]
    if not row.facts["starter"]:
        raise StudioError(
            f"No model for {row.title.lower()} comes with the program, so one must be chosen.",
            "Give --model: a catalogue name (finetune-studio list models) that was downloaded on the"
            " Model page, or a folder with a model.",
        )
    return str(row.facts["starter"])


def nouns(task: str) -> tuple[str, str]:
    """Return what one sample of a task and several are called: ``("photo", "photos")``."""
    facts = CATALOGUE[task].facts if task in CATALOGUE else {}
    return str(facts.get("one", "sample")), str(facts.get("many", "samples"))


def fewest_classes(task: str) -> int:
    """Return how many classes the data of a task must have."""
    return int(CATALOGUE[task].facts["fewest_classes"]) if task in CATALOGUE else 2


def better(task: str, score: float, known: float) -> bool:
    """Whether a headline score of a task is better than another."""
    less = task in CATALOGUE and CATALOGUE[task].facts.get("less_is_better", False)
    return score < known if less else score > known
