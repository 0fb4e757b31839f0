"""Ways of looking at results: one file each."""

from __future__ import annotations

from finetune_studio.core.catalogue import Catalogue, Entry

_HERE = "finetune_studio.insights"
_CLASSES = ["image_classification", "text_classification"]
_ENCODERS = ["text_classification", "token_classification", "question_answering"]

# Facts of a row: ``tasks`` that it suits (the tabs of the Inspect page follow them); ``sorts`` where it
# sorts their samples by what went wrong; ``explains`` where it shows why an answer was given, and
# then ``check`` where something says whether that depends on what was learnt.

CATALOGUE = Catalogue(
    "insight",
    [
        Entry(
            "confusion",
            "Confusion",
            "Counts which class is taken for which.",
            f"{_HERE}.confusion:confusion",
            {"tasks": _CLASSES, "sorts": True},
        ),
        Entry(
            "per_class",
            "Classes one by one",
            "Says for each class how much of it is found and how often its name is right.",
            f"{_HERE}.per_class:per_class",
            {"tasks": _CLASSES},
        ),
        Entry(
            "worst",
            "Most wrong",
            "Orders samples by how wrong, unsure or right the model is.",
            f"{_HERE}.worst:ordered",
            {"tasks": _CLASSES},
        ),
        Entry(
            "several",
            "Several classes",
            "Says which classes of a text were named, left out, or named too many.",
            f"{_HERE}.several:kind",
            {"tasks": ["text_classification"]},
        ),
        Entry(
            "entities",
            "Names found",
            "Says which names in texts were found, missed, invented or taken for another type.",
            f"{_HERE}.entities:finds",
            {"tasks": ["token_classification"], "sorts": True},
        ),
        Entry(
            "answers",
            "Answers",
            "Says which answers are right, partly right, wrong, missing or invented.",
            f"{_HERE}.answers:kind",
            {"tasks": ["question_answering"], "sorts": True},
        ),
        Entry(
            "closeness",
            "How close it comes",
            "Sorts texts by how close what the model writes comes to what was wanted.",
            f"{_HERE}.closeness:ranges",
            {"tasks": ["summarization", "causal_lm"], "sorts": True},
        ),
        Entry(
            "calibration",
            "Calibration",
            "Says whether the model is right as often as it says it is, and finds the temperature.",
            f"{_HERE}.calibration:scaling",
            {"tasks": [*_ENCODERS, "image_classification"]},
        ),
        Entry(
            "thresholds",
            "Thresholds",
            "Says what is missed and falsely named at each threshold of a class, and what that costs.",
            f"{_HERE}.thresholds:trade",
            {"tasks": _CLASSES},
        ),
        Entry(
            "unlike",
            "None of these",
            "Finds the certainty below which an input is turned away, and how many that costs.",
            f"{_HERE}.unlike:turned_away",
            {"tasks": _CLASSES},
        ),
        Entry(
            "label_errors",
            "Likely wrong labels",
            "Orders samples by how much speaks against their labels (confident learning).",
            f"{_HERE}.label_errors:doubts",
            {"tasks": _CLASSES},
        ),
        Entry(
            "slices",
            "Slices",
            "Finds parts of the data on which the model is worse than chance explains.",
            f"{_HERE}.slices:slices",
            {"tasks": [*_CLASSES, *_ENCODERS[1:], "summarization", "causal_lm"]},
        ),
        Entry(
            "shortcuts",
            "Shortcuts",
            "Says whether classes can be told from size, brightness or source alone.",
            f"{_HERE}.shortcuts:shortcut",
            {"tasks": _CLASSES},
        ),
        Entry(
            "map",
            "Map",
            "Lays samples out so that those which the model sees alike lie near each other.",
            f"{_HERE}.map:neighbourhoods",
            {"tasks": _CLASSES},
        ),
        Entry(
            "saliency",
            "Where it looked",
            "Shows which part of a picture spoke for a class (Grad-CAM).",
            f"{_HERE}.saliency:explained",
            {
                "tasks": ["image_classification"],
                "explains": True,
                "check": f"{_HERE}.saliency:checked",
            },
        ),
        Entry(
            "occlusion",
            "What it needs to see",
            "Covers a picture place by place and shows where a class is lost (occlusion).",
            f"{_HERE}.saliency:covered",
            {"tasks": ["image_classification"], "explains": True},
        ),
        Entry(
            "attribution",
            "Which words counted",
            "Shows which words of a text spoke for an answer (integrated gradients).",
            f"{_HERE}.attribution:explained",
            {"tasks": _ENCODERS, "explains": True, "check": f"{_HERE}.attribution:checked"},
        ),
    ],
)


def explainer(task: str) -> Entry | None:
    """Return what shows why an answer of a task was given; None where nothing does."""
    return _suiting(task, "explains")


def sorter(task: str) -> str:
    """Return the name of what sorts a task's samples by what went wrong; empty where nothing does."""
    found = _suiting(task, "sorts")
    return found.name if found is not None else ""


def _suiting(task: str, what: str) -> Entry | None:
    rows = (row for row in CATALOGUE if row.facts.get(what) and task in row.facts["tasks"])
    return next(rows, None)
