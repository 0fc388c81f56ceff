"""What a declared graph of causes says of the data: contradictions, effects, gaps by their paths."""
