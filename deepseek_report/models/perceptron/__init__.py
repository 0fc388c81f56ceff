"""The plain multilayer perceptron."""
