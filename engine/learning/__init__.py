"""Training: models, the networks and losses that neural ones are made of, and the loop that fits them."""
