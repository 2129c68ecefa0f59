"""Keep what a coffea processor returns on disk without executable content, and add it up."""
