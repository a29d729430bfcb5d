SELECT lapse_removals() AS gone
