"""Checks of texts: what they say, what they leave alone, and remedies that can be taken back."""

from __future__ import annotations

import pytest

from finetune_studio.checks import (
    duplicates,
    entities,
    imbalance,
    label_names,
    leakage,
    letters,
    long_texts,
    personal_data,
    scripts,
    set_aside,
    short_texts,
    small_classes,
)
from finetune_studio.core.dataset import Row
from finetune_studio.core.events import Finding
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.core.recipe import DataChoices
from finetune_studio.engine.curate import apply_remedy, health
from finetune_studio.gui.widgets.health_panel import parted
from finetune_studio.readers.conll import Conll
from finetune_studio.readers.squad import Squad
from finetune_studio.tasks import nouns
from tests import tiny


@pytest.fixture
def make(tmp_path):
    """Return what fills a project with texts: pairs of a text and its class, or rows."""
    opened = []

    def fill(*rows, task="text_classification", split="train"):
        project = Project(tmp_path / f"project {len(opened)}", task)
        opened.append(project)
        made = [
            row
            if isinstance(row, Row)
            else Row("", row[1], split, fields={"text": row[0], "file": "t.csv", "row": n})
            for n, row in enumerate(rows, start=2)
        ]
        project.dataset.fill(made, root=tmp_path)
        project.dataset.called = nouns(task)
        return project

    yield fill
    for project in opened:
        project.close()


def findings(check, project):
    return [e for e in check.find(project.dataset, Control()) if isinstance(e, Finding)]


def one(check, project):
    (found,) = findings(check, project)
    return found


def remedied(check, project):
    """Carry the only remedy out, see that nothing is left, take it back, and return the finding."""
    found = one(check, project)
    before = [(s.label, s.split, s.excluded, s.fields) for s in project.dataset.samples()]
    assert apply_remedy(project, found) == found.remedy
    assert one(check, project).severity == "ok"
    assert len(project.dataset.edits()) == 1
    project.dataset.undo()
    assert [(s.label, s.split, s.excluded, s.fields) for s in project.dataset.samples()] == before
    return found


def sentences(count, start=0):
    """Return that many different texts."""
    import random

    return [
        " ".join(tiny._sentence(random.Random(f"{n}/{i}"), about) for i in range(2))
        for n in range(start, start + count)
        for about in [tiny.CLASSES[n % 3]]
    ]


# --- copies ---------------------------------------------------------------------------------------


def test_equal_texts_keep_one(make):
    some = sentences(10)
    again = [some[0].upper(), some[0] + "  "]
    project = make(*((text, "a") for text in some + again))
    found = remedied(duplicates, project)
    assert (found.severity, found.count) == ("warning", 2)
    assert "2 texts in 1 set are exact copies" in found.message
    assert found.samples[0] == "t.csv, row 2"


def test_equal_texts_with_different_labels_are_worst(make):
    some = sentences(6)
    project = make(*((text, "a") for text in some), (some[2], "b"))
    found = remedied(duplicates, project)
    assert found.severity == "bad"
    assert (
        "1 text is there several times with different labels (the first as a and b)"
        in found.message
    )


def test_several_labels_and_spans_may_contradict_too(make):
    text = sentences(1)[0]
    rows = [
        Row(fields={"text": text, "labels": labels}) for labels in (["a", "b"], ["b", "a"], ["a"])
    ]
    assert one(duplicates, make(*rows)).severity == "bad"
    same = [Row(fields={"text": text, "labels": labels}) for labels in (["a", "b"], ["b", "a"])]
    assert one(duplicates, make(*same)).severity == "warning"
    spans = [Row(fields={"text": text, "spans": s}) for s in ([[0, 3, "X"]], [])]
    found = one(duplicates, make(*spans))
    assert found.severity == "bad"
    assert "'" + text[:3] + "': X" in found.message


def test_near_copies_are_told_but_not_those_with_another_label(make):
    words = " ".join(sentences(6)).split()
    near = [*words[:20], "quite", *words[21:]]
    project = make((" ".join(words), "a"), (" ".join(near), "a"))
    found = remedied(duplicates, project)
    assert (found.severity, found.count) == ("info", 1)
    assert "1 text in 1 set is almost the same" in found.message
    project = make((" ".join(words), "a"), (" ".join(near), "b"))
    assert one(duplicates, project).severity == "ok"


def test_questions_on_one_text_are_no_copies(make, tmp_path):
    rows = list(Squad().read(tiny.question_answering(tmp_path / "qa"), DataChoices()))
    assert one(duplicates, make(*rows)).severity == "ok"
    assert one(duplicates, make(*rows, rows[0])).severity == "warning"


