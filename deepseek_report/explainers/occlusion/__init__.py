"""What the output loses where a part of the input is taken away."""
