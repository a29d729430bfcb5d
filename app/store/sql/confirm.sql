SELECT confirm_claim(
    :payment_id, :amount, :currency, :gateway_id, CAST(:paid_at AS timestamptz),
    CAST(:log AS jsonb), CAST(:codes AS text[]), :inbox_id, :outbox_id
)
