"""What families of models have in common."""
