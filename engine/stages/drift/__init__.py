"""How features moved since the champion was trained."""
