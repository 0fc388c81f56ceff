"""Pictures of what explanations say, and of their quality."""
