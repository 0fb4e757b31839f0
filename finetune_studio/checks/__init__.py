"""Searches for trouble in data: one file a check, each finding with a remedy."""

from __future__ import annotations

from finetune_studio.core.catalogue import Catalogue, Entry

# ``inputs`` says what samples a check looks at: ``images``, ``texts`` or ``any``; ``classes`` that it is
# for tasks that tell classes apart, ``spans`` that it is for data with marked words.
CATALOGUE = Catalogue(
    "check",
    [
        Entry(
            "broken",
            "Unreadable files",
            "Opens every file and sets aside what cannot be read.",
            "finetune_studio.checks.broken:find",
            {"inputs": "images"},
        ),
        Entry(
            "set_aside",
            "Unusable samples",
            "Says what cannot be used and why.",
            "finetune_studio.checks.set_aside:find",
            {"inputs": "texts"},
        ),
        Entry(
            "leakage",
            "Copies across splits",
            "Looks for copies and groups that stand both in training and where it is judged.",
            "finetune_studio.checks.leakage:find",
            {"inputs": "any"},
        ),
        Entry(
            "duplicates",
            "Copies",
            "Looks for what is there more than once, and for near copies.",
            "finetune_studio.checks.duplicates:find",
            {"inputs": "any"},
        ),
        Entry(
            "label_names",
            "Names of classes",
            "Looks for names that differ only in capitals or blanks.",
            "finetune_studio.checks.label_names:find",
            {"inputs": "any"},
        ),
        Entry(
            "small_classes",
            "Small classes",
            "Looks for classes that are too small to learn from and to judge by.",
            "finetune_studio.checks.small_classes:find",
            {"inputs": "any", "classes": True},
        ),
        Entry(
            "imbalance",
            "Unequal classes",
            "Compares the largest class with the smallest.",
            "finetune_studio.checks.imbalance:find",
            {"inputs": "any", "classes": True},
        ),
        Entry(
            "wrong_labels",
            "Likely wrong labels",
            "Reports labels where a model that never saw them says another.",
            "finetune_studio.checks.wrong_labels:find",
            {"inputs": "any", "classes": True},
        ),
        Entry(
            "entities",
            "Marked words",
            "Looks for types with few marked words, and for words marked in one place and not in another.",
            "finetune_studio.checks.entities:find",
            {"inputs": "texts", "spans": True},
        ),
        Entry(
            "short_texts",
            "Empty texts",
            "Looks for texts that say nothing or next to nothing.",
            "finetune_studio.checks.short_texts:find",
            {"inputs": "texts"},
        ),
        Entry(
            "long_texts",
            "Very long texts",
            "Looks for texts that are far longer than the others.",
            "finetune_studio.checks.long_texts:find",
            {"inputs": "texts"},
        ),
        Entry(
            "letters",
            "Broken letters",
            "Looks for letters that were read in a wrong encoding.",
            "finetune_studio.checks.letters:find",
            {"inputs": "texts"},
        ),
        Entry(
            "scripts",
            "Scripts",
            "Looks whether texts are in different scripts, and so in several languages.",
            "finetune_studio.checks.scripts:find",
            {"inputs": "texts"},
        ),
        Entry(
            "personal_data",
            "Personal data",
            "Looks for addresses and for numbers of telephones, cards and accounts.",
            "finetune_studio.checks.personal_data:find",
            {"inputs": "texts"},
        ),
    ],
)
