"""How a model's batches become outputs, gradients and updates."""
