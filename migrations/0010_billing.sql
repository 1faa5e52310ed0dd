-- Billing: plans, subscriptions, invoices, payments, in lists; and what has to be looked at when.

-- billing
create schema billing_v1;

create table billing_v1.billing_plans (
    plan_id uuid primary key,
    organization_id uuid not null,
    code text not null,
    name text not null,
    -- The last one that was drafted, and the last one that was published.
    version integer not null,
    published_version integer,
    created_at timestamptz not null,
    retired_at timestamptz,
    position bigint not null
);
create index billing_plans_organization on billing_v1.billing_plans (organization_id, position);

create table billing_v1.billing_test_clocks (
    test_clock_id uuid primary key,
    organization_id uuid not null,
    partition integer not null,
    name text not null,
    now_at timestamptz not null,
    -- What it is on its way to.
    target timestamptz,
    created_at timestamptz not null,
    position bigint not null
);
create index billing_test_clocks_organization on billing_v1.billing_test_clocks (organization_id, position);
create index billing_test_clocks_under_way on billing_v1.billing_test_clocks (test_clock_id) where target is not null;

-- Customers on a test clock; the others are not here.
create table billing_v1.billing_clock_customers (
    customer_id uuid primary key,
    organization_id uuid not null,
    partition integer not null,
    test_clock_id uuid not null
);
create index billing_clock_customers_clock on billing_v1.billing_clock_customers (test_clock_id, customer_id);

create table billing_v1.billing_subscriptions (
    subscription_id uuid primary key,
    organization_id uuid not null,
    partition integer not null,
    customer_id uuid not null,
    test_clock_id uuid,
    plan_id uuid not null,
    plan_code text not null,
    plan_version integer not null,
    currency text not null,
    status text not null,
    quantity numeric not null,
    period_start timestamptz,
    period_end timestamptz,
    trial_end timestamptz,
    auto_renew boolean not null,
    cancel_at_period_end boolean not null,
    next_due_at timestamptz,
    open_bill integer,
    created_at timestamptz not null,
    ended_at timestamptz,
    position bigint not null
);
create index billing_subscriptions_organization on billing_v1.billing_subscriptions (organization_id, position);
create index billing_subscriptions_customer on billing_v1.billing_subscriptions (customer_id, position);
create index billing_subscriptions_due on billing_v1.billing_subscriptions (next_due_at)
    where next_due_at is not null and test_clock_id is null;
create index billing_subscriptions_clock on billing_v1.billing_subscriptions (test_clock_id, next_due_at)
    where test_clock_id is not null;

create table billing_v1.billing_invoices (
    invoice_id uuid primary key,
    organization_id uuid not null,
    partition integer not null,
    customer_id uuid not null,
    test_clock_id uuid,
    subscription_id uuid,
    bill integer,
    currency text not null,
    status text not null,
    auto_finalize boolean not null,
    number text,
    at timestamptz not null,
    due_at timestamptz,
    next_attempt_at timestamptz,
    period_start timestamptz,
    period_end timestamptz,
    subtotal numeric not null,
    tax numeric not null,
    total numeric not null,
    -- What of the total the account has charged post-paid, exact, and has not settled.
    postpaid numeric not null,
    paid numeric not null,
    credited numeric not null,
    due numeric not null,
    position bigint not null
);
create index billing_invoices_organization on billing_v1.billing_invoices (organization_id, position);
create index billing_invoices_customer on billing_v1.billing_invoices (customer_id, position);
create index billing_invoices_subscription on billing_v1.billing_invoices (subscription_id, position)
    where subscription_id is not null;
create index billing_invoices_due on billing_v1.billing_invoices (next_attempt_at)
    where next_attempt_at is not null and test_clock_id is null;
create index billing_invoices_clock on billing_v1.billing_invoices (test_clock_id, next_attempt_at)
    where test_clock_id is not null;

create table billing_v1.billing_credit_notes (
    credit_note_id uuid primary key,
    organization_id uuid not null,
    customer_id uuid not null,
    invoice_id uuid not null,
    number text,
    currency text not null,
    total numeric not null,
    at timestamptz not null,
    position bigint not null
);
create index billing_credit_notes_organization on billing_v1.billing_credit_notes (organization_id, position);
create index billing_credit_notes_customer on billing_v1.billing_credit_notes (customer_id, position);
create index billing_credit_notes_invoice on billing_v1.billing_credit_notes (invoice_id, position);

create table billing_v1.billing_payments (
    payment_id uuid primary key,
    organization_id uuid not null,
    partition integer not null,
    customer_id uuid not null,
    test_clock_id uuid,
    invoice_id uuid,
    connector_id uuid,
    provider_id text,
    currency text not null,
    status text not null,
    amount numeric not null,
    captured numeric not null,
    refunded numeric not null,
    -- Whether the provider has to be asked for something.
    is_asking boolean not null,
    -- By the clock on the wall, also of customers on a test clock: since when it has to be asked, since when a payment or
    -- a refund waits at it, and when the payment was made.
    asking_since timestamptz,
    waiting_since timestamptz,
    made_at timestamptz not null,
    failure_code text,
    created_at timestamptz not null,
    paid_out boolean not null default false,
    position bigint not null
);
create index billing_payments_organization on billing_v1.billing_payments (organization_id, position);
create index billing_payments_customer on billing_v1.billing_payments (customer_id, position);
create index billing_payments_invoice on billing_v1.billing_payments (invoice_id, position)
    where invoice_id is not null;
