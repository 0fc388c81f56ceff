"""Run folders: written whole, opened with care, verified, cleaned."""
