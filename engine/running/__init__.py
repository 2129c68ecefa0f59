"""Runs: the stages in order, on workers, recorded in the ledger."""
