"""Reads CoNLL files: a word a line with its tag in another column, blank lines between sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from finetune_studio.core import counts, lines, tagging
from finetune_studio.core.dataset import Row
from finetune_studio.core.errors import StudioError
from finetune_studio.core.lines import Line, Part, Parts
from finetune_studio.core.reader import Description, Reader
from finetune_studio.core.recipe import DataChoices

SUFFIXES = frozenset(
    f".{name}" for name in ("conll", "iob", "iob2", "bio", "bioes", "bilou", "tsv", "tab", "txt")
) | {".conllu", ".col", ".tagged", ".ner"}
_LOOKED = 200_000  # lines of a file that are looked at before it is read
_SHOWN = 3  # lines that are named of those where tags were repaired
_MOST_TYPES = 60  # more different cells than that are words, not types of entities
_WORD_TITLES = ("word", "words", "token", "tokens", "form", "text")
_TAG_TITLES = ("tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "entity", "iob")
_DOCUMENT = "-DOCSTART-"
_HINT = "Each line needs a word and its tag, such as 'Rome<tab>B-Place', and an empty line ends a sentence."


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of a file are: their number, what stands between them, which are read."""

    width: int
    tabs: bool
    word: int
    tag: int
    header: int = 0  # the line that names the columns
    others: tuple[int, ...] = ()  # further columns that hold tags


@dataclass
class Sentence:
    """The lines of one sentence: words and tags, and why it cannot be used, if so."""

    row: int
    document: int
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    problem: str = ""
    cut: int = 0


@dataclass(frozen=True)
class Plan:
    """Which files are read, how their columns are laid out, and how tags are written."""

    parts: Parts
    layouts: dict[str, Layout]
    scheme: tagging.Scheme
    counts: Counter[str]


