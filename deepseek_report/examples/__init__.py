"""Data that packages and generators bring, a class a source; nothing else needs them."""
