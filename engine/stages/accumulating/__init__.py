"""Call a coffea processor on all chunks, and add up what it returns, whatever that is."""
