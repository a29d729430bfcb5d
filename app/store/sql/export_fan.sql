SELECT export_fan(:email) AS held
