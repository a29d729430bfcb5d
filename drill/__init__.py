"""Fans in software: what FairQueue does on its worst day, measured from outside."""
