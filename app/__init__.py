"""FairQueue: a waiting room and ticket shop for sales that everyone wants at once."""
