-- Answers that the gateway gave to paid requests, for those who send theirs again: sealed, for a short time.
-- Not a read model: it does not follow from `events`. When it is lost, a repeated request is told so.
create table gateway_answers (
    -- The id of what paid: a hold, or an exact payment.
    answer_id uuid primary key,
    organization_id uuid not null,
    expires_at timestamptz not null,
    sealed bytea not null
);
create index gateway_answers_due on gateway_answers (expires_at);
