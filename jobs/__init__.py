"""Entry points equal to the views: beats, outbox delivery, workers."""
