"""Shapley values: sampled, by partitions, of trees."""
