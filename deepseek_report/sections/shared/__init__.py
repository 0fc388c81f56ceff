"""What sections have in common: tables, cells, the draft of what one says."""
