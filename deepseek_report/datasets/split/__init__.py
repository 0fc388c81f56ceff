"""Which rows train, which validate, which test."""
