"""One small dataset per task, made on the spot."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

from PIL import Image, ImageDraw

_COLOURS = ("#c0392b", "#2471a3", "#229954", "#d4ac0d", "#7d3c98", "#e67e22", "#17a589", "#5d6d7e")


def image_classification(
    folder: Path, classes: int = 3, per_class: int = 10, size: int = 64
) -> Path:
    """Draw a folder a class: each class has its own shape and colour, each picture its own place.

    The classes are told apart easily, and no two pictures are copies of each other.
    """
    for number in range(classes):
        place = folder / f"class {number + 1}"
        place.mkdir(parents=True, exist_ok=True)
        for index in range(per_class):
            picture(number, index, size).save(place / f"{index:03d}.png")
    return folder


def picture(number: int, index: int, size: int = 64) -> Image.Image:
    """Draw the picture ``index`` of class ``number``; the same numbers give the same picture."""
    rng = random.Random(f"{number}/{index}")
    ground = tuple(rng.randint(150, 255) for _ in range(3))
    image = Image.new("RGB", (size, size), ground)
    pen = ImageDraw.Draw(image)
    for _ in range(6):  # blotches of light, so that pictures differ everywhere
        x, y, r = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(size / 10, size / 4)
        shade = tuple(max(0, c - rng.randint(20, 90)) for c in ground)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=shade)
    side = rng.uniform(size * 0.3, size * 0.5)
    left, top = rng.uniform(0, size - side), rng.uniform(0, size - side)
    box = (left, top, left + side, top + side)
    colour = _COLOURS[number % len(_COLOURS)]
    if number % 3 == 0:
        pen.rectangle(box, fill=colour)
    elif number % 3 == 1:
        pen.ellipse(box, fill=colour)
    else:
        pen.polygon([(left, top + side), (left + side, top + side), (left + side / 2, top)], colour)
    return image


# --- texts: sentences of a small grammar, drawn from the sample's number -------------------------

SPLITS = ("train", "validation", "test")
CLASSES = ("weather", "kitchen", "music")
PEOPLE = (
    *("Anna", "Boris", "Clara", "David", "Elena", "Felix", "Greta", "Henry", "Irene", "Jonas"),
    *("Karin", "Lukas", "Maria", "Nadia", "Oscar", "Paula", "Quentin", "Rosa", "Stefan", "Tessa"),
)
PLACES = (
    *("Lisbon", "Oslo", "Vienna", "Cairo", "Lima", "Prague", "Dublin", "Athens", "Kyoto", "Quebec"),
    *("New York", "San Marino", "Cape Town", "Buenos Aires", "Hong Kong", "Tel Aviv"),
)
JOBS = ("baker", "teacher", "pilot", "doctor", "gardener", "painter", "lawyer", "sailor", "nurse")
ANIMALS = ("dog", "cat", "horse", "parrot", "turtle", "rabbit", "goat", "hamster")
COLOURS = ("red", "blue", "green", "yellow", "black", "white", "brown", "grey")
_TIMES = (
    *("in the early morning", "after lunch", "on a quiet Sunday", "late at night", "all week long"),
    *("before sunrise", "during the holidays", "at the end of May", "for the third time", "again"),
)
_SUBJECTS = (
    *("my neighbour", "the old captain", "our teacher", "a young couple", "her brother"),
    *("the whole village", "his aunt", "the new mayor", "nobody here", "a tired traveller"),
)
_VERBS = (
    "talked about",
    "was surprised by",
    "remembered",
    "waited for",
    "complained about",
    "loved",
)
_THINGS = {
    "weather": (
        *("the heavy rain", "a cold wind", "the thick fog", "a summer storm", "the deep snow"),
        *("the burning sun", "a sudden hail", "grey clouds", "the warm breeze", "the thunder"),
    ),
    "kitchen": (
        *("the fresh bread", "a bowl of soup", "the burnt onions", "a pot of rice", "the oven"),
        *("melted butter", "the frying pan", "a sweet cake", "garlic and pepper", "the apple pie"),
    ),
    "music": (
        *("the violin", "a slow melody", "the choir", "a loud trumpet", "the piano lesson"),
        *("an old song", "the drummer", "a string quartet", "the concert hall", "a guitar solo"),
    ),
}


def split_of(index: int) -> str:
    """Return the split of a sample: four of six to train on, one to validate with, one to test."""
    return (*("train",) * 4, "validation", "test")[index % 6]


def text_classification(folder: Path, classes: int = 3, per_class: int = 12) -> Path:
    """Write ``texts.csv`` with the columns text, label and split; return the file."""
    rows = []
    for index in range(classes * per_class):
        name, rng = CLASSES[index % classes], random.Random(f"text/{index}")
        sentences = [_sentence(rng, name), _sentence(rng, name)]
        rows.append((" ".join(sentences), name, split_of(index // classes)))
    return _table(folder / "texts.csv", ("text", "label", "split"), rows)


def token_classification(folder: Path, samples: int = 36) -> Path:
    """Write CoNLL files ``train.tsv``, ``devel.tsv`` and ``test.tsv``; return the folder.

    The tags are BIO with the types Person and Place.
    """
    lines: dict[str, list[str]] = {split: [] for split in SPLITS}
    for index in range(samples):
        lines[split_of(index)] += [*tagged(index), ""]
    folder.mkdir(parents=True, exist_ok=True)
    for split, name in zip(SPLITS, ("train", "devel", "test"), strict=True):
        text = "\n".join(lines[split]) + "\n"
        (folder / f"{name}.tsv").write_text(text, encoding="utf-8")
    return folder


def tagged(index: int) -> list[str]:
    """Return the lines ``word TAB tag`` of the sentence ``index``."""
    rng = random.Random(f"tags/{index}")
    parts = [(word, "O") for word in rng.choice(_TIMES).split()]
    parts += [(rng.choice(PEOPLE), "B-Person"), (rng.choice(PEOPLE) + "son", "I-Person")]
    parts += [(word, "O") for word in f"and {rng.choice(_SUBJECTS)} travelled from".split()]
    here, there = rng.sample(PLACES, 2)
    parts += [*_place(here), ("to", "O"), *_place(there)]
    parts += [(word, "O") for word in f"and {rng.choice(_VERBS)} the {rng.choice(JOBS)} .".split()]
    return [f"{word}\t{tag}" for word, tag in parts]


def question_answering(folder: Path, contexts: int = 12) -> Path:
    """Write SQuAD v2 files ``train.json``, ``dev.json`` and ``test.json``; return the folder.

    Each context has three questions, of which the last cannot be answered in every second context.
    """
    articles: dict[str, list[dict[str, object]]] = {split: [] for split in SPLITS}
    for index in range(contexts):
        articles[split_of(index)].append(article(index))
    folder.mkdir(parents=True, exist_ok=True)
    for split, name in zip(SPLITS, ("train", "dev", "test"), strict=True):
        text = json.dumps({"version": "v2.0", "data": articles[split]}, indent=1)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return folder


def article(index: int) -> dict[str, object]:
    """Return an article of SQuAD with one paragraph about a person."""
    rng = random.Random(f"answers/{index}")
    name, animal = PEOPLE[index % len(PEOPLE)], rng.choice(ANIMALS)
    place, job, colour = rng.choice(PLACES), rng.choice(JOBS), rng.choice(COLOURS)
    known = index % 2 == 0
    facts = [
        f"{name} lives in {place}.",
        f"As a {job} {name} works {rng.choice(_TIMES)}.",
        f"The {animal} of {name} is {colour if known else 'very friendly'}.",
    ]
    asked = [
        (f"Where does {name} live?", facts[0], place),
        (f"What is the work of {name}?", facts[1], job),
        (f"Which colour has the {animal} of {name}?", facts[2], colour if known else ""),
    ]
    rng.shuffle(facts)
    context = " ".join([_sentence(rng, "weather"), *facts, _sentence(rng, "music")])
    qas = []
    for number, (question, fact, answer) in enumerate(asked):
        start = context.index(fact) + fact.rindex(answer)
        qas.append(
            {
                "id": f"{index}-{number}",
                "question": question,
                "answers": [{"text": answer, "answer_start": start}] if answer else [],
                "is_impossible": not answer,
            }
        )
    return {"title": f"About {name}", "paragraphs": [{"context": context, "qas": qas}]}


def summarization(folder: Path, samples: int = 36) -> Path:
    """Write ``reports.csv`` with the columns text, summary and split; return the file.

    The summary says who went where, which stands in the second of three sentences.
    """
    rows = []
    for index in range(samples):
        rng = random.Random(f"summary/{index}")
        name, place, job = rng.choice(PEOPLE), rng.choice(PLACES), rng.choice(JOBS)
        main = f"Then {name}, who is a {job}, went to {place} {rng.choice(_TIMES)}."
        text = " ".join([_sentence(rng, "weather"), main, _sentence(rng, "kitchen")])
        rows.append((text, f"{name} went to {place}.", split_of(index)))
    return _table(folder / "reports.csv", ("text", "summary", "split"), rows)


def causal_lm(folder: Path, samples: int = 36) -> Path:
    """Write chats ``train.jsonl``, ``validation.jsonl`` and ``test.jsonl``; return the folder.

    The user names things, the assistant repeats them from the last to the first.
    """
    lines: dict[str, list[str]] = {split: [] for split in SPLITS}
    for index in range(samples):
        lines[split_of(index)].append(json.dumps({"messages": chat(index)}))
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        text = "\n".join(lines[split]) + "\n"
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    return folder


def chat(index: int) -> list[dict[str, str]]:
    """Return the messages of the conversation ``index``; every third one has a system message."""
    rng = random.Random(f"chat/{index}")
    things = [f"{rng.choice(COLOURS)} {animal}" for animal in rng.sample(ANIMALS, 3)]
    said = f"Turn around: {', '.join(things)}. {rng.choice(PEOPLE)} asks {rng.choice(_TIMES)}."
    messages = [{"role": "system", "content": "You turn lists around."}] if index % 3 == 0 else []
    messages.append({"role": "user", "content": said})
    messages.append({"role": "assistant", "content": ", ".join(reversed(things))})
    return messages


def marked_lines(folder: Path, samples: int = 12) -> Path:
    """Write ``marked.jsonl``, texts with spans of persons and places; return the file."""
    rows = []
    for index in range(samples):
        words, spans, start = [], [], 0
        for line in tagged(index):
            word, tag = line.split("\t")
            if tag.startswith("B"):
                spans.append({"start": start, "end": start + len(word), "label": tag[2:]})
            elif tag.startswith("I"):
                spans[-1]["end"] = start + len(word)
            words.append(word)
            start += len(word) + 1
        rows.append(json.dumps({"text": " ".join(words), "spans": spans}))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "marked.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "marked.jsonl"


def question_table(folder: Path, contexts: int = 12) -> Path:
    """Write ``questions.csv`` with the questions of :func:`question_answering`; return the file."""
    rows = []
    for index in range(contexts):
        paragraph = article(index)["paragraphs"][0]  # type: ignore[index]
        for qa in paragraph["qas"]:
            answer = qa["answers"][0]["text"] if qa["answers"] else "[]"
            rows.append((qa["question"], paragraph["context"], answer, split_of(index)))
    return _table(folder / "questions.csv", ("question", "context", "answer", "split"), rows)


def chat_table(folder: Path, samples: int = 36) -> Path:
    """Write ``prompts.csv`` with the conversations of :func:`causal_lm`; return the file."""
    rows = []
    for index in range(samples):
        *_, asked, answered = (message["content"] for message in chat(index))
        rows.append((asked, answered, split_of(index)))
    return _table(folder / "prompts.csv", ("prompt", "response", "split"), rows)


def plain_text(folder: Path, pieces: int = 8) -> Path:
    """Write ``story.txt``, whose paragraphs fill that many pieces of 2,000 letters; return the file."""
    paragraphs = []
    for index in range(pieces * 2):
        rng = random.Random(f"story/{index}")
        about = [_sentence(rng, rng.choice(CLASSES)) for _ in range(30)]
        paragraphs.append(" ".join(about)[:950].rpartition(" ")[0] + ".")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "story.txt").write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")
    return folder / "story.txt"


def _sentence(rng: random.Random, about: str) -> str:
    words = f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)} {rng.choice(_THINGS[about])}"
    return f"{words[0].upper()}{words[1:]} {rng.choice(_TIMES)}."


def _place(name: str) -> list[tuple[str, str]]:
    return [(word, "I-Place" if i else "B-Place") for i, word in enumerate(name.split())]


def _table(file: Path, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([columns, *rows])
    return file
