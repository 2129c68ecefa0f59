"""The four stages. None imports another: what they share is on disk."""
