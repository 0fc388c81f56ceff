"""How pictures are drawn: marks, scales, colours, files."""
