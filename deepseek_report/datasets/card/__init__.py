"""What a report tells of the data as a whole."""
