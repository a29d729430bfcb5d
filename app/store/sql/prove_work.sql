SELECT outcome, reference
FROM prove_work(:event_id, :place_id, :number, :epoch, :proof, :fan_id)
