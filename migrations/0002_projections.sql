-- Read models. Each has a schema of its own, named by its version, so that a new version is built
-- beside the old one. Everything here follows from `events` and may be dropped and rebuilt.

create table projection_checkpoints (
    name text not null,
    partition integer not null,
    position bigint not null default 0,
    -- Why it does not go on; null while it does.
    halted text,
    primary key (name, partition)
);

create schema quota_v1;

create table quota_v1.quota_customers (
    customer_id uuid primary key,
    organization_id uuid not null,
    currency text not null,
    granted numeric not null,
    remaining numeric not null,
    expired numeric not null,
    charged numeric not null,
    postpaid numeric not null,
    postpaid_limit numeric not null
);
create index quota_customers_organization on quota_v1.quota_customers (organization_id, customer_id);

create table quota_v1.quota_meters (
    customer_id uuid not null,
    meter text not null,
    quota_limit numeric,
    period text,
    included boolean,
    overage text,
    period_start timestamptz,
    used numeric not null,
    used_total numeric not null,
    primary key (customer_id, meter)
);

create table quota_v1.quota_grants (
    grant_id uuid primary key,
    organization_id uuid not null,
    partition integer not null,
    customer_id uuid not null,
    remaining numeric not null,
    expires_at timestamptz
);
create index quota_grants_due on quota_v1.quota_grants (expires_at) where expires_at is not null;

create schema invoice_v1;

create table invoice_v1.invoice_statements (
    customer_id uuid not null,
    month date not null,
    organization_id uuid not null,
    currency text not null,
    total numeric not null,
    charges bigint not null,
    first_position bigint not null,
    last_position bigint not null,
    primary key (customer_id, month)
);
create index invoice_statements_organization on invoice_v1.invoice_statements (organization_id, month, customer_id);

-- A flat amount has no meter: its line has the empty name and price 0.
create table invoice_v1.invoice_lines (
    customer_id uuid not null,
    month date not null,
    meter text not null,
    unit_price numeric not null,
    quantity numeric not null,
    included_quantity numeric not null,
    amount numeric not null,
    charges bigint not null,
    first_position bigint not null,
    last_position bigint not null,
    primary key (customer_id, month, meter, unit_price)
);

create schema risk_v1;

create table risk_v1.risk_customers (
    customer_id uuid primary key,
    organization_id uuid not null,
    currency text not null,
    charges bigint not null,
    charged numeric not null,
    largest_charge numeric not null,
    last_charge numeric not null,
    last_charge_at timestamptz,
    minute timestamptz,
    minute_calls bigint not null,
    minute_calls_peak bigint not null,
    available numeric not null,
    -- What was available after the last credits or the last change of the limit.
    available_reference numeric not null
);
create index risk_customers_organization on risk_v1.risk_customers (organization_id, customer_id);

create schema journal_v1;

create table journal_v1.journal_postings (
    position bigint not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    event_id uuid not null,
    organization_id uuid not null,
    partition integer not null,
    line smallint not null,
    debit text not null,
    credit text not null,
    currency text not null,
    amount numeric not null check (amount > 0),
    primary key (partition, position, line)
);
create index journal_postings_organization on journal_v1.journal_postings (organization_id, position, line);

create table journal_v1.journal_balances (
    organization_id uuid not null,
    account text not null,
    currency text not null,
    debits numeric not null,
    credits numeric not null,
    primary key (organization_id, account, currency)
);

create schema directory_v1;

create table directory_v1.directory_customers (
    customer_id uuid primary key,
    organization_id uuid not null,
    external_id text,
    currency text not null,
    created_at timestamptz not null,
    position bigint not null
);
create index directory_customers_organization on directory_v1.directory_customers (organization_id, customer_id);
create index directory_customers_external on directory_v1.directory_customers (organization_id, external_id)
    where external_id is not null;

create table directory_v1.directory_api_keys (
    api_key_id uuid primary key,
    organization_id uuid not null,
    name text not null,
    prefix text not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    position bigint not null
);
create index directory_api_keys_organization on directory_v1.directory_api_keys (organization_id, api_key_id);

-- Statements name the tables without their schema: where they find them is the database's setting,
-- and a rebuild sets another for its own transactions.
do $$ begin
    execute format(
        'alter database %I set search_path = public, quota_v1, invoice_v1, risk_v1, journal_v1, directory_v1',
        current_database()
    );
end $$;
