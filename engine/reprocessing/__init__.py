"""Scheduled reprocessing: versions, their champion, and the steps of one reprocessing run."""
