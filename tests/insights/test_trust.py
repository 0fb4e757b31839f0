"""Calibration, thresholds, wrong labels, slices and shortcuts, against planted truth and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from finetune_studio.core.dataset import Sample
from finetune_studio.core.events import Prediction
from finetune_studio.core.task import Pair
from finetune_studio.engine import trust_words
from finetune_studio.insights import calibration, shortcuts, thresholds, unlike
from finetune_studio.insights.label_errors import doubts
from finetune_studio.insights.slices import grouped, slices
from finetune_studio.modality import decide
from finetune_studio.modality import foreign as known
from finetune_studio.modality.claims import claims

NAMES = ("cat", "dog", "eel")


def planted(count: int, sharpened: float, seed: int = 0) -> list[Pair]:
    """Answers whose true temperature is known: labels are drawn from the scores, then these are sharpened."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (count, 3))
    true = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    loud = np.exp(scores * sharpened) / np.exp(scores * sharpened).sum(1, keepdims=True)
    pairs = []
    for number in range(count):
        label = NAMES[int(rng.choice(3, p=true[number]))]
        shares = dict(zip(NAMES, loud[number].tolist(), strict=True))
        shares = dict(sorted(shares.items(), key=lambda item: -item[1]))
        sample = Sample(number, "", label, 0, "validation")
        pairs.append((sample, Prediction(next(iter(shares)), shares, sample=number)))
    return pairs


def test_the_planted_temperature_is_found_and_mends_the_error() -> None:
    pairs = planted(3000, 2.5)
    found = calibration.scaling(pairs)
    assert found.temperature == pytest.approx(2.5, rel=0.08)
    assert found.after < 0.5 * found.before
    assert not found.reason
    mended = [
        (s, Prediction(a.label, decide.scaled(a.probabilities, found.temperature), sample=s.id))
        for s, a in pairs
    ]
    assert calibration.error(claims(mended)) < 0.03
    low, high = calibration.interval(claims(pairs))
    assert low < found.before < high


def test_what_is_calibrated_already_is_left_alone() -> None:
    found = calibration.scaling(planted(400, 1.0, seed=3))
    assert found.temperature == pytest.approx(1.0, abs=0.25)
    assert found.loss_after <= found.loss_before


def test_several_classes_are_scaled_one_by_one() -> None:
    rng = np.random.default_rng(1)
    pairs = []
    for number in range(1500):
        scores = rng.normal(0, 1.5, 3)
        true = [
            n for n, p in zip(NAMES, 1 / (1 + np.exp(-scores)), strict=True) if rng.random() < p
        ]
        loud = dict(zip(NAMES, (1 / (1 + np.exp(-3 * scores))).tolist(), strict=True))
        sample = Sample(number, "", None, None, "validation", fields={"labels": true})
        said = [n for n, p in loud.items() if p >= 0.5]
        pairs.append((sample, Prediction(", ".join(said), loud, answer={"labels": said})))
    found = calibration.scaling(pairs)
    assert found.temperature == pytest.approx(3.0, rel=0.1)
    assert found.after < 0.5 * found.before


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_answers_give_no_temperature_and_say_so(count: int) -> None:
    found = calibration.scaling(planted(count, 2.5))
    assert (found.temperature, found.samples) == (1.0, count)
    assert "from 20 on" in found.reason
    assert calibration.bins(claims(planted(0, 1.0))) == []
    assert calibration.error(claims([])) == 0.0


def test_answers_that_are_all_right_give_no_temperature() -> None:
    pairs = [
        (Sample(n, "", "cat", 0, "validation"), Prediction("cat", {"cat": 0.6, "dog": 0.4}))
        for n in range(30)
    ]
    assert "Every validation answer is right" in calibration.scaling(pairs).reason


def test_the_bins_hold_every_answer_once_and_name_their_samples() -> None:
    pairs = planted(500, 1.5)
    found = calibration.bins(claims(pairs))
    assert sum(one.count for one in found) == 500
    assert {n for one in found for n in one.ids} == set(range(500))
    assert all(one.low <= one.certainty <= one.high for one in found)
    by_hand = sum(one.count / 500 * abs(one.right - one.certainty) for one in found)
    assert calibration.error(claims(pairs)) == pytest.approx(by_hand)


