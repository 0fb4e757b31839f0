"""The frozen part's activations, computed once and kept: no frozen layer is ever computed twice."""

from finetune_studio.engine.features.prefix import FrozenPrefix, find_prefixes
from finetune_studio.engine.features.store import FeatureStore, sample_key

__all__ = ["FeatureStore", "FrozenPrefix", "find_prefixes", "sample_key"]
