"""Pictures of how the model behaves along each ordered feature."""
