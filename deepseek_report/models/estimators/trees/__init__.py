"""The trees of fitted estimators as plain arrays: a reader for each library's own form."""
