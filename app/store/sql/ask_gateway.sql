SELECT outcome, asked, page
FROM ask_gateway(:reference, CAST(:fan_id AS bigint), :actor, :just_now, :look)
