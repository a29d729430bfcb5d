"""Redis, the fast copy of the line and of the free ticket numbers. It can always be rebuilt."""
