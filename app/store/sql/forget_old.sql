SELECT forget_old(:fans, :inbox, :outbox) AS gone
