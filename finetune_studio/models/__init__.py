"""Networks, whatever the task: what is offered, loading them, and their layers as a tree."""
