-- Session keys and settlements in the read models.
--
-- Only tables are added, and those that were there keep their version: no log written before this
-- migration can hold an event of a session key or of a settlement, so for every such log the folds
-- of today give the very rows that the folds before gave, and nothing need be rebuilt.

-- What a session may still spend: deposited − withdrawn − withdrawal_pending − charged.
create table quota_v1.quota_sessions (
    session_key_id uuid primary key,
    organization_id uuid not null,
    customer_id uuid not null,
    partition integer not null,
    currency text not null,
    status text not null,
    registered boolean not null,
    -- 'relayed' while it is on its way, 'on_chain' once the chain said so.
    owner_freeze text,
    organization_frozen boolean not null,
    deposited numeric not null,
    -- Seen on chain and not final: the sum of quota_pending_deposits.
    pending_deposits numeric not null,
    withdrawn numeric not null,
    -- What the owner wants back; from then on; as the chain said there.
    withdrawal_pending numeric not null,
    withdrawal_available_at timestamptz,
    withdrawal_block bigint not null,
    withdrawal_log_index bigint not null,
    charged numeric not null,
    claimed numeric not null,
    limit_amount numeric not null,
    -- Null without a limit for each period.
    period_limit numeric,
    period_secs bigint,
    -- The period that period_used counts in: that of the last charge.
    period_start timestamptz,
    period_used numeric not null,
    valid_after timestamptz not null,
    valid_until timestamptz not null,
    updated_at timestamptz not null
);
create index quota_sessions_organization on quota_v1.quota_sessions (organization_id, session_key_id);
create index quota_sessions_customer on quota_v1.quota_sessions (customer_id, session_key_id);

create table quota_v1.quota_pending_deposits (
    session_key_id uuid not null,
    tx_hash text not null,
    log_index bigint not null,
    amount numeric not null,
    primary key (session_key_id, tx_hash, log_index)
);

create table directory_v1.directory_session_keys (
    session_key_id uuid primary key,
    organization_id uuid not null,
    customer_id uuid not null,
    owner text not null,
    key text not null,
    payee text not null,
    session_id text not null,
    chain_id bigint not null,
    contract text not null,
    custody text not null,
    status text not null,
    registered boolean not null,
    owner_freeze text,
    organization_frozen boolean not null,
    created_at timestamptz not null,
    valid_until timestamptz not null,
    position bigint not null
);
create index directory_session_keys_organization on directory_v1.directory_session_keys (organization_id, session_key_id);
create index directory_session_keys_customer on directory_v1.directory_session_keys (customer_id, session_key_id);

create schema settlement_v1;

create table settlement_v1.settlement_sessions (
    session_key_id uuid primary key,
    organization_id uuid not null,
    customer_id uuid not null,
    partition integer not null,
    chain_id bigint not null,
    contract text not null,
    token text not null,
    payee text not null,
    session_id text not null,
    currency text not null,
    status text not null,
    registered boolean not null,
    owner_freeze text,
    organization_frozen boolean not null,
    -- Its owner froze or revoked it or wants money back, or its time is over: claim what was earned.
    ended boolean not null,
    -- Over, nothing left in escrow, nothing in a settlement or on its way.
    closable boolean not null,
    deposited numeric not null,
    withdrawn numeric not null,
    charged numeric not null,
    claimed numeric not null,
    -- charged − claimed, exact; what is left at the end is written off.
    unsettled numeric not null,
    -- What a claim would bring now: whole atomic units of it, as far as the escrow reaches.
    claimable numeric not null,
    -- Of the first charge that made something claimable since the last claim.
    oldest_unsettled_at timestamptz,
    -- Of the first charge since the open claim was planned.
    unplanned_since timestamptz,
    -- From claim_planned until claimed or released.
    open_settlement uuid,
    -- Why the contract skipped the last claim: it is planned again only when a person asks.
    set_aside text,
    -- Position of the last charge that a paid claim pays for; 0 before the first.
    settled_position bigint not null,
    -- Position of the last charge that the open claim pays for whole.
    planned_position bigint,
    last_charge_position bigint not null,
    valid_until timestamptz not null,
    withdrawal_amount numeric not null,
    withdrawal_available_at timestamptz,
    withdrawal_block bigint not null,
    withdrawal_log_index bigint not null,
    -- What is on its way to the chain, and how much of that pays a withdrawal out.
    relays integer not null,
    finalize_relays integer not null
);
create index settlement_sessions_due on settlement_v1.settlement_sessions (chain_id, contract, organization_id)
    where claimable > 0;
create index settlement_sessions_open on settlement_v1.settlement_sessions (open_settlement)
    where open_settlement is not null;
create index settlement_sessions_withdrawal on settlement_v1.settlement_sessions (withdrawal_available_at)
    where withdrawal_available_at is not null;
create index settlement_sessions_expiry on settlement_v1.settlement_sessions (valid_until)
    where status in ('pending', 'active', 'frozen');
create index settlement_sessions_closable on settlement_v1.settlement_sessions (session_key_id) where closable;
create index settlement_sessions_organization on settlement_v1.settlement_sessions (organization_id, session_key_id);

create table settlement_v1.settlements (
    settlement_id uuid primary key,
    organization_id uuid not null,
    partition integer not null,
    chain_id bigint not null,
    contract text not null,
    token text not null,
    payee text not null,
    currency text not null,
    cause text not null,
    status text not null,
    claims integer not null,
    total numeric not null,
    transferred numeric,
    settled integer,
    skipped integer,
    -- Of the present attempt, or of the one that succeeded.
    tx_hash text,
    block_number bigint,
    gas_used bigint,
    opened_at timestamptz not null,
    finalized_at timestamptz,
    -- How many have failed, what the last one or the abandonment said, when to try again.
    attempts integer not null,
    last_reason text,
    retry_at timestamptz,
    -- Of its first event: newer ones stand higher, however their ids are made.
    position bigint not null
);
create index settlements_organization on settlement_v1.settlements (organization_id, position);
create index settlements_open on settlement_v1.settlements (chain_id, contract)
    where status not in ('finalized', 'abandoned', 'parked');

create table settlement_v1.settlement_claims (
    settlement_id uuid not null,
    session_key_id uuid not null,
    customer_id uuid not null,
    session_id text not null,
    amount numeric not null,
    total_claimed numeric not null,
    charges bigint not null,
    first_position bigint not null,
    last_position bigint not null,
    -- 'settled', or 'skipped: ' and the contract's reason; null until the settlement is final.
    outcome text,
    primary key (settlement_id, session_key_id)
);
create index settlement_claims_session on settlement_v1.settlement_claims (session_key_id, last_position);

do $$ begin
    execute format(
        'alter database %I set search_path = public, quota_v1, invoice_v1, risk_v1, journal_v1, directory_v1, settlement_v1',
        current_database()
    );
end $$;
