"""Weights from files: every wrapping that is met, and everything that must be refused in words."""

from __future__ import annotations

import argparse
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from finetune_studio.core.dataset import Labels
from finetune_studio.core.errors import StudioError
from finetune_studio.core.recipe import ModelChoices
from finetune_studio.models import recognise, weights, zoo

LABELS = Labels(("a", "b"))
HEAD = "classifier.3"


@pytest.fixture(scope="module")
def state() -> weights.State:
    """Return a small network's weights, with a head for seven classes."""
    torch.manual_seed(0)
    return torchvision.models.mobilenet_v3_small(num_classes=7).state_dict()


def _load(file: Path, **choices: str):
    return zoo.load(ModelChoices(source=str(file), **choices), "image", LABELS, 0)


def _same_body(bundle, state) -> bool:
    own = bundle.network.state_dict()
    return all(torch.equal(own[n], v) for n, v in state.items() if not n.startswith(HEAD))


def _ema(state):
    worse = {name: value + 1 for name, value in state.items()}
    return {"state_dict": worse, "state_dict_ema": state, "epoch": 3}


WRAPPINGS = {
    "bare": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "epoch": 3, "optimizer": {"state": {}}},
    "model": lambda s: {"model": s, "args": argparse.Namespace(lr=0.1)},
    "ema": _ema,
    "module": lambda s: {f"module.{n}": v for n, v in s.items()},
    "compiled": lambda s: {"model": {f"_orig_mod.module.{n}": v for n, v in s.items()}},
    "averaged": lambda s: (
        {"n_averaged": torch.tensor(3)} | {f"module.{n}": v for n, v in s.items()}
    ),
    "old": lambda s: {n: v for n, v in s.items() if not n.endswith("num_batches_tracked")},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_wrapped_weights_are_recognised_and_loaded(wrapping, state, tmp_path):
    file = tmp_path / "weights.pth"
    torch.save(WRAPPINGS[wrapping](state), file)
    bundle = _load(file)
    assert bundle.architecture["builder"] == "mobilenet_v3_small"
    assert bundle.head == HEAD
    assert bundle.origin == str(file)
    assert _same_body(
        bundle, {n: v for n, v in state.items() if wrapping != "old" or "num_b" not in n}
    )
    assert bundle.processor["crop"] == 224


def test_safetensors_in_half_precision_become_full(state, tmp_path):
    file = tmp_path / "weights.safetensors"
    save_file({n: v.half() if v.is_floating_point() else v for n, v in state.items()}, file)
    bundle = _load(file)
    assert all(p.dtype == torch.float32 for p in bundle.network.parameters())
    first = bundle.network.state_dict()["features.0.0.weight"]
    assert torch.equal(first, state["features.0.0.weight"].half().float())


def test_what_a_file_is_does_not_depend_on_its_suffix(state, tmp_path):
    file = tmp_path / "weights.pth"
    save_file(state, file)
    assert _same_body(_load(file), state)


def test_the_old_head_is_left_out_and_said_so(state):
    assert "7 classes" in weights.about_head(state, HEAD)
    assert "no last layer" in weights.about_head({}, HEAD)


class _Danger:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


def test_program_code_in_a_file_is_refused_and_never_run(tmp_path):
    trace = tmp_path / "it ran"
    file = tmp_path / "weights.pth"
    torch.save({"state_dict": _Danger(trace)}, file)
    with pytest.raises(StudioError, match="contains program code") as caught:
        _load(file)
    assert "state_dict" in caught.value.hint
    plain = tmp_path / "plain.pt"
    plain.write_bytes(pickle.dumps(_Danger(trace)))
    with pytest.raises(StudioError):
        _load(plain)
    assert not trace.exists()


def test_a_whole_pickled_network_is_refused(tmp_path):
    file = tmp_path / "whole.pth"
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), file)
    with pytest.raises(StudioError, match="contains program code"):
        _load(file)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_torchscript_program_is_refused(tmp_path):
    file = tmp_path / "program.pt"
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), file)
    with pytest.raises(StudioError, match="a TorchScript program"):
        _load(file)


def _truncated(file: Path, state: weights.State) -> None:
    torch.save(state, file)
    file.write_bytes(file.read_bytes()[:100_000])


def _truncated_safetensors(file: Path, state: weights.State) -> None:
    save_file(state, file)
    file.write_bytes(file.read_bytes()[:100_000])


def _other_zip(file: Path, _state: weights.State) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")


def _not_numbers(file: Path, state: weights.State) -> None:
    torch.save(state | {"features.0.0.weight": state["features.0.0.weight"] * torch.nan}, file)


