"""Explanations of images by masks and by maps of features."""
