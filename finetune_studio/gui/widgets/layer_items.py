"""The layers of a network as items of a tree: what each is, whether it learns, and its own numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from typing_extensions import override

from finetune_studio.gui import theme
from finetune_studio.gui.widgets.layer_rates import Rates, rate_in
from finetune_studio.models.node import LayerNode, ticked, within

_Index = QModelIndex | QPersistentModelIndex
_Role = Qt.ItemDataRole
_TITLES = ("Layer", "Type", "Output", "Parameters", "Adapter rank", "Rate")
RANK, RATE = 4, 5  # the columns of adapters, and of what the learning rate is multiplied by
_LARGEST_RANK = 512
NODE_ROLE = int(_Role.UserRole) + 1


def states(root: LayerNode, names: Sequence[str]) -> dict[str, Qt.CheckState]:
    """Return for every module with parameters whether all, some or none of them learn."""
    chosen = set(names)
    found: dict[str, Qt.CheckState] = {}

    def visit(node: LayerNode, *, inside: bool) -> tuple[int, int]:
        inside = inside or node.name in chosen
        prefix = f"{node.name}." if node.name else ""
        all_ = len(node.tables)
        on = all_ if inside else sum(prefix + table in chosen for table, _ in node.tables)
        for child in node.children:
            more, of = visit(child, inside=inside)
            on, all_ = on + more, all_ + of
        if all_:
            some = Qt.CheckState.PartiallyChecked if on else Qt.CheckState.Unchecked
            found[node.name] = Qt.CheckState.Checked if on == all_ else some
        return on, all_

    visit(root, inside=False)
    return found


def called(node: LayerNode) -> str:
    """Return what a module is called; a bare number is told with the list that it is a member of."""
    if node.title.isdigit() and node.kind.endswith(f"ayer {int(node.title) + 1}"):
        return f"Layer {int(node.title) + 1}"  # of a text network; short, since it lies deep
    return ".".join(node.name.split(".")[-2:]) if node.title.isdigit() else node.title


def short(count: int) -> str:
    """Return a count of parameters as ``830``, ``12.8 k``, ``3.50 M`` or ``1.24 B``."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.2f} B"
    if count >= 1_000_000:
        return f"{count / 1e6:.2f} M"
    return f"{count / 1e3:.1f} k" if count >= 1000 else str(count)


