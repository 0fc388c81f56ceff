"""What happens inside a model: routes, attention, shapes of terms, time and memory."""
