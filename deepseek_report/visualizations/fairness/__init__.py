"""Pictures of what differs between groups of people."""
