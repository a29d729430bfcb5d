SELECT claim_page(c.id) AS page FROM claims c WHERE c.reference = :reference