-- For each connector in turn, the oldest first.
create index billing_payments_asking on billing_v1.billing_payments (connector_id, position)
    where asking_since is not null;
create index billing_payments_waiting on billing_v1.billing_payments (connector_id, position)
    where waiting_since is not null;
create index billing_payments_clock on billing_v1.billing_payments (test_clock_id, asking_since)
    where asking_since is not null and test_clock_id is not null;
create index billing_payments_provider on billing_v1.billing_payments (organization_id, provider_id)
    where provider_id is not null;

create table billing_v1.billing_refunds (
    refund_id uuid primary key,
    organization_id uuid not null,
    customer_id uuid not null,
    payment_id uuid not null,
    provider_id text,
    currency text not null,
    status text not null,
    amount numeric not null,
    created_at timestamptz not null,
    position bigint not null
);
create index billing_refunds_organization on billing_v1.billing_refunds (organization_id, position);
create index billing_refunds_payment on billing_v1.billing_refunds (payment_id, position);
create index billing_refunds_provider on billing_v1.billing_refunds (organization_id, provider_id)
    where provider_id is not null;

create table billing_v1.billing_connectors (
    connector_id uuid primary key,
    organization_id uuid not null,
    kind text not null,
    name text not null,
    api_base text,
    created_at timestamptz not null,
    removed_at timestamptz,
    position bigint not null
);
create index billing_connectors_organization on billing_v1.billing_connectors (organization_id, position);

create table billing_v1.billing_webhooks (
    webhook_id uuid primary key,
    organization_id uuid not null,
    partition integer not null,
    connector_id uuid not null,
    provider_event_id text not null,
    provider_type text not null,
    payment_id uuid,
    created_at timestamptz not null,
    received_at timestamptz not null,
    -- `null` until what it says was taken in.
    outcome text,
    position bigint not null
);
create index billing_webhooks_organization on billing_v1.billing_webhooks (organization_id, position);
create index billing_webhooks_payment on billing_v1.billing_webhooks (payment_id, position)
    where payment_id is not null;
create index billing_webhooks_waiting on billing_v1.billing_webhooks (webhook_id) where outcome is null;

create table billing_v1.billing_payouts (
    payout_id uuid primary key,
    organization_id uuid not null,
    connector_id uuid not null,
    paid_out_at timestamptz,
    lines integer not null,
    matched integer not null,
    open integer not null,
    closed integer not null,
    imported_at timestamptz not null,
    position bigint not null
);
create index billing_payouts_organization on billing_v1.billing_payouts (organization_id, position);

do $$ begin
    execute format(
        'alter database %I set search_path = public, quota_v1, statement_v1, risk_v1, journal_v1, directory_v1, settlement_v1, hold_v1, billing_v1',
        current_database()
    );
end $$;

-- The running statement of a month gets the name that it has: invoices are something else from now on.
alter schema invoice_v1 rename to statement_v1;
alter table statement_v1.invoice_statements rename to statements;
alter table statement_v1.invoice_lines rename to statement_lines;
alter index statement_v1.invoice_statements_organization rename to statements_organization;
update projection_checkpoints set name = 'statement_v1' where name = 'invoice_v1';

-- No log written before this migration can hold an event of billing.
insert into projection_checkpoints (name, partition, position)
select 'billing_v1', partition, position from log_head;


-- process
-- How far what follows from events has been seen to. This is no read model: a replay leaves it alone.
create table process_checkpoints (
    name text not null,
    partition integer not null,
    position bigint not null,
    primary key (name, partition)
);
-- No log written before this migration can hold an event of which something follows.
insert into process_checkpoints (name, partition, position) select 'billing', partition, position from log_head;

-- Events of which not all that follows could be done. A person looks, and has it tried again. No read model either.
create table process_parked (
    name text not null,
    event_id uuid not null,
    partition integer not null,
    position bigint not null,
    organization_id uuid not null,
    -- Whom it concerns, if that is known.
    customer_id uuid,
    error text not null,
    parked_at timestamptz not null,
    primary key (name, event_id)
);
create index process_parked_place on process_parked (name, partition, position);


-- quota
-- Quotas of subscriptions. Columns are added and the read model keeps its version: no log written before this migration
-- can hold an event of one, so for every such log the folds of today give the very rows that the folds before gave.
-- Of a subscription's quota: when its period ends, and whose it is. What was used beside an allowance.
alter table quota_v1.quota_meters
    add column period_end timestamptz,
    add column subscription_id uuid,
    add column beside numeric not null default 0;
