SELECT outcome, place, visitor, number, turn
FROM decide_places(:event_id, :places, :remove, :reason, :seconds, :actor)
