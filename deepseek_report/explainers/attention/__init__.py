"""Explanations read from attention."""
