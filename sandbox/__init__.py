"""Stand-ins for what FairQueue talks to, so that it runs on one machine with one command."""
