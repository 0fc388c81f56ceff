"""Pictures of how well a model decides or predicts."""