BROKEN = {
    "empty": (lambda f, s: f.write_bytes(b""), "is empty"),
    "truncated": (_truncated, "cut short"),
    "truncated safetensors": (_truncated_safetensors, "cut short"),
    "web page": (lambda f, s: f.write_text("\n<!DOCTYPE html><html>404</html>"), "a web page"),
    "pointer": (lambda f, s: f.write_text("version https://git-lfs.github.com/spec/v1"), "git-lfs"),
    "keras": (lambda f, s: f.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64)), "a Keras file"),
    "tflite": (lambda f, s: f.write_bytes(b"\x1c\0\0\0TFL3" + bytes(64)), "finished model"),
    "another zip": (_other_zip, "damaged or was cut short"),
    "text": (
        lambda f, s: f.write_text("these are not weights, but words" * 9),
        "no weights|damaged",
    ),
    "no tensors": (lambda f, s: torch.save({"epoch": 3}, f), "no table of named tensors"),
    "one tensor": (lambda f, s: torch.save(torch.zeros(3), f), "no table of named tensors"),
    "not numbers": (_not_numbers, "no numbers"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files_are_refused_in_words_that_name_them(kind, state, tmp_path):
    make, words = BROKEN[kind]
    file = tmp_path / "weights.pth"
    make(file, state)
    with pytest.raises(StudioError, match=words) as caught:
        _load(file)
    assert str(file) in caught.value.message
    assert caught.value.hint


def test_weights_of_another_architecture_are_listed_in_words(state, tmp_path):
    file = tmp_path / "weights.pth"
    torch.save(state, file)
    with pytest.raises(StudioError, match="do not belong to resnet18") as caught:
        _load(file, architecture="resnet18")
    text = caught.value.message
    assert "121 missing" in text or "missing (conv1.weight, bn1.weight" in text
    assert "unexpected (features.0.0.weight" in text
    assert "…" in text


def test_weights_that_nearly_fit_name_the_nearest_and_what_differs(state, tmp_path):
    changed = dict(state) | {
        "features.0.0.weight": torch.zeros(16, 3, 5, 5),
        "extra.weight": torch.zeros(2),
    }
    del changed["features.12.0.weight"]
    file = tmp_path / "weights.pth"
    torch.save(changed, file)
    with pytest.raises(StudioError, match="look most like mobilenet_v3_small") as caught:
        _load(file)
    text = caught.value.message
    assert "1 missing (features.12.0.weight)" in text
    assert "1 unexpected (extra.weight)" in text
    assert "features.0.0.weight is 16×3×5×5 instead of 16×3×3×3" in text


def test_an_unknown_network_and_an_unknown_architecture_get_a_way_out(tmp_path):
    file = tmp_path / "weights.pth"
    torch.save({"encoder.weight": torch.zeros(3, 3), "decoder.weight": torch.zeros(3)}, file)
    with pytest.raises(StudioError, match="was not recognised") as caught:
        _load(file)
    assert "config.json" in caught.value.hint
    with pytest.raises(StudioError, match="no architecture called 'resnet-1'"):
        _load(file, architecture="resnet-1")


def test_every_offered_network_is_recognised_by_its_own_shapes():
    for builder in recognise.known():
        with torch.device("meta"):
            network = torchvision.models.get_model(builder, weights=None, num_classes=3)
        found = recognise.builder_of(Path("weights.pth"), network.state_dict(), "")
        assert found == builder


def test_a_vision_transformer_for_larger_pictures_keeps_its_size():
    with torch.device("meta"):
        state = torchvision.models.vit_b_16(weights=None, image_size=384).state_dict()
    builder = recognise.builder_of(Path("weights.pth"), state, "")
    assert builder == "vit_b_16"
    assert recognise.preprocessing(builder, state)["image_size"] == 384


def test_counters_of_old_files_may_be_missing():
    wanted: weights.Shapes = {"a.num_batches_tracked": (), "a.weight": (2,)}
    assert weights.differences(wanted, {"a.weight": (2,)}) == ""
    assert "1 missing (a.weight)" in weights.differences(wanted, {})


@pytest.mark.shared
def test_the_real_mobilenet_keeps_its_thousand_classes_before_the_head(shared):
    file = shared / "models/mobilenet_v2-imagenet/mobilenet_v2_imagenet1k_torchvision.pth"
    bundle = _load(file)
    assert bundle.architecture["builder"] == "mobilenet_v2"
    assert bundle.processor["resize"] == 256
    original = torchvision.models.mobilenet_v2()
    original.load_state_dict(torch.load(file, weights_only=True))
    pixels = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        ours = bundle.network.eval().features(pixels)
        theirs = original.eval().features(pixels)
    assert torch.equal(ours, theirs)
    assert "1,000 classes" in weights.about_head(weights.read(file), bundle.head)


@pytest.mark.shared
def test_a_git_lfs_pointer_is_recognised(shared):
    pointer = next((shared / "data/odd-lfs-pointers").glob("*.tif"))
    with pytest.raises(StudioError, match="git-lfs"):
        weights.read(pointer)
