-- Reconciliation: the last comparison of each organization's ledger with the chain, and what differed.
create schema reconciliation_v1;

create table reconciliation_v1.reconciliations (
    organization_id uuid primary key,
    partition integer not null,
    -- Since when somebody waits for a comparison; null when nobody does.
    requested_at timestamptz,
    -- All null before the first comparison that was noted.
    compared_at timestamptz,
    as_of_block bigint,
    chain_id bigint,
    contract text,
    session_keys bigint,
    payees bigint,
    exact_payments bigint,
    ledger_escrow numeric,
    chain_escrow numeric,
    ledger_claimed numeric,
    chain_claimed numeric,
    ledger_transferred numeric,
    chain_transferred numeric,
    ledger_exact numeric,
    chain_exact numeric,
    currency text,
    not_opened bigint,
    -- Of that comparison's event.
    position bigint
);
-- Few, and looked for each second.
create index reconciliations_requested on reconciliation_v1.reconciliations (requested_at)
    where requested_at is not null;

create table reconciliation_v1.reconciliation_differences (
    difference_id uuid primary key,
    organization_id uuid not null,
    -- 'open', 'explained', 'accepted', or 'resolved' when ledger and chain agree again.
    status text not null,
    -- What differs, as JSON: see `domain::reconciliation::Subject`.
    subject text not null,
    ledger text not null,
    chain text not null,
    -- A list, as JSON.
    causes text not null,
    amount numeric,
    currency text not null,
    as_of_block bigint not null,
    -- How often it was opened.
    times integer not null,
    opened_at timestamptz not null,
    changed_at timestamptz not null,
    closed_at timestamptz,
    closed_by text,
    note text,
    -- Of the event that opened it last.
    position bigint not null
);
create index reconciliation_differences_organization
    on reconciliation_v1.reconciliation_differences (organization_id, position);
create index reconciliation_differences_open
    on reconciliation_v1.reconciliation_differences (organization_id, position) where status = 'open';

-- For people, and for what checks queries; the program sets its own.
do $$
begin
    execute format(
        'alter database %I set search_path = public, quota_v1, statement_v1, risk_v1, journal_v1, directory_v1, settlement_v1, hold_v1, billing_v1, reconciliation_v1',
        current_database()
    );
end $$;

-- No log written before this migration can hold an event of it.
insert into projection_checkpoints (name, partition, position)
    select 'reconciliation_v1', partition, position from log_head;
