"""Models of scikit-learn, xgboost and lightgbm, trained here or loaded from a file."""
