"""Pictures of single cases."""
