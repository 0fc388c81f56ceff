"""Pictures of where a model fails."""