def test_scaling_keeps_the_order_and_sums_to_one() -> None:
    shares = {"a": 0.7, "b": 0.2, "c": 0.1, "d": 0.0}
    for temperature in (0.05, 0.5, 2.0, 20.0):
        found = decide.scaled(shares, temperature)
        assert list(found) == list(shares)
        assert sum(found.values()) == pytest.approx(1.0)
        assert max(found, key=lambda name: found[name]) == "a"
    assert decide.scaled({"a": 1.0, "b": 0.0}, 3.0) == {"a": 1.0, "b": 0.0}
    logits = np.array([2.0, 0.5, -1.0])
    plain = np.exp(logits) / np.exp(logits).sum()
    cooler = np.exp(logits / 1.7) / np.exp(logits / 1.7).sum()
    found = decide.scaled(dict(zip("abc", plain.tolist(), strict=True)), 1.7)
    assert list(found.values()) == pytest.approx(cooler.tolist())


def test_thresholds_name_what_reaches_them() -> None:
    shares = {"rust": 0.3, "blight": 0.6, "healthy": 0.1}
    assert decide.named(shares, {}) == ["blight"]
    assert decide.named(shares, {"rust": 0.25}) == ["rust"]
    assert decide.named(shares, {"rust": 0.35}) == ["blight"]
    assert decide.named(shares, {"blight": 0.7}) == ["rust"]
    assert decide.named(shares, dict.fromkeys(shares, 0.9)) == ["blight"]
    assert decide.named(shares, {"rust": 0.25}, several=True) == ["rust", "blight"]


def test_curves_agree_with_scikit_learn() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    pairs = planted(300, 1.0)
    found = thresholds.trade(pairs, "dog")
    truth = [s.label == "dog" for s, _ in pairs]
    scores = [a.probabilities["dog"] for _, a in pairs]
    assert thresholds.average_precision(found) == pytest.approx(
        average_precision_score(truth, scores)
    )
    assert thresholds.roc_area(found) == pytest.approx(roc_auc_score(truth, scores))
    for threshold in (0.0, 0.2, 0.5, 0.93, 1.0):
        missed, falsely = found.ids_at(threshold)
        place = found.at(threshold)
        assert (len(missed), len(falsely)) == (found.missed[place], found.falsely[place])


def test_a_miss_that_costs_ten_times_as_much_lowers_the_threshold() -> None:
    pairs = planted(2000, 1.0)
    found = thresholds.trade(pairs, "cat")
    even = thresholds.cheapest(found, 1, 1)
    dear = thresholds.cheapest(found, 10, 1)
    assert dear.threshold < even.threshold
    assert dear.missed < even.missed
    assert dear.falsely > even.falsely
    assert dear.cost <= dear.cost_at_half
    # Brute force: no other threshold costs less.
    tried = [found.ids_at(t) for t in np.linspace(0, 1, 501)]
    assert dear.cost <= min(10 * len(m) + len(f) for m, f in tried)
    missed, falsely = found.ids_at(dear.threshold)
    assert (len(missed), len(falsely)) == (dear.missed, dear.falsely)
    assert dear.threshold == pytest.approx(1 / 11, abs=0.08)  # Elkan's, of calibrated scores


def test_what_is_said_of_a_threshold_holds_for_samples_it_was_not_chosen_by() -> None:
    """Averaged over many small validation splits, against what the thresholds do on 20,000 other samples."""
    others = thresholds.trade(planted(20_000, 1.0, seed=99), "cat")
    flattered, fair, true = [], [], []
    for seed in range(30):
        found = thresholds.trade(planted(60, 1.0, seed=seed), "cat")
        best = thresholds.cheapest(found, 5, 1)
        place = others.at(best.threshold)
        true.append(60 / 20_000 * (5 * others.missed[place] + others.falsely[place]))
        flattered.append(best.cost)
        said = thresholds.fairly(found, 5, 1)
        assert said is not None
        assert said.cost == pytest.approx(5 * said.missed + said.falsely)
        assert said.cost_at_half == best.cost_at_half
        fair.append(said.cost)
    off = np.mean(true) - np.mean(flattered)
    assert off > 0.15 * np.mean(true)  # the samples it was chosen by flatter it
    assert abs(np.mean(fair) - np.mean(true)) < 0.4 * off


def test_too_few_samples_to_try_a_threshold_on_are_no_proof() -> None:
    pairs = planted(200, 1.0)
    cats = [p for p in pairs if p[0].label == "cat"][:4]
    found = thresholds.trade([*cats, *(p for p in pairs if p[0].label != "cat")], "cat")
    assert thresholds.fairly(found, 1, 1) is None
    best = thresholds.cheapest(found, 10, 1)
    assert "too few samples to try it" in trust_words.best(best, None, 10)


def test_a_class_that_is_absent_or_alone_has_no_threshold() -> None:
    pairs = [p for p in planted(50, 1.0) if p[0].label != "eel"]
    assert thresholds.classes(pairs) == ["cat", "dog"]
    assert thresholds.classes([p for p in pairs if p[0].label == "cat"]) == []
    absent = thresholds.trade(pairs, "eel")
    assert (absent.positives, thresholds.average_precision(absent)) == (0, 0.0)
    assert thresholds.trade([], "cat").negatives == 0


