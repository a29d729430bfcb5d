SELECT mark_places(:seconds, :addresses) AS changed