class LayerItemModel(QAbstractItemModel):
    """Shows a network to a view; a tick in a box changes what learns.

    Signals:
        names_changed: The user ticked or cleared a box; the names of what learns now (a tuple).
        rank_changed: The user gave a module's adapters a rank; its name, and the rank.
        rate_changed: The user gave a module a rate; its name, and what the learning rate is multiplied
            by, or None: as what it lies in.
    """

    names_changed = Signal(object)
    rank_changed = Signal(str, int)
    rate_changed = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ranks: dict[str, int] = {}
        self._rates = Rates()
        self._root: LayerNode | None = None
        self._title = ""
        self._head = ""
        self._names: tuple[str, ...] = ()
        self._states: dict[str, Qt.CheckState] = {}
        self._places: dict[int, tuple[LayerNode | None, int]] = {}
        self._nodes: dict[int, LayerNode] = {}
        self._expert = False

    def set_network(self, root: LayerNode | None, title: str, head: str) -> None:
        """Show another network; its head always learns.

        It is empty for one that keeps its own last layer, as language models do.
        """
        self.beginResetModel()
        self._root, self._title, self._head = root, title, head
        self._places, self._nodes = {}, {}
        if root is not None:
            self._places[id(root)] = (None, 0)
            for node in root.walk():
                self._nodes[id(node)] = node
                for row, child in enumerate(node.children):
                    self._places[id(child)] = (node, row)
        self._states = states(root, self._names) if root is not None else {}
        self.endResetModel()

    def set_names(self, names: Sequence[str]) -> None:
        """Show what learns."""
        self._names = tuple(names)
        if self._root is not None:
            self._states = states(self._root, self._names)
            self._say_changed(self._root)

    def set_ranks(self, ranks: Mapping[str, int]) -> None:
        """Show the rank of each layer that can have an adapter; 0 where it has none."""
        if self._ranks != dict(ranks):
            self._ranks = dict(ranks)
            if self._root is not None:
                self._say_changed(self._root)

    def ranks_in(self, node: LayerNode) -> list[int]:
        """Return the ranks of the layers in a module that can have adapters."""
        return [rank for name, rank in self._ranks.items() if within(name, node.name)]

    def set_rates(self, rates: Rates) -> None:
        """Show what the learning rates of the layers are multiplied by."""
        if self._rates != rates:
            self._rates = rates
            if self._root is not None:
                self._say_changed(self._root)

    def set_expert(self, expert: bool) -> None:
        """Call layers by their class, or in plain words."""
        if expert != self._expert and self._root is not None:
            self._expert = expert
            self._say_changed(self._root)
        self._expert = expert

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of what learns."""
        return self._names

    def node(self, index: _Index) -> LayerNode | None:
        """Return the module at a place."""
        return self._nodes.get(index.internalId()) if index.isValid() else None

    def place_of(self, node: LayerNode, column: int = 0) -> QModelIndex:
        """Return where a module stands."""
        return self.createIndex(self._places[id(node)][1], column, id(node))

    def _say_changed(self, node: LayerNode) -> None:
        first = self.place_of(node)
        self.dataChanged.emit(first, first.siblingAtColumn(len(_TITLES) - 1))
        self._say_below(node)

    def _say_below(self, node: LayerNode) -> None:
        if node.children:
            last = self.place_of(node.children[-1], len(_TITLES) - 1)
            self.dataChanged.emit(self.place_of(node.children[0]), last)
            for child in node.children:
                self._say_below(child)

    # --- what a view asks -------------------------------------------------------------------------

    @override
    def index(self, row: int, column: int, parent: _Index = QModelIndex()) -> QModelIndex:  # noqa: B008  Qt's own signature
        if not self.hasIndex(row, column, parent) or self._root is None:
            return QModelIndex()
        above = self.node(parent)
        node = self._root if above is None else above.children[row]
        return self.createIndex(row, column, id(node))

    @override
    def parent(self, child: _Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008  Qt has a second parent() without arguments
        node = self.node(child)
        above = self._places[id(node)][0] if node is not None else None
        return QModelIndex() if above is None else self.place_of(above)

    @override
    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        if parent.column() > 0:
            return 0
        node = self.node(parent)
        if node is None:
            return 0 if self._root is None or parent.isValid() else 1
        return len(node.children)

    @override
    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return len(_TITLES)

    @override
    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(_TITLES):
            return None
        if role == _Role.DisplayRole:
            return self.tr(_TITLES[section])
        return _side(section) if role == _Role.TextAlignmentRole else None

    @override
    def flags(self, index: _Index) -> Qt.ItemFlag:
        node = self.node(index)
        if node is None:
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == 0 and node.name in self._states and not self._always(node):
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        if index.column() == RANK and self.ranks_in(node):
            flags |= Qt.ItemFlag.ItemIsEditable
        if index.column() == RATE and self._rates.within(node.name):
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    @override
    def data(self, index: _Index, role: int = _Role.DisplayRole) -> Any:
        node = self.node(index)
        if node is None:
            return None
        column = index.column()
        found: Any = None
        match role:
            case _Role.DisplayRole:
                found = self._texts(node)[column]
            case _Role.EditRole if column == RANK:
                found = max(self.ranks_in(node), default=0)
            case _Role.EditRole if column == RATE:
                found = self._rates.text(node.name).removeprefix("×")
            case _Role.CheckStateRole:
                found = self._states.get(node.name) if column == 0 else None
            case _Role.TextAlignmentRole:
                found = _side(column)
            case _Role.ForegroundRole:
                faint = column in (1, 2) or not node.parameters
                faint |= column == RATE and not self._rates.is_own(node.name)
                found = theme.tokens().muted if faint else None
            case _Role.ToolTipRole:
                found = self._rates.tip(node.name) if column == RATE else self._tip(node)
            case _ if role == NODE_ROLE:
                found = node
        return found

    @override
    def setData(self, index: _Index, value: Any, role: int = _Role.EditRole) -> bool:
        node = self.node(index)
        if node is not None and role == _Role.EditRole and index.column() == RANK:
            return self._set_rank(node, value)
        if node is not None and role == _Role.EditRole and index.column() == RATE:
            return self._set_rate(node, value)
        if node is None or self._root is None or role != _Role.CheckStateRole:
            return False
        if not self.flags(index) & Qt.ItemFlag.ItemIsUserCheckable:
            return False
        on = Qt.CheckState(value) != Qt.CheckState.Unchecked
        names = ticked(self._root, self._names, node.name, on=on)
        if self._head and not any(within(self._head, name) for name in names):
            names = (*names, self._head)
        self.set_names(names)
        self.names_changed.emit(names)
        return True

    def _set_rank(self, node: LayerNode, value: Any) -> bool:
        """Give the adapters in a module another rank, if it is one."""
        text = str(value).strip()
        if not text.isdecimal() or int(text) > _LARGEST_RANK or not self.ranks_in(node):
            return False
        if {int(text)} != set(self.ranks_in(node)):
            self.rank_changed.emit(node.name, int(text))
        return True

    def _set_rate(self, node: LayerNode, value: Any) -> bool:
        """Give a module another rate; an empty text lets it learn as what it lies in."""
        text = str(value).strip()
        if not self._rates.within(node.name) or text == self._rates.text(node.name).lstrip("×"):
            return False
        rate = rate_in(text)
        if rate is not None or not text:
            self.rate_changed.emit(node.name, rate)
        return rate is not None or not text

    def _always(self, node: LayerNode) -> bool:
        """Return whether a module always learns: the head, and what lies in it."""
        return bool(self._head) and within(node.name, self._head)

    def _texts(self, node: LayerNode) -> tuple[str, ...]:
        return (
            called(node) or self._title,
            node.class_name if self._expert else self._kind(node),
            " × ".join(str(side) for side in node.shape) if node.shape else "",
            short(node.parameters) if node.parameters else "",
            self._rank_text(node),
            self._rates.text(node.name),
        )

    def _rank_text(self, node: LayerNode) -> str:
        """Return the rank of a module's adapters, from the lowest to the highest where they differ."""
        ranks = self.ranks_in(node)
        if not any(ranks):
            return self.tr("none") if ranks else ""
        low, high = min(ranks), max(ranks)
        return str(low) if low == high else f"{low} – {high}"

    def _kind(self, node: LayerNode) -> str:
        if not node.is_head or not (self._head or node.parameters):
            return node.kind  # also a last layer that shares its numbers with the embeddings
        return self.tr("New head") if self._head else self.tr("Its own last layer")

    def _tip(self, node: LayerNode) -> str:
        name = f"{node.name}: {node.class_name}" if node.name else node.class_name
        if self._always(node):
            why = self.tr("The new last layer always learns: it starts from nothing.")
            return f"{name}\n{why}"
        return f"{name}\n{self._rates.since(node.name)}".strip()


def _side(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in (3, RANK, RATE) else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