class Conll(Reader):
    """Words with tags, in files that may be splits."""

    name = "conll"

    def recognises(self, path: Path, names: Collection[str] | None = None) -> float:
        """Return 0.95 where a file has a column of words and one of tags."""
        del names  # the files of an archive lie in the folder
        try:
            found = lines.parts(path, SUFFIXES).files[:20]
        except StudioError:
            return 0.0
        if any(_layout(part) for part in found):
            return 0.95
        return lines.FALLBACK if path.is_file() and path.suffix.lower() in SUFFIXES else 0.0

    def root(self, path: Path) -> Path:
        """Return the folder itself, or the one the file lies in."""
        return path if path.is_dir() else path.parent

    def read(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Iterator[Row]:
        """Yield a row a sentence; one with a damaged line carries that as its problem."""
        del names
        plan = _plan(path, choices)
        for part in plan.parts.files:
            for sentence in _sentences(part, plan.layouts[part.name]):
                yield _row(part, sentence, plan.scheme)[0]

    def describe(
        self, path: Path, choices: DataChoices, names: Collection[str] | None = None
    ) -> Description:
        """Say which columns are read, how tags are written, and how many sequences are repaired."""
        del names
        plan = _plan(path, choices)
        layout = next(iter(plan.layouts.values()))
        types = plan.scheme.names
        shown = ", ".join(types[:6]) + (f" and {len(types) - 6} more" if len(types) > 6 else "")
        title = (
            f"Words with tags in {plan.parts.listed}: words in column {layout.word + 1}, tags in"
            f" column {layout.tag + 1} of {layout.width}, written as {plan.scheme.name};"
            f" {counts.of(len(types), 'type')}: {shown or 'none'}"
        )
        return Description(title, (*plan.parts.notes, *_notes(plan)))


def _plan(path: Path, choices: DataChoices) -> Plan:
    """Decide which files are read and how.

    Raises:
        StudioError: If no file has words and tags.
    """
    found = lines.parts(path, SUFFIXES, choices.encoding)
    if not found.files:
        raise StudioError(f"There is no file with words and tags in {path}.", _HINT)
    if len(found.files) == 1:
        lines.refuse_unreadable(found.files[0])  # says what is wrong with an only file
    said = choices.label_column
    layouts = {part.name: layout for part in found.files if (layout := _layout(part, said))}
    kept = tuple(part for part in found.files if part.name in layouts)
    if not kept:
        raise StudioError(
            f"{found.files[0].path} has no column of words beside one of tags.", _HINT
        )
    left = [part.name for part in found.files if part.name not in layouts]
    note = (f"Left out, as they hold no words with tags: {', '.join(left[:5])}.",) if left else ()
    scheme = tagging.Scheme()
    counts: Counter[str] = Counter()
    for part in kept:
        for sentence in _sentences(part, layouts[part.name], _LOOKED):
            if not sentence.problem:
                scheme.learn(sentence.tags)
            counts["cut"] += sentence.cut
    return Plan(Parts(found.root, kept, found.notes + note), layouts, scheme, counts)


def _notes(plan: Plan) -> Iterator[str]:
    yield from lines.encoding_notes(plan.parts)
    repairs: Counter[str] = Counter()
    first_lines: dict[str, list[int]] = {}
    for part in plan.parts.files:
        for sentence in _sentences(part, plan.layouts[part.name], _LOOKED):
            found = _row(part, sentence, plan.scheme)[1]
            repairs[part.name] += len(found)
            first_lines.setdefault(part.name, []).extend(found[:_SHOWN])
    if total := repairs.total():
        where = "; ".join(
            f"{count:,} in {name}, {_line_numbers(first_lines[name], count)}"
            for name, count in repairs.most_common(3)
            if count
        )
        yield (
            f"{counts.of(total, 'tag')} that break{'s' if total == 1 else ''} the {plan.scheme.name}"
            f" scheme {'is' if total == 1 else 'are'} repaired, so that each entity has a beginning and an"
            f" end ({where})."
        )
    if plan.counts["cut"]:
        cut = counts.of(plan.counts["cut"], "word has", "words have")
        yield f"{cut} a blank inside and {'is' if cut[:2] == '1 ' else 'are'} read as several words."
    first = next(iter(plan.layouts.values()))
    if first.others:
        also = " and ".join(str(i + 1) for i in sorted(first.others))
        yield (
            f"Column {also} could hold tags too; to read them, choose that number as the label column."
        )
    columns = {(layout.width, layout.word, layout.tag) for layout in plan.layouts.values()}
    if len(columns) > 1:
        yield "The files do not have the same columns; each is read in its own way."


def _line_numbers(numbers: list[int], count: int) -> str:
    """Return in words on which lines something was found, the first few of them."""
    shown = ", ".join(f"{number:,}" for number in numbers[:_SHOWN])
    return f"line{'' if count == 1 else 's'} {shown}{' and others' if count > _SHOWN else ''}"


def _row(part: Part, sentence: Sentence, scheme: tagging.Scheme) -> tuple[Row, list[int]]:
    """Return a sentence as a row, and the lines of those of its tags that were repaired."""
    fields = {"text": " ".join(sentence.words), "file": part.name, "row": sentence.row}
    group = f"{part.name} {sentence.document}" if sentence.document else None
    problem = sentence.problem
    wrong = None if problem else scheme.unknown(sentence.tags)
    if wrong is not None:
        known = f"{scheme.name} with {', '.join(scheme.names[:4]) or 'no type'}"
        problem = (
            f"{part.name}, line {sentence.at[wrong]}: the tag {sentence.tags[wrong]!r} is unknown"
        )
        problem += f" ({known})"
    if problem:
        return Row(split=part.split, group=group, fields=fields, problem=problem), []
    tagged = tagging.entities(sentence.tags, scheme)
    fields |= {"spans": tagging.spans(sentence.words, tagged), "split_words": True}
    return Row(split=part.split, group=group, fields=fields), [
        sentence.at[i] for i in tagged.repaired
    ]


# --- sentences ------------------------------------------------------------------------------------


def _sentences(part: Part, layout: Layout, most: int | None = None) -> Iterator[Sentence]:
    """Yield the sentences of a file; empty lines and beginnings of documents lie between them."""
    document = 0
    sentence: Sentence | None = None
    for line in lines.lines(part):
        if most is not None and line.number > most:
            break
        if _is_between(line, layout):
            document += line.text.startswith(_DOCUMENT)
            if sentence is not None and not line.text.startswith("#"):
                yield sentence
                sentence = None
        elif line.number != layout.header:
            sentence = sentence or Sentence(line.number, document)
            _add(part, line, layout, sentence)
    if sentence is not None:
        yield sentence


def _is_between(line: Line, layout: Layout) -> bool:
    """Whether a line belongs to no sentence: it is empty, begins a document, or is a comment."""
    if line.problem:
        return False
    if not line.text.strip() or line.text.startswith(_DOCUMENT):
        return True
    if not line.text.startswith("#"):
        return False
    cells = _cells(line.text, layout.tabs)
    return len(cells) != layout.width or not tagging.is_tag(cells[layout.tag])


def _add(part: Part, line: Line, layout: Layout, sentence: Sentence) -> None:
    """Add a line's word and tag to a sentence, or say what is wrong with it."""
    cells = _cells(line.text, layout.tabs)
    word = cells[layout.word].strip() if len(cells) > layout.word else ""
    tag = cells[layout.tag].strip() if len(cells) > layout.tag else ""
    if line.problem:
        sentence.problem = sentence.problem or line.problem
    elif not word or not tag or len(cells) < layout.width:
        missing = (
            "the word" if not word else "the tag" if not tag else f"one of {layout.width} columns"
        )
        told = (
            f"{part.name}, line {line.number}: {missing} is missing in {line.text.strip()[:60]!r}"
        )
        sentence.problem = sentence.problem or told
    elif any(cell.strip() for cell in cells[layout.width :]):
        told = f"{part.name}, line {line.number}: there are {len(cells)} columns instead of"
        told += f" {layout.width} in {line.text.strip()[:60]!r}"
        sentence.problem = sentence.problem or told
    pieces = [word] if word else []
    if " " in word or "\t" in word:
        pieces = re.split(r"[ \t]+", word)
        sentence.cut += 1
    for index, piece in enumerate(pieces):
        sentence.words.append(piece)
        sentence.tags.append(tag if index == 0 else _going_on(tag))
        sentence.at.append(line.number)


def _going_on(tag: str) -> str:
    """Return the tag of a word's second piece."""
    letter = tagging.split(tag)[0]
    return "I" + tag[1:] if letter and letter != "I" else tag


def _cells(text: str, tabs: bool) -> list[str]:
    """Return a line's cells; only blanks and tabs part them, other kinds of space stay in words."""
    return text.split("\t") if tabs else re.split(r"[ \t]+", text.strip(" \t"))


# --- columns --------------------------------------------------------------------------------------


def _layout(part: Part, said: str = "") -> Layout | None:
    """Find out which columns hold words and tags; None where the file has no such columns.

    ``said`` is the number or the title of the column of tags, if the user says which it is.
    """
    known = [line for line in lines.head(part) if not line.problem and line.text.strip()]
    known = [line for line in known if not line.text.startswith((_DOCUMENT, "# "))]
    if not known:
        return None
    tabs = sum("\t" in line.text for line in known) > len(known) / 2
    rows = [(line.number, _cells(line.text, tabs)) for line in known]
    width = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    if width < 2:
        return None
    titles = [cell.strip().casefold() for cell in rows[0][1]]
    header = 0
    if any(t in _WORD_TITLES for t in titles) and any(t in _TAG_TITLES for t in titles):
        header, rows = rows[0][0], rows[1:]
    even = [cells for _, cells in rows if len(cells) == width]
    if len(even) < 0.6 * len(rows) or not even:
        return None
    columns = [[cells[i].strip() for cells in even] for i in range(width)]
    found = _tag_columns(columns)
    named = [i for i, t in enumerate(titles) if t in _TAG_TITLES and i < width] if header else []
    if said:
        names = dict(enumerate(titles)) if header else {}
        found = [i for i in range(width) if said.strip().casefold() in (str(i + 1), names.get(i))]
    elif named:
        found = named
    if not found:
        return None
    tag = found[0]
    others = [i for i in range(width) if i != tag and not all(map(str.isdigit, columns[i]))]
    if header:
        others = [i for i in others if titles[i] in _WORD_TITLES] or others
    return Layout(width, tabs, others[0], tag, header, tuple(found[1:])) if others else None


def _tag_columns(columns: list[list[str]]) -> list[int]:
    """Return the columns of tags, the one to read first: the last one, if it marks anything.

    Tags with a letter in front (``B-Place``) count before plain types (``Place``).
    """
    lettered = [
        index
        for index, cells in enumerate(columns)
        if sum(map(tagging.is_tag, cells)) >= 0.9 * len(cells) and tagging.OUTSIDE in cells
    ]
    plain = [i for i, cells in enumerate(columns) if i and i not in lettered and _are_types(cells)]
    found = sorted(lettered or plain, reverse=True)
    return sorted(found, key=lambda index: set(columns[index]) == {tagging.OUTSIDE})


def _are_types(cells: list[str]) -> bool:
    """Whether cells are a few different words, of which one is the tag of no entity."""
    kinds = set(cells)
    plain = all(re.fullmatch(r"[^\W\d][\w.:/-]*", kind) for kind in kinds)
    return tagging.OUTSIDE in kinds and plain and len(kinds) <= min(_MOST_TYPES, len(cells) / 2 + 2)
