"""Scheduled reprocessing: versions, the champion, and what one run does."""
