"""What flows between the stages: frozen, dimensioned and free of pickles."""
