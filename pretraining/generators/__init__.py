"""Generators of the invented part of the pretraining text."""
