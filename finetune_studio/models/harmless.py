"""Whether a ``.pt2`` file holds numbers and a graph alone: what torch would run in reading it is refused.

It needs the standard library and torch alone: a copy lies in each export of that format.

torch looks up what a graph names by walking through its own modules (``torch.os.system`` is a name like any
other), evaluates the sizes and guards that stand there as text, and unpickles some kinds of constants. So a
file is read here first, as text, and anything but operators on tensors, arithmetic and plain weights is
refused.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FILES = re.compile(
    r"data/weights/(weight_\d+|model_weights_config\.json)"
    r"|data/constants/(tensor_\d+|model_constants_config\.json)"
    r"|data/sample_inputs/model\.pt|models/model\.json"
    r"|archive_format|archive_version|byteorder|\.data/(version|serialization_id)"
)
_PAYLOAD = re.compile(r"(weight|tensor)_\d+")
_OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|quantized|torchvision)\.(\w+)(\.\w+)?|torch\.ops\.higher_order\.\w+"
    r"|torch\.sym_\w+|math\.(ceil|floor|trunc|sqrt|pow|log|exp)"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|pow|neg|pos|abs|eq|ne|lt|le|gt|ge|and_|or_|not_|getitem)"
)
_BITWISE = re.compile(
    r"__(i?(and|or|xor|lshift|rshift))__"
)  # of all names in double underlines these alone
_SIGNS = re.compile(r"[\w\s'\[\](),.=+\-*/%<>!&|~]*")
_KEY = re.compile(r"\['\w+'\]")  # an input's name in a guard
_SYMBOL = re.compile(r"[a-z]{1,4}\d+")
_WORDS = frozenset(
    (
        *("L", "size", "stride", "storage_offset", "and", "or", "not", "True", "False", "Symbol"),
        *("Integer", "Float", "Rational", "Add", "Mul", "Pow", "Min", "Max", "Mod", "PythonMod"),
        *("FloorDiv", "CleanDiv", "CeilDiv", "IntTrueDiv", "FloatTrueDiv", "ToFloat", "TruncToInt"),
        *(
            "CeilToInt",
            "FloorToInt",
            "Eq",
            "Ne",
            "Equality",
            "Unequality",
            "GreaterThan",
            "LessThan",
        ),
        *("StrictGreaterThan", "StrictLessThan", "positive", "negative", "nonnegative", "nonzero"),
        *("integer", "real", "finite"),
    )
)
_TREES = frozenset(("builtins.tuple", "builtins.list", "builtins.dict"))


def refuse_code(file: Path) -> None:
    """Refuse a file whose reading or running could do more than compute; files written here never could.

    Raises:
        ValueError: If it holds anything else than numbers and a graph of operators.
    """
    with zipfile.ZipFile(file) as archive:
        if len(set(archive.namelist())) < len(archive.namelist()):
            raise ValueError("it holds two files of one name, of which torch might read the other")
        for name in archive.namelist():
            inner = name.partition("/")[2]
            if not _FILES.fullmatch(inner):
                raise ValueError(f"it holds {name!r}, which is not read")
            if inner.endswith("_config.json"):
                _weights_alone(json.loads(archive.read(name)))
            elif inner == "models/model.json":
                _graph_alone(json.loads(archive.read(name)))
            elif inner == "data/sample_inputs/model.pt":
                _plain(archive.read(name))


def _plain(content: bytes) -> None:
    import torch

    torch.load(io.BytesIO(content), weights_only=True)


def _weights_alone(config: Any) -> None:
    for row in config["config"].values():
        if row.get("use_pickle", True) or not _PAYLOAD.fullmatch(row["path_name"]):
            raise ValueError("it holds pickled objects, which are not read")


def _graph_alone(model: Any) -> None:
    for key, value in _everything(model):
        if key == "target" and not _is_operator(value):
            raise ValueError(f"it would call {value!r}")
        if key == "expr_str" and not _is_arithmetic(value):
            raise ValueError(f"it would evaluate {value!r}")
        if key in ("in_spec", "out_spec"):
            _tree_alone(value)
    for text in (*model.get("guards_code", ()), *model.get("range_constraints", ())):
        if not _is_arithmetic(text):
            raise ValueError(f"it would evaluate {text!r}")


def _everything(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every name with its value, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _everything(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _everything(inner)


def _is_operator(target: Any) -> bool:
    found = _OPERATORS.fullmatch(target) if isinstance(target, str) else None
    return found is not None and "__" not in _BITWISE.sub("", target)


def _is_arithmetic(text: Any) -> bool:
    """Whether a text computes sizes: known functions and symbols alone."""
    if not isinstance(text, str) or not _SIGNS.fullmatch(text):
        return False
    words = re.findall(r"[^\W\d]\w*", _KEY.sub("[0]", text))
    return all(word in _WORDS or _SYMBOL.fullmatch(word) for word in words)


def _tree_alone(text: Any) -> None:
    """Refuse inputs that are put together of anything but tuples, lists and dictionaries."""
    if text is None:
        return
    for key, value in _everything(json.loads(text)):
        if key == "type" and value is not None and value not in _TREES:
            raise ValueError(f"it would make a {value!r}")
