"""What explanations say, and whether they can be trusted."""
