"""The detector that simulated particles go through: tracking, calorimeter, pile-up, particle flow."""
