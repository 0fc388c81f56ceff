"""What is measured of language models alone: continuations, circuits, chains of thought."""
