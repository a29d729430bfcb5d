SELECT refusal, reference, proven_email, asked_email, sent_at, tries, alive
FROM address_standing(
    :event_id, :place_id, :number, :epoch, CAST(:fan_id AS bigint), :minutes
)
