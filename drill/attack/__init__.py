"""`make attack`: what strangers try on the running product."""
