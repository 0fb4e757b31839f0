"""A .pt2 file that would run code when torch reads it is refused, by what stands in it as text."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from finetune_studio.models import harmless

SPEC = '[1, {"type": "builtins.tuple", "context": "null", "children_spec": []}]'


def written(place: Path, target: str = "torch.ops.aten.add.Tensor", **changes: Any) -> Path:
    """Write what torch.export.save writes, but for the numbers."""
    node = {"target": target, "inputs": [], "outputs": [], "metadata": {}}
    model: dict[str, Any] = {
        "graph_module": {
            "graph": {"nodes": [node], "sym_int_values": {}},
            "module_call_graph": [{"fqn": "", "signature": {"in_spec": SPEC}}],
        },
        "range_constraints": {"s77": {"min_val": 0}},
        "guards_code": ["L['xs'][0].size()[1] == L['xs'][1].size()[1]"],
    }
    row = {"path_name": "weight_0", "use_pickle": False}
    files: dict[str, Any] = {
        "data/weights/model_weights_config.json": {"config": {"w": row}},
        "data/constants/model_constants_config.json": {"config": {}},
        "models/model.json": model | changes.pop("model", {}),
    } | changes.pop("files", {})
    with zipfile.ZipFile(place / "model.pt2", "w") as archive:
        for name, content in files.items():
            archive.writestr(f"model/{name}", json.dumps(content))
    return place / "model.pt2"


def test_what_this_program_writes_is_read(tmp_path: Path) -> None:
    expression = {"expr_str": "Mul(Integer(8), Symbol('s46', positive=True, integer=True))"}
    harmless.refuse_code(written(tmp_path, model={"sizes": [expression]}))


@pytest.mark.parametrize(
    "target",
    ["torch.os.system", "torch.ops.load_library", "_operator.call", "builtins.eval", "#mine:run"],
)
def test_nothing_but_operators_on_tensors_is_called(target: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="would call"):
        harmless.refuse_code(written(tmp_path, target))


@pytest.mark.parametrize("text", ["__import__('os').getcwd()", "eval(chr(49))", "().__class__"])
def test_no_text_is_evaluated_that_is_no_arithmetic(text: str, tmp_path: Path) -> None:
    for model in (
        {"sizes": [{"expr_str": text}]},
        {"guards_code": [text]},
        {"range_constraints": {text: {}}},
    ):
        with pytest.raises(ValueError, match="would evaluate"):
            harmless.refuse_code(written(tmp_path, model=model))


def test_nothing_is_unpickled_whatever_it_is_called(tmp_path: Path) -> None:
    """Constants of some names are unpickled though their row says that they are no pickle."""
    row = {"path_name": "opaque_obj_0", "use_pickle": False}
    hidden = {"data/constants/model_constants_config.json": {"config": {"c": row}}}
    with pytest.raises(ValueError, match="pickled objects"):
        harmless.refuse_code(written(tmp_path, files=hidden))
    for name in ("data/weights/model.pt", "data/constants/model.pt", "data/constants/custom_obj_0"):
        with pytest.raises(ValueError, match="not read"):
            harmless.refuse_code(written(tmp_path, files={name: ""}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_not_read(tmp_path: Path) -> None:
    """torch reads archives by code of its own, which might take the other one."""
    place = written(tmp_path)
    with zipfile.ZipFile(place) as archive:
        good = archive.read("model/models/model.json")
    with zipfile.ZipFile(place, "a") as archive:
        archive.writestr("model/models/model.json", good)
    with pytest.raises(ValueError, match="two files of one name"):
        harmless.refuse_code(place)
