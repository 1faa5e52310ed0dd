-- Holds in the read models.
--
-- Tables and columns are added, and what was there keeps its version: no log written before this migration
-- can hold an event of a hold, so for every such log the folds of today give the very rows that the folds
-- before gave, and nothing need be rebuilt.

create schema hold_v1;

create table hold_v1.holds (
    hold_id uuid primary key,
    organization_id uuid not null,
    customer_id uuid not null,
    -- Null where an account pays.
    session_key_id uuid,
    partition integer not null,
    currency text not null,
    -- 'open', 'captured', 'voided' or 'expired'.
    status text not null,
    -- Reserved at first and by extensions; reserved now; captured.
    amount numeric not null,
    held numeric not null,
    captured numeric not null,
    placed_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    -- Of its first event.
    position bigint not null
);
-- Open ones are few: lists of them sort what this finds.
create index holds_due on hold_v1.holds (expires_at) where status = 'open';

-- What holds reserve. Of credits it is not among `remaining`.
alter table quota_v1.quota_customers
    add column held_credits numeric not null default 0,
    add column held_postpaid numeric not null default 0;
alter table quota_v1.quota_grants add column held numeric not null default 0;
-- In the period that begins at period_start.
alter table quota_v1.quota_meters add column held numeric not null default 0;
alter table quota_v1.quota_sessions
    add column held numeric not null default 0,
    add column period_held numeric not null default 0;
-- How many are open: with one of them a session key is not closed.
alter table settlement_v1.settlement_sessions add column holds integer not null default 0;

do $$ begin
    execute format(
        'alter database %I set search_path = public, quota_v1, invoice_v1, risk_v1, journal_v1, directory_v1, settlement_v1, hold_v1',
        current_database()
    );
end $$;
