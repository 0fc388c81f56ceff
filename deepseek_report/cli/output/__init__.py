"""What the commands print: tables, progress, sentences. Computes nothing."""
