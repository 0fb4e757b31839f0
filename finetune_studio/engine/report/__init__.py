"""One page about a run that can be sent to anybody."""

from finetune_studio.engine.report.page import write_report

__all__ = ["write_report"]
