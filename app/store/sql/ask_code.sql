SELECT outcome, asked, reference
FROM ask_code(
    :event_id, :place_id, :number, :epoch, :email, :asked, :language,
    :minutes, :press, :of_place, :of_address,
    CAST(:domains AS text[]), :usually_refused
)
