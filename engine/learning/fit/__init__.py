"""The loop that fits networks."""
