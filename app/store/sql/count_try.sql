SELECT count_try(
    :kind, :account, :network, :email,
    CAST(:pair AS int[]), CAST(:of_network AS int[]), CAST(:of_account AS int[])
) AS waits
