"""Checkpoints of the library transformers, trained on or kept as they are."""
