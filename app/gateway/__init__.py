"""Paystack, as its own published description has it."""
