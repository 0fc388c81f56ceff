"""What explainers have in common."""
