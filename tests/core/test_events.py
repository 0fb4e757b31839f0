"""Events: plain values that survive the way to disk and back, also across versions."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from finetune_studio.core import events, watching
from finetune_studio.core.events import Event, from_json

KINDS = [
    kind
    for kind in (vars(events) | vars(watching)).values()
    if isinstance(kind, type) and kind is not Event
]
KINDS = [kind for kind in KINDS if issubclass(kind, Event)]


def example(kind: type[Event]) -> Event:
    """Return an event with a value of the right kind in every field that needs one."""
    made: dict[str, Any] = {"str": "text", "int": 3, "float": 0.5, "bool": True}
    values = {}
    for field in dataclasses.fields(kind):
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            listed = str(field.type).startswith("list[dict")
            values[field.name] = [{"a": 1.0}] if listed else made.get(str(field.type), {"a": 1.0})
    return kind(**values)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_survives_the_way_to_disk_and_back(kind: type[Event]) -> None:
    event = example(kind)
    record = json.loads(json.dumps(event.as_json()))
    assert next(iter(record)) == "event"
    assert from_json(record) == event


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_events_cannot_be_changed(kind: type[Event]) -> None:
    name = dataclasses.fields(kind)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(example(kind), name, None)


def test_names_are_the_class_names_in_snake_case() -> None:
    assert events.RunFinished.word() == "run_finished"
    assert events.ExportVerified.word() == "export_verified"
    assert len({kind.word() for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"event": "of_a_later_version", "x": 1},
        {"event": 3},
        {"event": "run_finished", "run": "without the rest"},
    ],
)
def test_records_of_other_versions_are_passed_over(record: dict[str, Any]) -> None:
    assert from_json(record) is None


def test_fields_of_a_later_version_are_passed_over() -> None:
    record = events.Noted("hello").as_json() | {"colour": "red"}
    assert from_json(record) == events.Noted("hello")
