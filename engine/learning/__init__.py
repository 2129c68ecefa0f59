"""Models, the networks and losses of which neural ones consist, and the loop that fits them."""
