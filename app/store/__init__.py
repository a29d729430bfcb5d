"""Postgres, the only truth. Functions here never commit and never decide."""
