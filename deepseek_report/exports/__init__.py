"""What of a finished run leaves the house in a format of others: a bill, cards, letters.

An export reads a run folder, in which `privacy` has left what may be told, and computes nothing.
"""
