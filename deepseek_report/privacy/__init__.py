"""What of a run may leave the store: see `docs/privacy.md`."""
