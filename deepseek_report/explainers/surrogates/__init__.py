"""Local models fitted to the answers of the explained one: LIME."""
