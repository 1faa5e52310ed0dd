-- The same append, faster where nobody else writes.
--
-- Versions are compared only when somebody else has appended since the writer last knew the end of the log
-- (`p_known_position`), and ids are looked up only when a row was refused: the unique indexes say so for
-- nothing, and the refusal is caught inside, so that the batch never fails as a whole for it. What is true
-- afterwards is the same: a stream whose version is not the expected one, or of which an event id is known,
-- is left out as a whole and named in `conflicts`.
drop function append_events;

create function append_events(
    p_partition integer,
    p_known_position bigint,
    p_event_ids uuid[],
    p_organization_ids uuid[],
    p_stream_ids text[],
    p_versions bigint[],
    p_event_types text[],
    p_schemas smallint[],
    p_occurred_at timestamptz[],
    p_actors text[],
    p_request_digests bytea[],
    p_causation_ids uuid[],
    p_correlation_ids uuid[],
    p_payloads bytea[],
    p_digests bytea[],
    p_check_streams text[],
    p_check_versions bigint[],
    p_index_kinds text[],
    p_index_keys bytea[],
    p_index_streams text[],
    p_index_organizations uuid[],
    p_watched uuid[],
    out first_position bigint,
    out appended_at timestamptz,
    out appended bigint,
    out conflicts text[]
) language plpgsql volatile
-- Cached plans must use the indexes even when the tables were empty as they were made.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    head log_head%rowtype;
    digests bytea;
    link bytea;
    refused boolean := false;
begin
    select * into head from log_head h where h.partition = p_partition for update;
    if not found then
        raise exception 'the log has no partition %', p_partition using errcode = 'no_data_found';
    end if;
    appended_at := greatest(clock_timestamp(), head.recorded_at);
    first_position := head.position + 1;
    conflicts := '{}';

    if head.position <> p_known_position then
        select coalesce(array_agg(s.stream_id), '{}') into conflicts
        from unnest(p_check_streams, p_check_versions) as s (stream_id, version)
        where s.version <> coalesce((
            select e.version from events e
            where e.stream_id = s.stream_id order by e.version desc limit 1
        ), 0);
    end if;
    if conflicts = '{}' then
        begin
            insert into events (
                position, version, occurred_at, recorded_at, event_id, organization_id, causation_id,
                correlation_id, partition, schema, stream_id, event_type, actor, request_digest, digest, payload
            )
            select
                head.position + u.ord, u.version, u.occurred_at, appended_at, u.event_id,
                u.organization_id, u.causation_id, u.correlation_id, p_partition, u.schema, u.stream_id,
                u.event_type, u.actor, u.request_digest, u.digest, u.payload
            from unnest(
                p_event_ids, p_organization_ids, p_stream_ids, p_versions, p_event_types, p_schemas, p_occurred_at,
                p_actors, p_request_digests, p_causation_ids, p_correlation_ids, p_payloads, p_digests
            ) with ordinality as u (
                event_id, organization_id, stream_id, version, event_type, schema, occurred_at,
                actor, request_digest, causation_id, correlation_id, payload, digest, ord
            );
            get diagnostics appended = row_count;
            select string_agg(u.digest, ''::bytea order by u.ord) into digests
            from unnest(p_digests) with ordinality as u (digest, ord);
        exception when unique_violation then
            refused := true;
        end;
    end if;

    if refused or conflicts <> '{}' then
        select coalesce(array_agg(c.stream_id), '{}') into conflicts from (
            select s.stream_id
            from unnest(p_check_streams, p_check_versions) as s (stream_id, version)
            where s.version <> coalesce((
                select e.version from events e
                where e.stream_id = s.stream_id order by e.version desc limit 1
            ), 0)
            union
            select u.stream_id
            from unnest(p_event_ids, p_stream_ids) as u (event_id, stream_id)
            where (select true from events e where e.event_id = u.event_id)
        ) c;
        insert into events (
            position, version, occurred_at, recorded_at, event_id, organization_id, causation_id,
            correlation_id, partition, schema, stream_id, event_type, actor, request_digest, digest, payload
        )
        select
            head.position + row_number() over (order by u.ord), u.version, u.occurred_at, appended_at, u.event_id,
            u.organization_id, u.causation_id, u.correlation_id, p_partition, u.schema, u.stream_id,
            u.event_type, u.actor, u.request_digest, u.digest, u.payload
        from unnest(
            p_event_ids, p_organization_ids, p_stream_ids, p_versions, p_event_types, p_schemas, p_occurred_at,
            p_actors, p_request_digests, p_causation_ids, p_correlation_ids, p_payloads, p_digests
        ) with ordinality as u (
            event_id, organization_id, stream_id, version, event_type, schema, occurred_at,
            actor, request_digest, causation_id, correlation_id, payload, digest, ord
        )
        where not u.stream_id = any (conflicts);
        get diagnostics appended = row_count;
        select string_agg(u.digest, ''::bytea order by u.ord) into digests
        from unnest(p_digests, p_stream_ids) with ordinality as u (digest, stream_id, ord)
        where not u.stream_id = any (conflicts);
    end if;
    if appended = 0 then
        first_position := null;
        return;
    end if;

    if p_index_kinds <> '{}' then
        insert into stream_index (kind, key, organization_id, partition, stream_id)
        select i.kind, i.key, i.organization_id, p_partition, i.stream_id
        from unnest(p_index_kinds, p_index_keys, p_index_organizations, p_index_streams)
            as i (kind, key, organization_id, stream_id)
        where not i.stream_id = any (conflicts);
    end if;

    link := sha256(
        head.chain || int8send(first_position)
        || int8send((extract(epoch from appended_at) * 1000000)::bigint) || digests
    );
    insert into log_batches (last_position, first_position, recorded_at, partition, chain)
    values (head.position + appended, first_position, appended_at, p_partition, link);
    update log_head h set position = head.position + appended, chain = link, recorded_at = appended_at
    where h.partition = p_partition;

    -- Every process forgets what it cached of these organizations: keys, price lists.
    if p_watched <> '{}' then
        perform pg_notify('tollbook_watched', w.organization_id::text)
        from (select distinct unnest(p_watched) as organization_id) w;
    end if;
end $$;
