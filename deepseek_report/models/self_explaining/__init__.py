"""Models that bring their own explanation: additive networks, prototypes."""
