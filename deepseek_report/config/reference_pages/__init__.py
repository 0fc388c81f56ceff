"""The pages of `docs/` that are made from the code: settings, and columns of tables."""
