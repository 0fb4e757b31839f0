"""Parts of the leaf drawing; make_leaves.py puts them together."""
