"""The Map tab: all samples as points, like ones near each other; a lasso filters the gallery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PySide6.QtCore import QEvent, QPoint, Qt, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget
from typing_extensions import override

from finetune_studio.core.dataset import Sample
from finetune_studio.core.errors import StudioError
from finetune_studio.core.events import Event, Noted, PhaseStarted, Prediction, Progress
from finetune_studio.core.job import Control
from finetune_studio.core.project import Project
from finetune_studio.gui import theme
from finetune_studio.gui.pages.inspect.lens import Lens, Narrowed, sentence
from finetune_studio.gui.pages.inspect.results import Results
from finetune_studio.gui.studio import Studio
from finetune_studio.gui.widgets.choice_bar import ChoiceBar
from finetune_studio.gui.widgets.point_map import LASSO, MOVE, PointMap

if TYPE_CHECKING:
    from finetune_studio.core.task import Pair
    from finetune_studio.engine.mapping import Map, Parts

MAPPING = "map"  # name of the job
_THUMBNAIL = 96
_FIRST = 4  # ways of colouring that are always there
_MOST_KINDS = 12
_MOST_SHOWN = 5000  # samples of a lasso that the gallery takes
_PART = "part:"  # before the name of a column that colours the points


class MapLens(Lens):
    """Lays samples out on demand: roughly at once, then by neighbourhood."""

    name: ClassVar[str] = "map"
    title: ClassVar[str] = "Map"
    insight: ClassVar[str] = "map"
    heading: ClassVar[str] = "What does the model see alike?"

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(studio, parent)
        self._made: list[Map] = []
        self._shown = 0
        self._folder: Path | None = None
        self._samples: list[Sample | None] = []
        self._answers: dict[int, Prediction] = {}
        self._learnt: dict[int, Prediction] = {}  # answers to training samples
        self._parts: dict[str, Parts] = {}
        self.map = PointMap()
        self.colours = QComboBox()
        self.colours.setObjectName("map_colours")
        self.colours.setAccessibleName(self.tr("Colour by"))
        for value, text in (
            ("error", self.tr("Right or wrong")),
            ("label", self.tr("Label")),
            ("said", self.tr("What the model said")),
            ("split", self.tr("Split")),
        ):
            self.colours.addItem(text, value)
        self.tool = ChoiceBar([(MOVE, self.tr("Move")), (LASSO, self.tr("Lasso"))])
        self.tool.set_tip(
            LASSO,
            self.tr(
                "Draw around points to see these samples, training and validation (also Shift). Escape shows"
                " all again."
            ),
        )
        self.says = sentence()
        self.button = QPushButton(self.tr("Draw the map"))
        self.button.setObjectName("draw_map")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        self._over = QLabel(self.map)
        self._over.setProperty("card", True)
        self._over.setTextFormat(Qt.TextFormat.PlainText)
        self._over.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._over.hide()
        top, bottom = QHBoxLayout(), QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.colours, 1)
        top.addWidget(self.tool)
        bottom.setSpacing(8)
        bottom.addWidget(self.says, 1)
        bottom.addWidget(self.button)
        self.column.addLayout(top)
        self.column.addWidget(self.map, 1)
        self.column.addWidget(self.trouble)
        self.column.addWidget(self.bar)
        self.column.addLayout(bottom)
        self.colours.activated.connect(self._colour)
        self.tool.chosen.connect(self._on_tool_chosen)
        self.button.clicked.connect(self._on_clicked)
        self.map.hovered.connect(self._on_hovered)
        self.map.lassoed.connect(self._on_lassoed)
        studio.job_failed.connect(self._on_job_failed)
        studio.thumbnails.ready.connect(self._on_thumbnail_ready)
        self._hovered = -1
        self._say()

    @override
    def show_results(self, results: Results) -> None:
        super().show_results(results)
        if self._folder != results.folder:
            self._folder = results.folder
            self._made, self._shown, self._samples = [], 0, []
            self._learnt = {}
            self._offer_parts([])
            self.map.show_points(np.zeros((0, 2), np.float32))
        self._answers = self._learnt | {sample.id: answer for sample, answer in results.pairs}
        self._know_samples()
        self._colour()
        self._say()

    @override
    def unpick(self) -> None:
        self.map.choose(None)

    def _know_samples(self) -> None:
        if self._made and self.studio.project is not None:
            known = {s.id: s for s in self.studio.project.dataset.samples(usable=True)}
            self._samples = [known.get(int(n)) for n in self._made[-1].ids]

    # --- the job -----------------------------------------------------------------------------------

    @Slot()
    def _on_clicked(self) -> None:
        project = self.studio.project
        if MAPPING in self.studio.jobs:
            self.studio.stop(MAPPING)
        elif project is not None and self.results is not None:
            self._made, self._shown = [], 0
            self.trouble.say("")
            self.bar.setRange(0, 0)
            self.bar.show()
            self.button.setText(self.tr("Stop"))
            job = partial(_lay_out, project, self.results.folder, self._made)
            self.studio.start(MAPPING, job, on_event=self._on_stated, on_done=self._end)

    def _on_stated(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.bar.setRange(0, event.total)
            self.bar.setValue(event.done)
        elif isinstance(event, PhaseStarted):
            self.says.setText(f"{event.text}…")
            self.bar.setRange(0, event.total)
        elif isinstance(event, Noted) and len(self._made) > self._shown:
            self._shown = len(self._made)
            self._know_samples()
            self.map.show_points(self._made[-1].places)
            self._colour()

    def _end(self) -> None:
        self.bar.hide()
        self._say()
        project = self.studio.project
        if self._made and project is not None and self.results is not None:
            folder, ids = self.results.folder, self._made[-1].ids.tolist()
            self.studio.ask(partial(_known, project, folder, ids), self._on_known, self.say_trouble)

    def _on_known(self, known: tuple[Path, list[Parts], list[Pair]]) -> None:
        """Offer colours by column, and take answers to training samples where there are any."""
        folder, parts, pairs = known
        if folder == self._folder:
            self._learnt = {sample.id: answer for sample, answer in pairs}
            self._answers = self._learnt | self._answers
            self._offer_parts(parts)
            self._colour()

    def _offer_parts(self, parts: list[Parts]) -> None:
        kept = self.colours.currentData()
        while self.colours.count() > _FIRST:
            self.colours.removeItem(self.colours.count() - 1)
        self._parts = {f"{_PART}{one.column}": one for one in parts}
        for value, one in self._parts.items():
            self.colours.addItem(self.tr("Slice: {column}").format(column=one.column), value)
        self.colours.setCurrentIndex(max(0, self.colours.findData(kept)))

    def _say(self) -> None:
        if MAPPING in self.studio.jobs:
            return
        self.button.setText(self.tr("Draw anew") if self._made else self.tr("Draw the map"))
        if not self._made:
            self.says.setText(
                self.tr(
                    "Each sample becomes a point; those that the model sees alike lie near each other. Test"
                    " samples stay locked."
                )
            )
            return
        far = self.tr("Neighbours are alike; distances between far groups mean nothing.")
        near = self.tr("Laid out by the two directions in which samples differ most.")
        told = far if self._made[-1].way == "tsne" else near
        self.says.setText(f"{len(self._made[-1].ids):,} {self.tr('samples')}. {told}")

    @Slot(str, object)
    def _on_job_failed(self, name: str, error: Any) -> None:
        if name == MAPPING and isinstance(error, StudioError):
            self._end()
            self.say_trouble(error)

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:  # light or dark: each has its own colours
            self._colour()

    # --- looks and choices -------------------------------------------------------------------------

    @Slot()
    def _colour(self) -> None:
        words = [self._word(sample) for sample in self._samples]
        if not words:
            return
        counted: dict[str, int] = {}
        for word in words:
            counted[word] = counted.get(word, 0) + 1
        ordered = sorted(counted, key=lambda word: (word != "", -counted[word]))
        part = self._parts.get(str(self.colours.currentData()))
        if part is not None:
            ordered = [word for word in ("", *part.order) if word in counted]
        shades = self._shades([word for word in ordered if word], part)
        place = {word: number for number, word in enumerate(ordered)}
        colours = [shades.get(word, theme.tokens().line) for word in ordered]
        legend = [(word, shades[word]) for word in ordered if word in shades][:_MOST_KINDS]
        if "" in counted:  # most are training samples, which the run was not asked about
            asked = self.colours.currentData() in ("error", "said")
            legend.append((self.tr("not asked") if asked else "–", theme.tokens().line))
        self.map.colour(np.array([place[word] for word in words]), colours, legend)

    def _shades(self, words: list[str], part: Parts | None) -> Mapping[str, QColor]:
        now = theme.tokens()
        if (
            part is not None and part.ordered
        ):  # from cold to warm, apart for colour-blind readers too
            ramp = [now.series[0], now.series[5], now.series[1], now.series[3]]
            return {name: ramp[min(n, 3)] for n, name in enumerate(part.order)}
        if self.colours.currentData() == "error":
            return {"right": now.series[0], "wrong": now.bad}
        made = {}
        for number, word in enumerate(sorted(words)):
            if number < len(now.series):
                made[word] = now.series[number]
            else:  # beyond the safe colours: evenly round the circle
                made[word] = QColor.fromHsv(
                    int(number * 137.5) % 360, 150, 220 if now.dark else 170
                )
        return made

    def _word(self, sample: Sample | None) -> str:
        """Return what a sample is coloured by; empty where that is not known."""
        if sample is None:
            return ""
        by = self.colours.currentData()
        if (part := self._parts.get(str(by))) is not None:
            return part.of.get(sample.id, "")
        if by == "split":
            return sample.split
        if by == "label":
            return sample.label or ""
        answer = self._answers.get(sample.id)
        return "" if answer is None else _of_answer(answer, sample, str(by))

    @Slot(str)
    def _on_tool_chosen(self, tool: str) -> None:
        self.map.tool = tool

    @Slot(str)
    def _on_thumbnail_ready(self, path: str) -> None:
        if 0 <= self._hovered < len(self._samples):
            sample = self._samples[self._hovered]
            if sample is not None and sample.path == path:
                self._on_hovered(self._hovered)

    @Slot(int)
    def _on_hovered(self, place: int) -> None:
        self._hovered = place
        sample = self._samples[place] if 0 <= place < len(self._samples) else None
        if sample is None:
            self._over.hide()
            return
        pixmap = self.studio.thumbnails.get(sample.path, _THUMBNAIL) if sample.path else None
        if pixmap is not None:
            self._over.setPixmap(pixmap)
        else:
            said = str(sample.fields.get("text", ""))[:80]
            self._over.setText(" ".join(p for p in (sample.label or "", said) if p) or sample.place)
        self._over.adjustSize()
        spot = self.map.on_widget()[place]
        left = min(int(spot[0]) + 12, self.map.width() - self._over.width() - 2)
        top = min(int(spot[1]) + 12, self.map.height() - self._over.height() - 2)
        self._over.move(QPoint(max(0, left), max(0, top)))
        self._over.show()
        self._over.raise_()

    @Slot(object)
    def _on_lassoed(self, places: np.ndarray) -> None:
        chosen = [s for n in places.tolist() if (s := self._samples[n]) is not None]
        if not chosen:
            self.map.choose(None)
            self.narrowed.emit(None)
            return
        mask = np.zeros(len(self._samples), bool)
        mask[places] = True
        self.map.choose(mask)
        judged = [s for s in chosen if s.split == "validation"]
        if len(judged) == len(chosen):
            title = self.tr("In the lasso: {n} validation samples").format(n=f"{len(chosen):,}")
            self.narrowed.emit(Narrowed(title, frozenset(s.id for s in chosen)))
            return
        title = self.tr("In the lasso: {n} validation, {m} training samples").format(
            n=f"{len(judged):,}", m=f"{len(chosen) - len(judged):,}"
        )
        if len(chosen) > _MOST_SHOWN:
            title += self.tr(" (the first {n} shown)").format(n=f"{_MOST_SHOWN:,}")
        self.narrowed.emit(Narrowed(title, None, self._pairs(chosen)[:_MOST_SHOWN], back=True))

    def _pairs(self, samples: list[Sample]) -> list[Pair]:
        """Return samples with what the model says: wrong answers, right ones, then those it was not asked."""
        nothing = Prediction(None, {})
        pairs = [(sample, self._answers.get(sample.id, nothing)) for sample in samples]
        return sorted(pairs, key=_place)


def _of_answer(answer: Prediction, sample: Sample, by: str) -> str:
    """Return what a sample is coloured by that depends on the answer to it."""
    if answer.label is None:
        return ""
    if by == "said":
        return str(answer.label)
    return "right" if str(answer.label) == str(sample.label) else "wrong"


def _place(pair: Pair) -> tuple[bool, bool]:
    sample, answer = pair
    return answer.label is None, str(answer.label) == str(sample.label)


def _known(project: Project, folder: Path, ids: list[int]) -> tuple[Path, list[Parts], list[Pair]]:
    from finetune_studio.engine import mapping

    pairs = mapping.answers_to_training(project, folder)
    return folder, mapping.parts(project, ids), pairs


def _lay_out(project: Project, folder: Path, made: list[Map], control: Control) -> Iterator[Event]:
    from finetune_studio.engine import mapping

    yield from mapping.lay_out(project, folder, control, made)
