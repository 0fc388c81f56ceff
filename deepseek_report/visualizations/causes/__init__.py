"""Pictures of a declared graph of causes."""
