SELECT erase_fan(:email) AS outcome