def test_leaked_texts_join_training_and_are_undone(make):
    some = sentences(30)
    words = some[1].split()
    near = " ".join([*some[2].split(), *words]), " ".join([*some[2].split(), *words[:-1], "x."])
    rows = [Row("", "a", "train", fields={"text": t}) for t in (*some[:20], near[0])]
    rows += [Row("", "a", "test", fields={"text": t}) for t in (*some[20:], some[0], near[1])]
    found = remedied(leakage, make(*rows))
    assert (found.severity, found.count) == ("bad", 2)
    assert "2 texts in validation or test have a copy or near copy" in found.message
    assert "test keeps 10 of 12" in found.message
    assert "1 text in validation or test has a copy" in one(leakage, make(*rows[:-1])).message


def test_short_texts_recur_without_being_leaked(make):
    rows = [Row("", "a", split, fields={"text": "Thank you!"}) for split in ("train", "test")]
    assert one(leakage, make(*rows)).severity == "ok"
    assert one(duplicates, make(*rows)).severity == "ok"


def test_a_context_in_two_splits_is_leaked(make, tmp_path):
    rows = list(Squad().read(tiny.question_answering(tmp_path / "qa"), DataChoices()))
    moved = Row("", None, "test", None, rows[0].fields | {"question": "Who is that?"})
    found = remedied(leakage, make(*rows, moved))
    assert found.severity == "bad"
    assert found.count == 1


# --- classes --------------------------------------------------------------------------------------


def test_names_that_differ_in_capitals_or_blanks_are_merged(make):
    some = sentences(12)
    names = [
        "Spam",
        "Spam",
        "Spam",
        "spam",
        "SPAM",
        "ham",
        "ham",
        "not spam",
        "not  spam",
        "x",
        "x",
        "x",
    ]
    project = make(*zip(some, names, strict=True))
    found = remedied(label_names, project)
    assert (found.severity, found.count) == ("warning", 3)
    assert "'Spam' (3) and 'SPAM' (1) and 'spam' (1)" in found.message
    apply_remedy(project, found)
    assert set(project.dataset.counts()) == {"Spam", "ham", "not  spam", "x"}
    assert project.dataset.counts()["Spam"] == 5


def test_lists_of_classes_and_types_of_spans_are_merged(make):
    rows = [
        Row(fields={"text": "a b", "labels": labels})
        for labels in (["Good", "Long"], ["good", "Good"], ["Good"], ["long", "Long"])
    ]
    project = make(*rows)
    apply_remedy(project, remedied(label_names, project))
    listed = [s.fields["labels"] for s in project.dataset.samples()]
    assert listed == [["Good", "Long"], ["Good"], ["Good"], ["Long"]]
    rows = [
        Row(fields={"text": "Anna Berg", "spans": [[0, 4, kind]]})
        for kind in ("PER", "PER", "per", "Per")
    ]
    project = make(*rows, task="token_classification")
    found = remedied(label_names, project)
    assert "These types differ only" in found.message
    apply_remedy(project, found)
    assert {s.fields["spans"][0][2] for s in project.dataset.samples()} == {"PER"}


def test_lists_of_classes_are_counted(make):
    some = sentences(24)
    labels = [["a", "b"] if n % 2 else ["a"] for n in range(23)] + [["a", "rare"]]
    rows = [
        Row("", None, "train", fields={"text": text, "labels": names})
        for text, names in zip(some, labels, strict=True)
    ]
    project = make(*rows)
    found = one(small_classes, project)
    assert "'rare' with 1 (collect 9 more)" in found.message
    assert found.edits == []  # these samples are samples of other classes too
    assert "a" in one(imbalance, project).message


# --- texts ----------------------------------------------------------------------------------------


def test_samples_set_aside_are_counted_by_reason(make):
    rows = [Row(fields={"text": "fine"})] * 5
    rows += [
        Row(
            fields={"text": "", "file": "t.csv", "row": n},
            problem=f"t.csv, row {n}: the text is empty",
        )
        for n in (7, 8)
    ]
    rows.append(Row(fields={}, problem="t.csv, row 9: it has 1 of 2 cells"))
    found = remedied(set_aside, make(*rows))
    assert found.count == 3
    assert (
        "2 like t.csv, row 7: the text is empty; t.csv, row 9: it has 1 of 2 cells" in found.message
    )


