"""The machine: stages, learning and measuring, which know nothing of any particular study."""
