"""Decoding, augmenting and batching one kind of input each; functions, whatever the task."""
