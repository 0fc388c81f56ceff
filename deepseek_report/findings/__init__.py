"""Rules that turn scores into claims with severity and evidence."""
