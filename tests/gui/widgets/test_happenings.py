"""What jobs state, as progress and as lines; without Qt."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from finetune_studio import gui
from finetune_studio.core import events
from finetune_studio.gui.widgets.happenings import Standings, at_work, span, told

RUN = events.RunStarted("1", "p", "t", "m", 4, 40, {}, "cpu", 1000, 100, "accuracy")


def test_a_job_stands_where_its_last_event_left_it():
    standings = Standings()
    standings.take("import", events.PhaseStarted("read", "Reading", 10))
    standings.take("import", events.Progress("read", 5, 10, 90.0))
    assert standings.of("import").line == "Reading · about 2 min left"
    assert standings.of("import").share == 0.5
    standings.keep_only([])
    assert standings.of("import").line == "Reading your data"


def test_a_run_stands_at_its_epoch():
    standings = Standings()
    standings.take("training", RUN)
    standings.take("training", events.StepDone(10, 1.0, 0.5, {}, 1, 1, 10.0))
    now = standings.of("training")
    assert now.text == "Training · epoch 2 of 4"
    assert (now.share, now.seconds_left) == (0.25, 30.0)
    standings.take("training", events.RunPaused(10))
    assert standings.of("training").line == "Paused"


def test_what_happens_often_is_not_told():
    assert told(events.StepDone(1, 0.1, 0.5, {}, 1, 1, 1)) == ""
    assert told(events.Progress("a", 1, 2)) == ""
    line = told(events.Validated(2.0, 20, 0.4, {"accuracy": 0.9123}, best=True))
    assert line == "Epoch 2: accuracy 0.912 on the validation samples, the best so far"


def test_an_estimate_is_told_as_a_length_of_time():
    found = events.Estimated(240, 90, 15, 1331, 500, 9000, 240, 200, 5000, "cpu", "CPU", True, 9)
    assert told(found) == "A run with these choices takes about 4 min at most"


def test_a_check_tells_how_much_needs_attention():
    done = events.CheckFinished("/data", "image_classification", "image_folder", 3781, 1, 4.46)
    assert told(done) == "3,781 samples checked in 4.5 s: 1 thing needs attention"
    named = told(done, ("photo", "photos"))
    assert named == "3,781 photos checked in 4.5 s: 1 thing needs attention"


def test_an_import_speaks_of_classes_only_where_there_are_some():
    questions = ("question", "questions")
    read = events.DataImported(1190, 0, 3, "squad", 2.04)
    assert told(read, questions) == "1,190 questions read in 2.0 s, 3 set aside"
    whole = replace(read, classes=5, set_aside=0)
    assert told(whole) == "1,190 samples in 5 classes read in 2.0 s, none set aside"


def test_spans_are_as_exact_as_it_is_of_use():
    assert [span(s) for s in (0.2, 42, 125, 7300)] == [
        "less than a second",
        "42 s",
        "2 min",
        "2.0 h",
    ]


def test_every_job_that_the_window_starts_says_what_it_does():
    files = Path(str(gui.__file__)).parent.rglob("*.py")
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    shared = {name: value for tree in trees for name, value in _constants(tree)}
    names = {"forgetting", "blend", "chat", "chat_before"}  # whose names are handed on
    for tree in trees:
        values = shared | dict(_constants(tree))  # a module's own come before those it imports
        names |= {values[name] for name in _started(tree) if name in values}
    assert {"import", "check", "estimate", "try", "rate test"} <= names
    assert sorted(name for name in names if at_work(name) == "Working") == []


def _constants(tree):
    """Yield the names of a module's constants and their values."""
    for node in (n for n in tree.body if isinstance(n, ast.Assign)):
        target, value = node.targets[0], node.value
        several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        pairs = zip(target.elts, value.elts, strict=True) if several else [(target, value)]
        for name, constant in pairs:
            if isinstance(name, ast.Name) and isinstance(constant, ast.Constant):
                yield name.id, constant.value


def _started(tree):
    """Return the names of the constants that a module gives to ``studio.start``."""
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and len(n.args) > 1]
    starts = [n for n in calls if isinstance(n.func, ast.Attribute) and n.func.attr == "start"]
    return {n.args[0].id for n in starts if isinstance(n.args[0], ast.Name)}
