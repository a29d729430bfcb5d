SELECT refusal, reference, proof, proven_email
FROM proof_standing(:event_id, :place_id, :number, :epoch, :fan_id)
