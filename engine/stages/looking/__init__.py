"""Look at the columns of a feature store before anything is trained."""
