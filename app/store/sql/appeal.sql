SELECT appeal(:event_id, :place_id, :words) AS outcome