def test_empty_and_very_short_texts(make):
    some = [(text, "a") for text in sentences(5)]
    found = remedied(short_texts, make(*some, ("?!", "a"), (" … ", "a")))
    assert (found.severity, found.count) == ("warning", 2)
    assert "(the first: t.csv, row 7)" in found.message
    found = remedied(short_texts, make(*some, ("ok", "a")))
    assert found.severity == "info"
    chat = [{"role": "user", "content": "Really?"}, {"role": "assistant", "content": "…"}]
    assert one(short_texts, make(Row(fields={"messages": chat}))).severity == "warning"
    assert one(short_texts, make(("中文字", "a"), ("12 %", "a"))).severity != "warning"


def test_very_long_texts(make):
    some = [(text, "a") for text in sentences(9)]
    found = remedied(long_texts, make(*some, ("word " * 3000, "a")))
    assert (found.severity, found.count) == ("info", 1)
    assert "the longest (t.csv, row 11) has 15,000" in found.message
    assert (
        one(long_texts, make(*(("word " * 3000 + str(n), "a") for n in range(5)))).severity == "ok"
    )


def test_broken_letters_are_mended(make):
    some = [(text, "a") for text in sentences(5)]
    project = make(*some, ("Le cafÃ© est dÃ©jÃ\u00a0 froid", "a"))
    found = remedied(letters, project)
    assert "cafÃ© for café" in found.message
    apply_remedy(project, found)
    assert project.dataset.samples()[-1].fields["text"] == "Le café est déjà froid"
    spans = Row(fields={"text": "cafÃ© noir", "spans": [[0, 5, "X"]]})
    assert one(letters, make(spans)).edits == []
    lost = remedied(letters, make(*some, ("Le caf\ufffd", "a")))
    assert "1 text has letters that were lost" in lost.message


def test_scripts(make):
    english = [(text, "a") for text in sentences(5)]
    others = [
        "Привет, как дела сегодня?",
        "你好吗",
        "これはペンです。",
        "مرحبا كيف حالك",
        "안녕하세요",
    ]
    found = remedied(scripts, make(*english, *((text, "a") for text in others)))
    assert found.count == 5
    assert "5 Latin, 1 Cyrillic, 1 Chinese, 1 Japanese, 1 Arabic, 1 Hangul" in found.message
    assert found.remedy == "Keep only Latin"
    names = [(f"{text} (Πλάτων, Пушкин)", "a") for text, _ in english]
    assert one(scripts, make(*names)).severity == "ok"
    assert one(scripts, make(("12 + 5", "a"), ("Schöne Grüße", "a"))).severity == "ok"


def test_personal_data(make):
    some = [(text, "a") for text in sentences(5)]
    project = make(*some, ("Write to jane@mail.org", "a"), ("jim@mail.org or +49 30 901820", "a"))
    found = remedied(personal_data, project)
    assert (found.severity, found.count) == ("info", 2)
    assert "2 e-mail addresses (the first in t.csv, row 7)" in found.message
    assert "1 telephone number (the first in t.csv, row 8)" in found.message
    grave = remedied(personal_data, make(*some, ("Pay to DE89370400440532013000", "a")))
    assert grave.severity == "warning"
    assert "1 bank account" in grave.message


# --- marked words ---------------------------------------------------------------------------------


def tagged(text, *spans):
    found = [[text.index(words), text.index(words) + len(words), kind] for words, kind in spans]
    return Row("", None, "train", fields={"text": text, "spans": sorted(found)})


def test_rare_types(make):
    rows = [tagged(f"Anna {n} went", (f"Anna {n}", "PER")) for n in range(30)]
    rows += [tagged(f"to Rome{n}", (f"Rome{n}", "LOC")) for n in range(3)]
    found = one(entities, make(*rows, task="token_classification"))
    assert (found.severity, found.count) == ("warning", 1)
    assert "Few marked words to train on: LOC 3" in found.message
    assert found.ids == [31, 32, 33]


def test_words_marked_differently(make):
    rows = [tagged(f"In Washington {n}", ("Washington", "LOC")) for n in range(25)]
    rows += [tagged(f"Mr Washington {n}", ("Washington", "PER")) for n in range(20)]
    found = one(entities, make(*rows, task="token_classification"))
    assert found.severity == "info"
    assert "'washington' as LOC (25) and PER (20)" in found.message


def test_words_that_were_overlooked(make):
    rows = [tagged(f"He has breast cancer {n}", ("breast cancer", "D")) for n in range(25)]
    rows += [tagged("Breast cancer, again."), tagged("breast pain is no cancer")]
    found = one(entities, make(*rows, task="token_classification"))
    assert (found.severity, found.ids) == ("info", [26])
    assert "'breast cancer' 25 times, but not in" in found.message


