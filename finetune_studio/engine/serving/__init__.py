"""An export as a small web service on this computer, for programs that cannot run Python themselves."""

from __future__ import annotations

from finetune_studio.engine.serving.service import HOST, PORT, serve

__all__ = ["HOST", "PORT", "serve"]