def test_the_share_that_is_turned_away_is_the_one_asked_for() -> None:
    rng = np.random.default_rng(0)
    references = known.normalised(rng.normal(1, 0.3, (50, 8)))
    own, foreign = rng.normal(1, 0.3, (200, 8)), rng.normal(-1, 0.3, (200, 8))
    like = dict(enumerate(known.likeness(own, references).tolist()))
    found = unlike.turned_away(like, 0.05)
    assert found.share == pytest.approx(0.05, abs=0.006)
    assert set(found.ids) == set(sorted(like, key=lambda n: like[n])[:10])
    assert (known.likeness(foreign, references) < found.least_likeness).all()
    assert unlike.turned_away(like, 0.0).least_likeness == -1
    few = {number: number / 32 for number in range(32)}
    assert unlike.turned_away(few, 0.02).reason == (
        "2.0 % of 32 validation samples is less than one; 3.2 % is one."
    )
    assert len(unlike.turned_away(few, unlike.least_share(32)).ids) == 1
    assert unlike.turned_away(few, 0.0).reason == ""
    assert "Only 3 validation" in unlike.turned_away({1: 0.5, 2: 0.5, 3: 0.5}, 0.02).reason


def test_planted_wrong_labels_come_first() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 100)
    shares = rng.dirichlet(np.ones(4), 400) * 0.4
    shares[np.arange(400), labels] += 0.6
    wrong = rng.choice(400, 20, replace=False)
    given = labels.copy()
    given[wrong] = (labels[wrong] + 1 + rng.integers(0, 3, 20)) % 4
    found = doubts(shares, given.tolist())
    assert {d.place for d in found[:20]} == set(wrong.tolist())
    assert sum(d.suspected for d in found[:20]) >= 8
    assert [d.suggested for d in found[:20]] == [labels[d.place] for d in found[:20]]
    assert not any(d.suspected for d in found[20:])
    assert doubts(np.zeros((0, 3)), []) == []


def test_a_weak_slice_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(0)
    scores = {n: float(rng.random() < (0.55 if n % 4 == 0 else 0.92)) for n in range(400)}
    columns = {
        "camera": {n: "phone" if n % 4 == 0 else "studio" for n in range(400)},
        "brightness": {n: float(rng.normal()) for n in range(400)},
        "site": {n: "rare" if n < 6 else "usual" for n in range(400)},
        "name": {n: f"file {n}" for n in range(400)},
    }
    found = slices(scores, columns)
    worse = [(one.column, one.value) for one in found if one.worse]
    assert worse == [("camera", "phone")]
    first = found[0]
    assert (first.count, first.low < first.score < first.high) == (100, True)
    assert first.gap > 0.3
    rare = next(one for one in found if one.value == "rare")
    assert rare.small
    assert rare.chance == 1.0
    assert "name" not in {one.column for one in found}
    assert len([one for one in found if one.column == "brightness"]) == 4


def test_many_slices_without_a_cause_rarely_raise_an_alarm() -> None:
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scores = {n: float(rng.random() < 0.85) for n in range(200)}
        columns = {f"c{k}": {n: f"v{rng.integers(4)}" for n in range(200)} for k in range(8)}
        alarms += any(one.worse for one in slices(scores, columns))
    assert alarms <= 6  # 5 % of 60 are 3


def test_values_are_grouped_as_people_would() -> None:
    assert grouped({1: "a", 2: "b", 3: "a"}) == [("a", [1, 3]), ("b", [2])]
    ranges = grouped({n: float(n) for n in range(100)})
    assert [len(ids) for _, ids in ranges] == [25, 25, 25, 25]
    assert ranges[0][0].startswith("up to")
    assert grouped({n: f"text {n}" for n in range(100)}) == []


def test_a_shortcut_is_found_where_brightness_tells_the_class() -> None:
    rng = np.random.default_rng(0)
    labels = {n: ("day" if n % 2 else "night") for n in range(200)}
    bright = {n: float(rng.normal(180 if n % 2 else 90, 25)) for n in range(200)}
    noise = {n: float(rng.normal()) for n in range(200)}
    groups: dict[int, str | None] = dict.fromkeys(labels)
    found = shortcuts.shortcut(labels, {"brightness": bright, "size": noise}, groups)
    assert (found.by, found.level) == ("brightness", "bad")
    assert found.accuracy > 0.9
    assert "going by brightness" in found.sentence
    honest = shortcuts.shortcut(labels, {"size": noise}, groups)
    assert honest.level == "ok"
    assert "cannot be told without looking: a tiny model that sees only size is" in honest.sentence
    assert shortcuts.shortcut({1: "a"}, {}, {}).reason