def test_nothing_marked_is_bad(make):
    found = one(entities, make(tagged("Nothing here"), task="token_classification"))
    assert found.severity == "bad"


def test_a_class_is_not_small_where_only_its_name_is_written_otherwise(make):
    """Beside the offer to merge them stood one to exclude all that was written otherwise."""
    rows = [(f"{said} {n}", "ab"[n % 2]) for n, said in enumerate(sentences(40))]
    rows += [("One more says so", " A"), ("Another says it", "B_"), ("This one is alone", "lone c")]
    project = make(*rows)
    (found,) = [f for f in findings(small_classes, project) if f.edits]
    assert found.ids == [43]
    assert found.message.startswith(
        "1 class has too few texts to learn from and to judge by. Those"
    )
    assert "'lone c' with 1 (collect 9 more)" in found.message
    assert parted(found.message)[0].endswith("to judge by.")
    assert one(label_names, project).count == 2


# --- which checks run -----------------------------------------------------------------------------


def test_a_task_is_asked_only_what_concerns_it(make, tmp_path):
    def names(project, task):
        return {row.name for row in health.fitting(project.dataset, task)}

    texts = make(("a text", "a"))
    assert names(texts, "text_classification") == names(texts, "")
    assert "broken" not in names(texts, "text_classification")
    assert {"small_classes", "personal_data"} <= names(texts, "text_classification")
    assert not {"small_classes", "imbalance", "entities"} & names(texts, "causal_lm")
    marked = make(*Conll().read(tiny.token_classification(tmp_path / "c"), DataChoices()))
    assert "entities" in names(marked, "token_classification")
    assert "small_classes" not in names(marked, "token_classification")
    pictures = make(Row("a.png", "a", "train"))
    assert names(pictures, "image_classification") == names(pictures, "")
    assert names(pictures, "") == {
        *("broken", "leakage", "duplicates", "small_classes", "imbalance", "label_names"),
        "wrong_labels",
    }


_CARD = "Card 4111 1111 1111 1111 of the cafÃ© in \ufffdslo, or is it?"
_SAID = [_CARD, _CARD, "?", "", "x", "word " * 4000, "One more text says it", "Ещё один текст"]


def _fields(task, said):
    asked = {"role": "user", "content": said}
    return {
        "text_classification": {"text": said},
        "token_classification": {"text": said, "spans": [[0, 1, "Kind"]] if said else []},
        "question_answering": {"question": said, "context": said, "answers": []},
        "summarization": {"text": said, "summaries": [said]},
        "causal_lm": {"messages": [asked, {"role": "assistant", "content": said}]},
    }[task]


@pytest.mark.parametrize(
    "task",
    [
        "text_classification",
        "token_classification",
        "question_answering",
        "summarization",
        "causal_lm",
    ],
)
def test_what_is_found_calls_samples_as_the_window_does(task, make):
    """The panel spoke of samples where the page beside it spoke of texts, questions or examples."""
    classes = task == "text_classification"
    rows = [
        Row(
            f"{n}",
            ("B" if n else "b") if classes else None,
            ("train", "validation")[n % 2],
            fields=_fields(task, said) | {"file": "t.csv", "row": n},
        )
        for n, said in enumerate(_SAID)
    ]
    rows.append(Row("9", None, "train", fields={"text": ""}, problem="t.csv, row 9: nothing"))
    project = make(*rows, task=task)
    project.dataset.called = ("sample", "samples")  # the check finds out by itself
    told = [e for e in health.check(project.dataset, task, Control()) if isinstance(e, Finding)]
    assert len(told) > 5
    assert not [e.message for e in told if "sample" in e.message]
    assert any(nouns(task)[1] in e.message for e in told)


@pytest.mark.shared
def test_real_texts_raise_few_alarms(shared, make):
    folder = shared / "data/txt-ner-ncbi-disease"
    project = make(*Conll().read(folder, DataChoices()), task="token_classification")
    assert [f.count for f in findings(leakage, project)] == [2]
    assert [(f.severity, f.count) for f in findings(duplicates, project)] == [
        ("bad", 2),
        ("warning", 6),
        ("info", 1),
    ]
    for check in (set_aside, label_names, long_texts, letters, scripts, personal_data):
        assert one(check, project).severity == "ok"
    found = one(entities, project)
    assert found.severity == "info"
    assert "'breast cancer' 91 times" in found.message
