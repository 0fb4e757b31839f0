"""Small networks and data, as the engine's own tests use them."""

from tests.engine.conftest import every_step_stated, lively_model

__all__ = ["every_step_stated", "lively_model"]