def test_the_best_of_many_columns_that_mean_nothing_tells_no_better_than_chance() -> None:
    """Chosen by what they tell of the samples they are judged by, some of 100 columns tell 65 %."""
    alarms, told = 0, []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        labels = {n: "ab"[n % 2] for n in range(60)}
        columns = {f"c{k}": {n: float(rng.normal()) for n in labels} for k in range(100)}
        found = shortcuts.shortcut(labels, columns, {})
        alarms += found.level != "ok"
        told.append(found.accuracy)
    assert alarms == 0
    assert 0.4 < np.mean(told) < 0.6


def test_confused_classes_stand_together() -> None:
    from finetune_studio.core.preview import Grid
    from finetune_studio.insights.confusion import alike_together

    names = ("a", "b", "c", "d")
    values = np.array([[9, 0, 3, 0], [0, 9, 0, 4], [2, 0, 9, 0], [0, 5, 0, 9]])
    found = alike_together(Grid(names, names, values))
    assert found.rows in (("b", "d", "a", "c"), ("d", "b", "a", "c"))
    for row, name in enumerate(found.rows):
        for column, other in enumerate(found.columns):
            assert found.values[row, column] == values[names.index(name), names.index(other)]
    two = Grid(("a", "b"), ("a", "b"), np.eye(2))
    assert alike_together(two) is two


def test_heat_that_no_weight_changes_is_said_to_explain_nothing() -> None:
    import torch
    from torch import nn

    from finetune_studio.core.dataset import Labels
    from finetune_studio.core.task import Batch, Bundle
    from finetune_studio.insights import saliency
    from finetune_studio.models import places

    class Bright(nn.Module):
        """Answers with the brightness of the picture, whatever its weights' order."""

        def __init__(self, kernel: float) -> None:
            super().__init__()
            self.see = nn.Conv2d(3, 4, 3, padding=1, bias=False)
            self.pool = nn.MaxPool2d(4)
            self.head = nn.Linear(4, 2, bias=False)
            with torch.no_grad():
                nn.init.constant_(self.see.weight, kernel)
                nn.init.constant_(self.head.weight, 1.0)

        def forward(self, pixels):
            return self.head(self.pool(self.see(pixels).relu()).mean((2, 3)))

    pixels = torch.zeros(1, 3, 32, 32)
    pixels[..., :16, :16] = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    batch = Batch(pixels, torch.zeros(1, dtype=torch.long), [1])
    plain = Bundle(Bright(0.1).eval(), Labels(("a", "b")), {}, {}, "head")
    seen = places.grad_cam(plain.network, pixels, 0)
    assert seen is not None
    same = saliency.agreement(plain, batch, 0, seen)
    assert same > 0.8  # but for what scaling up and down loses
    assert "explains nothing" in saliency.sentence(same)
    # Weights that were learnt: the first half of the channels sees left edges, the other is silent.
    learnt = Bright(0.0)
    with torch.no_grad():
        learnt.see.weight[0, :, :, 0], learnt.see.weight[0, :, :, 2] = -1.0, 1.0
        learnt.head.weight.zero_()
        learnt.head.weight[0, 0] = 1.0
    other = Bundle(learnt.eval(), Labels(("a", "b")), {}, {}, "head")
    seen = places.grad_cam(learnt, pixels, 0)
    assert seen is not None
    found = saliency.agreement(other, batch, 0, seen)
    assert found < 0.6
    assert "another picture" in saliency.sentence(found)


def test_a_column_beyond_all_bounds_breaks_nothing() -> None:
    labels = {n: "ab"[n % 2] for n in range(60)}
    values: dict[int, float | str] = {n: "inf" if n == 3 else float(n % 2) for n in range(60)}
    values[4], values[5] = 1e300, 10**400
    found = shortcuts.shortcut(labels, {"exposure": values}, {})
    assert found.by == "exposure"
    assert slices(dict.fromkeys(range(60), 1.0), {"exposure": values})
    assert found.level == "bad"


def test_an_answer_that_counts_as_right_is_a_right_claim() -> None:
    fields = {"answers": [{"text": "The Nile", "start": 0}]}
    sample = Sample(1, "", None, None, "validation", fields=fields)
    answer = Prediction("the nile.", answer={"text": "the nile.", "certainty": 0.9}, sample=1)
    assert claims([(sample, answer)]).right.tolist() == [1.0]
