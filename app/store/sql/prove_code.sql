SELECT outcome, compared, tries, fan, email, place, number, epoch, merged, claim
FROM prove_code(
    :event_id, :place_id, :number, :epoch, :language, :compared, :right, :counted, :minutes,
    :most_tries
)
