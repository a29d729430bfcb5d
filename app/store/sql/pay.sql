SELECT outcome, address, page FROM pay_claim(:reference, :fan_id, :look)
