"""Networks, whatever the task: what is offered, loading them, and looking at them as a tree of layers."""
