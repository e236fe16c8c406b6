"""Batches -> gradients -> checkpoints."""
