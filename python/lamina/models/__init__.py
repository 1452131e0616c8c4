"""Models."""

from lamina.models.cloning import clone_model, model_from_json
from lamina.models.sequential import Sequential
from lamina.saving.model_file import load_model, save_model

__all__ = ["Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
