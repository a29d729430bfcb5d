SELECT outcome, reference, numbers, address
FROM claim_tickets(
    :event_id, :place_id, :turn, :pass_until, :fan_id, :email, :form_key, :reference,
    :name, :phone, :quantity, CAST(:numbers AS int[])
)
