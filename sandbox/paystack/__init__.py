"""A stand-in for Paystack: its HTTP, its checkout page, its webhooks and a ledger of its own.

It speaks what Paystack's published description says, so that nothing in FairQueue knows the
difference; tests compare its ledger, the truth about the money, with ours.
"""
