"""What a declared graph of causes says of data: contradictions, effects, gaps by paths."""
