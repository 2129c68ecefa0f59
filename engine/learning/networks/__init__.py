"""Kinds of networks: settings that build a torch module with its scaling inside."""
