"""How well a model decides or predicts, and how sure it is."""
