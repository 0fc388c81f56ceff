"""One file per model family: a torch module and the classifier around it."""
