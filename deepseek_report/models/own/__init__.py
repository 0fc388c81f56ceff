"""Networks of a person: classes of their own, and what they load."""
