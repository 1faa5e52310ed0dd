// Made by `npm run generate` from openapi.json. Do not edit.

export interface paths {
    "/v1/api_keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** API keys, newest first, without their secrets. */
        get: operations["list_api_keys"];
        put?: never;
        /** Make an API key. Its secret is shown once. */
        post: operations["create_api_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/api_keys/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Revoke an API key: at once, everywhere, for good. */
        post: operations["revoke_api_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/balances": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Balances of the organization's accounts, by name. */
        get: operations["list_balances"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/charges": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The charges of a customer's account or of a session key, newest first. */
        get: operations["list_charges"];
        put?: never;
        /** Charge a customer's account, or a session key: 402 when it cannot be paid. */
        post: operations["create_charge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/charges/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A charge. */
        get: operations["get_charge"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/charges/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Why a charge is what it is: who asked, what it costs, what paid for it, what it means for the journal,
         *     and, for a session key's charge, how it came to the payee as far as it has.
         */
        get: operations["explain_charge"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/charges/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make up to 1,000 charges; each succeeds or fails on its own. */
        post: operations["create_charges"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Customers, newest first; their accounts are not in this list. */
        get: operations["list_customers"];
        put?: never;
        /** Make a customer with its account. */
        post: operations["create_customer"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A customer with its account, as the log has it now. */
        get: operations["get_customer"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers/{id}/credits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a customer credits. */
        post: operations["grant_credit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers/{id}/postpaid_limit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Set how far a customer may go post-paid. A limit below what is owed stops further charges. */
        put: operations["set_postpaid_limit"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers/{id}/quotas/{meter}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Limit a meter for a customer, or allow it some of it for free. */
        put: operations["set_quota"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The organization's events, oldest first. */
        get: operations["list_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The organization's events as server-sent events: first those after `after` (or the header
         *     `Last-Event-ID`), then each as it happens; from now on when neither is given.
         */
        get: operations["stream_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exact_payments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Exact payments, newest first. */
        get: operations["list_exact_payments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exact_payments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An exact payment, as the log has it now. */
        get: operations["get_exact_payment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/exact_payments/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Why an exact payment is what it is: the request that it pays for, what its payer signed, the transaction, and what
         *     it means for the journal.
         */
        get: operations["explain_exact_payment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/gateway_keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Gateway keys, newest first, without their secrets. */
        get: operations["list_gateway_keys"];
        put?: never;
        /** Make a gateway key for a payer. Its secret is shown once. */
        post: operations["create_gateway_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/gateway_keys/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Revoke a gateway key: at once, everywhere, for good. What it has asked for before is still charged. */
        post: operations["revoke_gateway_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/gateway_keys/lookup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Who pays with the secret of a gateway key, for those who are asked without the gateway between. 404 when it opens
         *     nothing: it is unknown, another organization's, revoked or expired. Nothing is written.
         */
        post: operations["lookup_gateway_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Open holds, newest first. */
        get: operations["list_holds"];
        put?: never;
        /** Reserve what a request will cost at most: 402 when that is not there. */
        post: operations["create_hold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A hold, also one that has ended. */
        get: operations["get_hold"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/{id}/capture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Charge what it came to, and release the rest. */
        post: operations["capture_hold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/{id}/extend": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Reserve more, or for longer, or both. */
        post: operations["extend_hold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/{id}/void": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Release all of it. */
        post: operations["void_hold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/holds/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Place, capture, extend and void up to 1,000 holds; each succeeds or fails on its own, in the order of the batch. */
        post: operations["run_holds"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Statements, newest month first. */
        get: operations["list_invoices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A statement. */
        get: operations["get_invoice"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/meters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The price list, by code. */
        get: operations["list_meters"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/meters/{code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A meter. */
        get: operations["get_meter"];
        /** Add a meter to the price list, or give one a new price. Charges made before keep theirs. */
        put: operations["set_meter"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The price list of models, by name. */
        get: operations["list_models"];
        /**
         * Add models to the price list, or give them new prices; others keep theirs. Charges made before keep their prices.
         *     The body may also be LiteLLM's price file, or a part of it: an object with a member for each model, in which
         *     `input_cost_per_token`, `output_cost_per_token` and `cache_read_input_token_cost` are read exactly.
         */
        put: operations["set_models"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/models/{model}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take a model off the price list: it can be asked for no more where routes are priced by model. */
        delete: operations["remove_model"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/organization": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The organization of the API key. */
        get: operations["get_organization"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/organization/payee": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Set the address that settlements are paid to. Session keys that were drawn up before keep theirs. */
        put: operations["set_payee"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/organization/settlement_rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set when settlements are opened by themselves. Without rules of its own an organization has those of
         *     the installation: 10 USDC or a day, when the operator set nothing else.
         */
        put: operations["set_settlement_rules"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/postings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Postings, oldest first. */
        get: operations["list_postings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/quotas": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Usage against limits, newest customer first. */
        get: operations["list_quotas"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/risk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a rule engine watches, newest customer first. */
        get: operations["list_risk"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/routes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Routes, newest first. */
        get: operations["list_routes"];
        put?: never;
        /** Sell something through the gateway. */
        post: operations["create_route"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/routes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A route. */
        get: operations["get_route"];
        /** Change a route as a whole. A credential that is left out stays, `null` removes it. */
        put: operations["replace_route"];
        post?: never;
        /** Sell something no more. Its credential is forgotten; what was charged stays. */
        delete: operations["remove_route"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Session keys, by id from the last one; what is on its way to the chain and the vouchers are not in this list. */
        get: operations["list_session_keys"];
        put?: never;
        /**
         * Draw up a session key. The owner then signs one of the two typed data, and the signature goes to
         *     `POST /v1/session_keys/{id}/register`.
         */
        post: operations["create_session_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A session key, as the log has it now. */
        get: operations["get_session_key"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/{id}/deposits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Put more money into a registered session. It counts as `pending_deposits` when it is seen on chain, as
         *     `deposited` when it is final. A repeated request shows the session key as it is now.
         */
        post: operations["create_deposit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/{id}/freeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop charges for now. A freeze by the organization is lifted by the organization, the owner's by the owner.
         *     The owner's counts at once and goes to the chain (202). A repeated request shows the session key as it is now.
         */
        post: operations["freeze_session_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/{id}/register": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring a session key to the chain. It can be charged when its registration is final there, up to what is
         *     deposited for good. A repeated request shows the session key as it is now.
         */
        post: operations["register_session_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/{id}/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a session key, for good. What was earned is still claimed. By the organization: here alone. By the owner:
         *     at once here, and on chain (202). A repeated request shows the session key as it is now.
         */
        post: operations["revoke_session_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/{id}/typed_data": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is to be signed for a session key. */
        get: operations["get_typed_data"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/{id}/unfreeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let charges go on: at once when the organization's freeze was the only one; when it is final on chain for the
         *     owner's (202). A repeated request shows the session key as it is now.
         */
        post: operations["unfreeze_session_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/{id}/withdrawals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for money back, by the owner. From when it is seen on chain that much can no longer be charged; after the
         *     session's `withdraw_delay_secs` the contract pays out what was not claimed until then. A repeated request shows the session
         *     key as it is now.
         */
        post: operations["create_withdrawal"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/settlements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Settlements, newest first; their claims are counted and not listed. */
        get: operations["list_settlements"];
        put?: never;
        /**
         * Settle now: everything that was earned and not claimed goes to the payee. It is accepted at once, and
         *     abandoned later, with a reason, when there is nothing to claim.
         */
        post: operations["create_settlement"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/settlements/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A settlement with its claims, as the log has it now. */
        get: operations["get_settlement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/settlements/{id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try once more what is parked: the same claims, a new transaction. 409 in any other status. There is no body,
         *     or an empty object.
         */
        post: operations["retry_settlement"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The balances of an account. */
        AccountOut: {
            /** @description Credits and post-paid room that are not reserved: what can be charged now. */
            available: string;
            /** @description Credits left that are not reserved. */
            credits: string;
            /** @description The account's currency. */
            currency: string;
            /** @description Reserved by holds, of credits and post-paid room. */
            held: string;
            /** @description Charged and not yet paid for. */
            postpaid: string;
            /** @description How far that may go. */
            postpaid_limit: string;
        };
        /** @description An API key. */
        ApiKeyOut: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description Its id. */
            id: string;
            /** @description What you call it. */
            name: string;
            /** @description Always `api_key`. */
            object: string;
            /** @description The log's position after the command; `null` in lists. */
            position?: string | null;
            /** @description The first characters of its secret. */
            prefix: string;
            /**
             * Format: date-time
             * @description From when on it opens nothing.
             */
            revoked_at?: string | null;
            /** @description The secret, once: in the first answer to its creation. */
            secret?: string | null;
        };
        /**
         * @description An authorization that the owner signed (ERC-3009, `ReceiveWithAuthorization` of the token). Its nonce follows
         *     from the session, its key or none, the payee, `amount` and `index`: see `GET /v1/session_keys/{id}/typed_data`.
         */
        AuthorizationIn: {
            /**
             * @description How much: a decimal string in USDC, at most 6 decimals.
             * @example 25
             */
            amount: string;
            /**
             * Format: int64
             * @description Tells deposits of the same amount apart; 0 when left out.
             */
            index?: number | null;
            /**
             * @description The owner's.
             * @example 0x…
             */
            signature: string;
            /**
             * Format: int64
             * @description Good after, in unix seconds; 0 when left out.
             */
            valid_after?: number | null;
            /**
             * Format: int64
             * @description Good before, in unix seconds; the session's `valid_until` when left out.
             */
            valid_before?: number | null;
        };
        /**
         * @description On which of the two axes of time `as_of` is meant.
         * @enum {string}
         */
        Axis: "recorded" | "occurred";
        /** @description The balance of an account of the journal. */
        BalanceOut: {
            /** @description The account, for example `customer:cus_…:credits`. */
            account: string;
            /** @description `credits − debits`. All balances of a currency sum to zero. */
            balance: string;
            /** @description Everything that was credited. */
            credits: string;
            /** @description In this currency. */
            currency: string;
            /** @description Everything that was debited. */
            debits: string;
            /** @description Always `balance`. */
            object: string;
        };
        /** @description What it came to: one of `amount`, `meter` + `quantity`, and `usage`; all that is held when nothing is said. */
        CaptureHold: {
            /**
             * @description An amount as it is, at most what is held.
             * @default null
             * @example 0.75
             */
            amount?: string | null;
            /**
             * @description That of the hold when left out; another one is refused.
             * @default null
             */
            currency?: string | null;
            /**
             * @description Shown on statements; at most 200 characters, no personal data.
             * @default null
             */
            description?: string | null;
            /**
             * @description Whether the rest is released; `true` when left out. With `false` more can be captured.
             * @default true
             */
            final_capture?: boolean;
            /**
             * @description Your own labels: at most 16, no personal data.
             * @default {}
             */
            metadata?: {
                [key: string]: string;
            };
            /**
             * @description A meter of the price list.
             * @default null
             */
            meter?: string | null;
            /**
             * @description How much of the meter.
             * @default null
             */
            quantity?: string | null;
            /**
             * @description Several meters. 1 to 16.
             * @default null
             */
            usage?: components["schemas"]["UsageIn"][] | null;
        };
        /** @description A contract on a chain. */
        ChainOut: {
            /** @description The contract. */
            contract: string;
            /**
             * Format: int64
             * @description EIP-155 id of the chain.
             */
            id: number;
            /** @description The token. */
            token: string;
        };
        /** @description The hold that paid a charge, after it. */
        ChargeHoldOut: {
            /** @description Captured, this charge included. */
            captured: string;
            /**
             * Format: date-time
             * @description When what is still reserved runs out.
             */
            expires_at: string;
            /** @description Still reserved. */
            held: string;
            /** @description Its id. */
            id: string;
            /** @description Reserved until then, and given back with this charge. */
            returned: string;
            /** @description `open`, or `captured` when the charge was its last. */
            status: string;
        };
        /** @description A charge that was made. */
        ChargeOut: {
            account?: components["schemas"]["AccountOut"] | null;
            /** @description The sum of its lines. */
            amount: string;
            /** @description Which credits paid, in order. */
            credits_used: components["schemas"]["CreditUseOut"][];
            /** @description In this currency. */
            currency: string;
            /** @description Who was charged. */
            customer_id: string;
            /** @description Your words. */
            description?: string | null;
            /** @description Its event in the log. */
            event_id: string;
            hold?: components["schemas"]["ChargeHoldOut"] | null;
            /** @description Its id. */
            id: string;
            /** @description What for. */
            lines: components["schemas"]["LineOut"][];
            /** @description Your labels. */
            metadata: {
                [key: string]: string;
            };
            /** @description Always `charge`. */
            object: string;
            /**
             * Format: date-time
             * @description When it happened.
             */
            occurred_at: string;
            /** @description What paid. */
            paid: components["schemas"]["PaidOut"];
            /** @description Its event's place in the log. */
            position: string;
            session?: components["schemas"]["SessionBalancesOut"] | null;
            /** @description The session key that paid; `null` when the account did. */
            session_key_id?: string | null;
        };
        /** @description What became of several charges. */
        ChargesOut: {
            /** @description One for each, in order: `{"status": 201, "charge": {…}}` or `{"status": 402, "error": {…}}`. */
            data: components["schemas"]["ItemOut"][];
            /** @description Always `batch`. */
            object: string;
            /** @description The last position in the log of those that were made; `null` when none was. */
            position?: string | null;
        };
        /** @description What a settlement claims of one session. */
        ClaimOut: {
            /** @description What the claim adds. */
            amount: string;
            /**
             * Format: int64
             * @description How many charges it pays for.
             */
            charges: number;
            /** @description Of this customer. */
            customer_id: string;
            /** @description The place in the log of the first of them. */
            first_position: string;
            /** @description The place in the log of the last of them. */
            last_position: string;
            /** @description `pending` until the settlement is final, then `settled` or `skipped`. */
            outcome: string;
            /** @description What the contract calls the session. */
            session_id: string;
            /** @description Of this session key. */
            session_key_id: string;
            /** @description Why the contract skipped it. */
            skip_reason?: string | null;
            /** @description Cumulative, after it. */
            total_claimed: string;
        };
        /** @description The header with which the gateway shows itself to the upstream. */
        CredentialIn: {
            /** @description Its name; `authorization` when left out. */
            header?: string | null;
            /**
             * @description Its whole value. It is kept encrypted, and never shown again.
             * @example Bearer sk-…
             */
            value: string;
        };
        /** @description The header with which an upstream is asked. */
        CredentialOut: {
            /** @description Its name. */
            header: string;
            /** @description Always `true`: its value is kept, and not shown. */
            set: boolean;
        };
        /** @description A grant of credits. */
        CreditGrantOut: {
            /** @description The account after it. */
            account: components["schemas"]["AccountOut"];
            /** @description How much was given. */
            amount: string;
            /**
             * Format: date-time
             * @description When it was given.
             */
            created_at: string;
            /** @description In this currency. */
            currency: string;
            /** @description Whose. */
            customer_id: string;
            /**
             * Format: date-time
             * @description When what is left is lost.
             */
            expires_at?: string | null;
            /** @description Its id. */
            id: string;
            /** @description Always `credit_grant`. */
            object: string;
            /** @description The log's position after the command. */
            position: string;
            /**
             * Format: int32
             * @description Lower is spent first.
             */
            priority: number;
        };
        /** @description Credits in sum: `granted = remaining + held + expired + spent`. */
        CreditsOut: {
            /** @description What was lost of them. */
            expired: string;
            /** @description All that were ever given. */
            granted: string;
            /** @description What holds reserve of them. */
            held: string;
            /** @description What is left of them and not reserved. */
            remaining: string;
        };
        /** @description What one grant paid. */
        CreditUseOut: {
            /** @description How much. */
            amount: string;
            /** @description The grant. */
            grant_id: string;
        };
        /**
         * @description Who holds the key that signs vouchers.
         * @enum {string}
         */
        CustodyIn: "managed" | "self";
        /** @description A customer. */
        CustomerOut: {
            account?: components["schemas"]["AccountOut"] | null;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description The currency of its account. */
            currency: string;
            /** @description Its e-mail address. */
            email?: string | null;
            /** @description Your own name for it. */
            external_id?: string | null;
            /** @description Its id. */
            id: string;
            /** @description Its name. */
            name?: string | null;
            /** @description Always `customer`. */
            object: string;
            /** @description The log's position after the command; `null` in lists. */
            position?: string | null;
        };
        /** @description An event of the log. */
        EventOut: {
            /** @description Who asked for it. */
            actor: string;
            /** @description The kind of aggregate. */
            category: string;
            /** @description The event or command that caused it. */
            causation_id: string;
            /** @description Common to all that one request set off. */
            correlation_id: string;
            /** @description Its id. */
            event_id: string;
            /** @description Always `event`. */
            object: string;
            /**
             * Format: date-time
             * @description When it happened.
             */
            occurred_at: string;
            /** @description The tenant. */
            organization_id: string;
            /** @description What happened, in full. */
            payload: unknown;
            /** @description Its place in the log. */
            position: string;
            /**
             * Format: date-time
             * @description When the log took it.
             */
            recorded_at: string;
            /**
             * Format: int32
             * @description Version of the payload's shape.
             */
            schema: number;
            /** @description Its aggregate's stream, for example `account:cus_…`. */
            stream_id: string;
            /** @description What happened, in the past tense. */
            type: string;
            /**
             * Format: int64
             * @description Its place in the stream, from 1.
             */
            version: number;
        };
        /** @description Why an exact payment is what it is. */
        ExactExplanationOut: {
            /** @description How much. */
            amount: string;
            /** @description In this currency. */
            currency: string;
            /** @description Of this payment. */
            exact_payment_id: string;
            /** @description Always `explanation`. */
            object: string;
            /** @description Whether the money has come for good. */
            settled: boolean;
            /** @description The chain of causes, in order. */
            steps: components["schemas"]["StepOut"][];
        };
        /** @description One transfer that its payer signed, for one request (x402's scheme `exact`). */
        ExactPaymentOut: {
            /**
             * Format: date-time
             * @description When it was accepted, for the last time.
             */
            accepted_at: string;
            /** @description How much. */
            amount: string;
            /** @description Where it happens. */
            chain: components["schemas"]["TokenOut"];
            /** @description In this currency. */
            currency: string;
            /**
             * Format: date-time
             * @description When the answer went out; `null` until then.
             */
            delivered_at?: string | null;
            /** @description Why it failed; `null` when it has not. */
            failure?: string | null;
            /**
             * Format: date-time
             * @description When that was final.
             */
            finalized_at?: string | null;
            /** @description Its id. */
            id: string;
            /** @description Good for once. */
            nonce: string;
            /** @description Always `exact_payment`. */
            object: string;
            /** @description Who is paid. */
            payee: string;
            /** @description Who pays. */
            payer: string;
            /** @description The place in the log of the last event that is shown here. */
            position: string;
            /** @description SHA-256 of the request that it pays for. */
            request_digest: string;
            /** @description For a request of this route; `null` when it came through the facilitator. */
            route_id?: string | null;
            /**
             * Format: date-time
             * @description When it was settled.
             */
            settled_at?: string | null;
            /**
             * @description `accepted` while its request is under way, `released` when that came to nothing, `settling`, `settled` (in a
             *     block), `final` (for good), or `failed`.
             */
            status: string;
            transaction?: components["schemas"]["TransferOut"] | null;
            /**
             * Format: int64
             * @description Unix seconds; the transfer is good after
             */
            valid_after: number;
            /**
             * Format: int64
             * @description and before.
             */
            valid_before: number;
        };
        /** @description Why a charge is what it is. */
        ExplanationOut: {
            /** @description How much. */
            amount: string;
            /** @description Of this charge. */
            charge_id: string;
            /** @description In this currency. */
            currency: string;
            /** @description Who was charged. */
            customer_id: string;
            /** @description Always `explanation`. */
            object: string;
            /** @description With this session key; `null` when an account paid. */
            session_key_id?: string | null;
            /** @description Whether the chain has paid it out for good; `null` when an account paid. */
            settled?: boolean | null;
            /** @description The chain of causes, in order. */
            steps: components["schemas"]["StepOut"][];
        };
        /** @description What is to be reserved on top (one of `amount`, `meter` + `quantity`, and `usage`), how long from now, or both. */
        ExtendHold: {
            /**
             * @description An amount as it is, on top of what is held.
             * @default null
             */
            amount?: string | null;
            /**
             * @description That of the hold when left out; another one is refused.
             * @default null
             */
            currency?: string | null;
            /**
             * @description A meter of the price list.
             * @default null
             */
            meter?: string | null;
            /**
             * @description How much more of the meter.
             * @default null
             */
            quantity?: string | null;
            /**
             * Format: int32
             * @description How long it stands, from now; the deadline stays when left out.
             * @default null
             */
            ttl_secs?: number | null;
            /**
             * @description Several meters. 1 to 16.
             * @default null
             */
            usage?: components["schemas"]["UsageIn"][] | null;
        };
        /** @description An attempt that came to nothing. */
        FailureOut: {
            /**
             * Format: int32
             * @description Which, from 1.
             */
            attempt: number;
            /** @description Why. */
            reason: string;
            /**
             * Format: date-time
             * @description Not before this the next one.
             */
            retry_at: string;
        };
        /** @description A gateway key. */
        GatewayKeyOut: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description The customer whose account pays; `null` when a session key does. */
            customer_id?: string | null;
            /**
             * Format: date-time
             * @description From when on it opens nothing; `null` never.
             */
            expires_at?: string | null;
            /** @description Its id. */
            id: string;
            /** @description What you call it. */
            name: string;
            /** @description Always `gateway_key`. */
            object: string;
            /** @description The log's position after the command; `null` in lists. */
            position?: string | null;
            /** @description The first characters of its secret. */
            prefix: string;
            rate?: components["schemas"]["RateOut"] | null;
            /**
             * Format: date-time
             * @description When it was revoked.
             */
            revoked_at?: string | null;
            /** @description The secret, once: in the first answer to its creation. */
            secret?: string | null;
            /** @description The session key that pays; `null` when an account does. */
            session_key_id?: string | null;
        };
        /** @description Who pays with a secret. */
        GatewayKeyPayerOut: {
            /** @description The customer whose account pays; `null` when a session key does. */
            customer_id?: string | null;
            /**
             * Format: date-time
             * @description From when on it opens nothing; `null` never.
             */
            expires_at?: string | null;
            /** @description The id of the gateway key. */
            id: string;
            /** @description Always `gateway_key`. */
            object: string;
            rate?: components["schemas"]["RateOut"] | null;
            /** @description The session key that pays; `null` when an account does. */
            session_key_id?: string | null;
        };
        /** @description A secret that somebody showed. */
        GatewaySecretIn: {
            /** @description All of it, with `tbk_`. */
            secret: string;
        };
        /** @description EIP-712 typed data for `eth_signTypedData_v4`. */
        GrantDataOut: {
            /** @description Registers the session, without money. */
            grant: Record<string, never>;
            /**
             * @description Registers it and puts `limit` into escrow: an ERC-3009 authorization of the token. `null` when the
             *     chain's token is not known here.
             */
            open?: Record<string, never> | null;
        };
        /** @description Several commands about holds. */
        HoldOperations: {
            /**
             * @description 1 to 1,000. Each has an `action` (`place`, `capture`, `extend` or `void`), the `hold_id` unless it places
             *     one, the fields of that request, and an `idempotency_key` of its own (the batch's key and the index when
             *     left out).
             */
            operations: Record<string, never>[];
        };
        /** @description What became of several commands. */
        HoldOperationsOut: {
            /**
             * @description One for each, in order: `{"status": 201, "hold": {…}}`, `{"status": 201, "charge": {…}}` or
             *     `{"status": 402, "error": {…}}`.
             */
            data: components["schemas"]["ItemOut"][];
            /** @description Always `batch`. */
            object: string;
            /** @description The last position in the log of those that were carried out; `null` when none was. */
            position?: string | null;
        };
        /** @description A hold after a command. */
        HoldOut: {
            account?: components["schemas"]["AccountOut"] | null;
            /** @description Captured so far. */
            captured: string;
            /** @description In this currency. */
            currency: string;
            /** @description Whose money it reserves. */
            customer_id: string;
            /** @description Your words. */
            description?: string | null;
            /** @description The command's event in the log. */
            event_id: string;
            /**
             * Format: date-time
             * @description When it runs out.
             */
            expires_at: string;
            /** @description Reserved now. */
            held: string;
            /** @description Its id. */
            id: string;
            /** @description What it was placed for, or extended by. */
            lines: components["schemas"]["LineOut"][];
            /** @description Your labels. */
            metadata: {
                [key: string]: string;
            };
            /** @description Always `hold`. */
            object: string;
            /**
             * Format: date-time
             * @description When that happened.
             */
            occurred_at: string;
            /**
             * Format: date-time
             * @description When it was placed: what it captures counts in the periods of this moment.
             */
            placed_at: string;
            /** @description Its place in the log. */
            position: string;
            session?: components["schemas"]["SessionBalancesOut"] | null;
            /** @description The session key that pays; `null` when the account does. */
            session_key_id?: string | null;
            /** @description `open` or `voided`. */
            status: string;
        };
        /** @description A hold as it stands. */
        HoldStateOut: {
            /** @description Reserved at first and by extensions. */
            amount: string;
            /** @description Captured. */
            captured: string;
            /** @description In this currency. */
            currency: string;
            /** @description Whose money it reserves. */
            customer_id: string;
            /**
             * Format: date-time
             * @description When it ended; `null` while it is open.
             */
            ended_at?: string | null;
            /**
             * Format: date-time
             * @description When it runs out.
             */
            expires_at: string;
            /** @description Reserved now. */
            held: string;
            /** @description Its id. */
            id: string;
            /** @description Always `hold`. */
            object: string;
            /**
             * Format: date-time
             * @description When it was placed.
             */
            placed_at: string;
            /** @description Its first event's place in the log. */
            position: string;
            /** @description The session key that pays; `null` when the account does. */
            session_key_id?: string | null;
            /** @description `open`, `captured`, `voided` or `expired`. One whose time is over is open until that is written down. */
            status: string;
        };
        /**
         * @description A line of a statement. The events behind it: `GET /v1/events?customer_id=…&type=charged` and `type=captured`,
         *     between its first and its last position.
         */
        InvoiceLineOut: {
            /** @description What it costs, exact. */
            amount: string;
            /**
             * Format: int64
             * @description How many charges.
             */
            charges: number;
            /** @description The place in the log of the first of them. */
            first_position: string;
            /** @description How much of that an allowance covered. */
            included_quantity: string;
            /** @description The place in the log of the last of them. */
            last_position: string;
            /** @description The meter; `null` for flat amounts. */
            meter?: string | null;
            /** @description How much of it. */
            quantity?: string | null;
            /** @description The price of one unit. */
            unit_price?: string | null;
        };
        /** @description The running statement of a customer's month. */
        InvoiceOut: {
            /**
             * Format: int64
             * @description How many charges.
             */
            charges: number;
            /** @description In this currency. */
            currency: string;
            /** @description Whose. */
            customer_id: string;
            /** @description Its id. */
            id: string;
            /** @description A line for each meter and price. */
            lines: components["schemas"]["InvoiceLineOut"][];
            /** @description `YYYY-MM`, calendar months in UTC. */
            month: string;
            /** @description Always `invoice`. */
            object: string;
            /** @description Always `running`: nothing is closed yet. */
            status: string;
            /** @description The sum of its lines, exact. */
            total: string;
        };
        /** @description What became of one item of a batch: a charge, a hold, or an error. */
        ItemOut: {
            charge?: components["schemas"]["ChargeOut"] | null;
            /** @description The problem as it would be told alone. */
            error?: Record<string, never> | null;
            hold?: components["schemas"]["HoldOut"] | null;
            /** @description Whether it had been done before, with the same key; only where it was done. */
            replayed?: boolean | null;
            /**
             * Format: int32
             * @description The status that it would have had alone.
             */
            status: number;
        };
        /** @description One thing that was charged for; a flat amount has no meter. */
        LineOut: {
            /** @description (quantity − included) × unit price, exact. */
            amount: string;
            /** @description How much of that an allowance covered. */
            included_quantity?: string | null;
            /** @description The meter. */
            meter?: string | null;
            /** @description How much of it. */
            quantity?: string | null;
            /** @description The price of one unit. */
            unit_price?: string | null;
        };
        /** @description Where a listed session's money lies. */
        ListedChainOut: {
            /** @description The contract. */
            contract: string;
            /**
             * Format: int64
             * @description EIP-155 id of the chain.
             */
            id: number;
            /** @description As people call it; `null` for one that is not known here. */
            name?: string | null;
        };
        /** @description The end of the log at some time. */
        LogHeadOut: {
            /** @description The last link of its hash chain. */
            chain: string;
            /** @description Its last position. */
            position: string;
        };
        /** @description The price of a meter. */
        MeterIn: {
            /** @description The organization's default currency when left out. */
            currency?: string | null;
            /** @description What one unit is called, for example `token`; 1 to 40 characters. */
            unit: string;
            /**
             * @description The price of one unit: a decimal string, zero or more, at most 12 decimals.
             * @example 0.000003
             */
            unit_price: string;
        };
        /** @description A meter. */
        MeterOut: {
            /** @description Its code. */
            code: string;
            /** @description In this currency. */
            currency: string;
            /** @description Always `meter`. */
            object: string;
            /** @description The log's position after the command; `null` in lists. */
            position?: string | null;
            /** @description What one unit is called. */
            unit: string;
            /** @description The price of one unit. */
            unit_price: string;
            /**
             * Format: date-time
             * @description Since when it has this one.
             */
            updated_at: string;
            /**
             * Format: int32
             * @description 1, 2, 3… for each price it had.
             */
            version: number;
        };
        /** @description A meter that was used, or has a quota. */
        MeterUsageOut: {
            /** @description Reserved by holds in it. */
            held?: string | null;
            /** @description Whether usage within it is free. */
            included?: boolean | null;
            /** @description What the quota allows in a period; `null` without one. */
            limit?: string | null;
            /** @description Its code. */
            meter: string;
            /** @description What happens beyond it. */
            overage?: string | null;
            /** @description The quota's period. */
            period?: string | null;
            /**
             * Format: date-time
             * @description When it began.
             */
            period_start?: string | null;
            /** @description Left in it: neither used nor reserved. */
            remaining?: string | null;
            /**
             * Format: date-time
             * @description When the next begins.
             */
            resets_at?: string | null;
            /** @description Used in the period that is running now. */
            used?: string | null;
            /** @description Used ever. */
            used_total: string;
        };
        /**
         * @description A method of HTTP.
         * @enum {string}
         */
        MethodIn: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
        /** @description The price of a model for a million tokens of each kind: decimal strings, zero or more, at most 6 decimals. */
        ModelIn: {
            /**
             * @description What it reads and remembered; as what it reads when left out.
             * @example 0.075
             */
            cached_input_per_million?: string | null;
            /**
             * @description What it reads.
             * @example 0.15
             */
            input_per_million: string;
            /**
             * @description Its name, as its upstream has it: 1 to 128 visible ASCII characters.
             * @example gpt-4o-mini
             */
            model: string;
            /**
             * @description What it writes.
             * @example 0.60
             */
            output_per_million: string;
        };
        /** @description A model on the price list. */
        ModelOut: {
            /** @description A million that it reads and remembered. */
            cached_input_per_million: string;
            /** @description What its meters begin with: `<code>.input`, `<code>.cached_input`, `<code>.output`. */
            code: string;
            /** @description A million tokens that it reads. */
            input_per_million: string;
            /** @description Its name. */
            model: string;
            /** @description Always `model`. */
            object: string;
            /** @description A million that it writes. */
            output_per_million: string;
            /**
             * Format: date-time
             * @description Since when it has this one.
             */
            updated_at: string;
            /**
             * Format: int32
             * @description The version of the price list with which this price came.
             */
            version: number;
        };
        /** @description A model that is on the price list no more. */
        ModelRemovedOut: {
            /** @description Always `true`. */
            deleted: boolean;
            /** @description Its name. */
            model: string;
            /** @description Always `model`. */
            object: string;
            /** @description The log's position after the command. */
            position: string;
        };
        /** @description Prices of models. */
        ModelsIn: {
            /** @description 1 to 500 of them. Models that are not named keep their prices. */
            models: components["schemas"]["ModelIn"][];
        };
        /** @description What became of prices that were given. */
        ModelsOut: {
            /** @description Those that are new or have another price now, by name; the others had the price that was given. */
            data: components["schemas"]["ModelOut"][];
            /** @description Always `models`. */
            object: string;
            /** @description The log's position after the command. */
            position: string;
            /** @description Models of a LiteLLM file that have no price per token. */
            skipped: string[];
        };
        /** @description A new API key. */
        NewApiKey: {
            /** @description What you call it; 1 to 100 characters. */
            name?: string | null;
        };
        /**
         * @description A charge: who pays is one of `customer_id` and `session_key_id`, what for is one of `amount`,
         *     `meter` + `quantity`, and `usage`.
         */
        NewBatchCharge: {
            /**
             * @description An amount as it is: a decimal string, more than zero, at most 12 decimals.
             * @example 1.50
             */
            amount?: string | null;
            /** @description That of whoever pays when left out; another one is refused. */
            currency?: string | null;
            /**
             * @description Whose account pays.
             * @example cus_01kaj3v1q8f5x7m2n9c4b6d8e0
             */
            customer_id?: string | null;
            /** @description Shown on statements; at most 200 characters, no personal data. */
            description?: string | null;
            /** @description Makes this charge safe to repeat; the batch's key and the index when left out. */
            idempotency_key?: string | null;
            /** @description Your own labels: at most 16, no personal data. */
            metadata?: {
                [key: string]: string;
            };
            /** @description A meter of the price list. */
            meter?: string | null;
            /** @description How much of the meter: a decimal string, more than zero, at most 6 decimals. */
            quantity?: string | null;
            /** @description Which session key pays. */
            session_key_id?: string | null;
            /** @description Several meters in one charge; it is paid wholly or not at all. 1 to 16. */
            usage?: components["schemas"]["UsageIn"][] | null;
            voucher?: components["schemas"]["VoucherIn"] | null;
        };
        /**
         * @description A charge: who pays is one of `customer_id` and `session_key_id`, what for is one of `amount`,
         *     `meter` + `quantity`, and `usage`.
         */
        NewCharge: {
            /**
             * @description An amount as it is: a decimal string, more than zero, at most 12 decimals.
             * @example 1.50
             */
            amount?: string | null;
            /** @description That of whoever pays when left out; another one is refused. */
            currency?: string | null;
            /**
             * @description Whose account pays.
             * @example cus_01kaj3v1q8f5x7m2n9c4b6d8e0
             */
            customer_id?: string | null;
            /** @description Shown on statements; at most 200 characters, no personal data. */
            description?: string | null;
            /** @description Your own labels: at most 16, no personal data. */
            metadata?: {
                [key: string]: string;
            };
            /** @description A meter of the price list. */
            meter?: string | null;
            /** @description How much of the meter: a decimal string, more than zero, at most 6 decimals. */
            quantity?: string | null;
            /** @description Which session key pays. */
            session_key_id?: string | null;
            /** @description Several meters in one charge; it is paid wholly or not at all. 1 to 16. */
            usage?: components["schemas"]["UsageIn"][] | null;
            voucher?: components["schemas"]["VoucherIn"] | null;
        };
        /** @description Several charges. */
        NewCharges: {
            /** @description 1 to 1,000 charges, each as for `POST /v1/charges`, with an `idempotency_key` of its own. */
            charges: components["schemas"]["NewBatchCharge"][];
        };
        /** @description Credits to give. */
        NewCredit: {
            /**
             * @description How much: a decimal string, more than zero, at most 12 decimals.
             * @example 50
             */
            amount: string;
            /** @description The account's currency when left out; another one is refused. */
            currency?: string | null;
            /**
             * Format: date-time
             * @description When what is left is lost; never when left out.
             */
            expires_at?: string | null;
            /**
             * Format: int32
             * @description Lower is spent first; then what expires first; then what was given first.
             * @default 100
             */
            priority?: number | null;
        };
        /** @description A new customer. */
        NewCustomer: {
            /**
             * @description The currency of its account, for ever; the organization's default when left out.
             * @example USD
             */
            currency?: string | null;
            /** @description Its e-mail address; kept encrypted, outside the log. */
            email?: string | null;
            /**
             * @description Your own name for it, for example its id in your system. Not unique, and must not be
             *     personal data: it stays in the log for ever.
             */
            external_id?: string | null;
            /** @description Its name; kept encrypted, outside the log. */
            name?: string | null;
            /** @description How far the account may go post-paid; "0" when left out. */
            postpaid_limit?: string | null;
        };
        /** @description A deposit. */
        NewDeposit: {
            /** @description Of the typed data `deposit`. */
            authorization: components["schemas"]["AuthorizationIn"];
        };
        /** @description A new gateway key. Say who pays: `customer_id` or `session_key_id`. */
        NewGatewayKey: {
            /** @description The customer whose account pays. */
            customer_id?: string | null;
            /**
             * Format: date-time
             * @description From when on it opens nothing; never when left out.
             */
            expires_at?: string | null;
            /** @description What you call it; 1 to 100 characters. */
            name?: string | null;
            rate?: components["schemas"]["RateIn"] | null;
            /** @description The session key that pays. It must be managed: of another one Tollbook has no key. */
            session_key_id?: string | null;
        };
        /**
         * @description A hold: who pays is one of `customer_id` and `session_key_id`, what for at most is one of `amount`,
         *     `meter` + `quantity`, and `usage`.
         */
        NewHold: {
            /**
             * @description An amount as it is: a decimal string, more than zero, at most 12 decimals.
             * @default null
             * @example 1.50
             */
            amount?: string | null;
            /**
             * @description That of whoever pays when left out; another one is refused.
             * @default null
             */
            currency?: string | null;
            /**
             * @description Whose account pays.
             * @default null
             * @example cus_01kaj3v1q8f5x7m2n9c4b6d8e0
             */
            customer_id?: string | null;
            /**
             * @description At most 200 characters, no personal data.
             * @default null
             */
            description?: string | null;
            /**
             * @description Your own labels: at most 16, no personal data.
             * @default {}
             */
            metadata?: {
                [key: string]: string;
            };
            /**
             * @description A meter of the price list.
             * @default null
             */
            meter?: string | null;
            /**
             * @description How much of the meter at most.
             * @default null
             */
            quantity?: string | null;
            /**
             * @description Which session key pays.
             * @default null
             */
            session_key_id?: string | null;
            /**
             * Format: int32
             * @description How long it stands, from now: 1 to 604,800 seconds (a week); 600 when left out.
             * @default null
             * @example 600
             */
            ttl_secs?: number | null;
            /**
             * @description Several meters. 1 to 16.
             * @default null
             */
            usage?: components["schemas"]["UsageIn"][] | null;
        };
        /** @description A route as it is to be. All of it: what is left out is as in a new one. */
        NewRoute: {
            /** @description How it may be paid for; in all ways that make sense when left out. */
            accepts?: components["schemas"]["SchemeIn"][];
            credential?: components["schemas"]["CredentialIn"] | null;
            /** @description Shown to whoever is asked to pay; 1 to 200 characters. */
            description?: string | null;
            /** @description What is understood of the requests; `http` when left out. */
            kind?: components["schemas"]["RouteKindIn"];
            /** @description How much of everything. */
            limits?: components["schemas"]["RouteLimitsIn"];
            /** @description Which methods; all when left out. */
            methods?: components["schemas"]["MethodIn"][];
            /**
             * @description What the answers are, shown likewise; 1 to 100 characters.
             * @example application/json
             */
            mime_type?: string | null;
            /**
             * @description Which paths: segments are literal, or `{name}` for any one; the last may be `*` for all that follows. At most
             *     200 characters.
             * @example /v1/*
             */
            path: string;
            /** @description What it costs; free when left out. */
            price?: components["schemas"]["RoutePriceIn"];
            /** @description Whether what stands before `*` is left out of the path that the upstream gets. */
            strip_prefix?: boolean;
            /**
             * @description Where they lead to: an http or https URL without user, query and fragment; at most 500 characters.
             * @example https://api.example.com
             */
            upstream: string;
        };
        /** @description A new session key. */
        NewSessionKey: {
            /** @description Who holds the key. */
            custody: components["schemas"]["CustodyIn"];
            /**
             * @description Who pays with it. Its account must be in USDC.
             * @example cus_01kaj3v1q8f5x7m2n9c4b6d8e0
             */
            customer_id: string;
            /** @description The address of the client's key: required for `self`, refused for `managed`. */
            key?: string | null;
            /**
             * @description The most that may lie in escrow: a decimal string in USDC, at most 6 decimals.
             * @example 100
             */
            limit: string;
            /**
             * @description The wallet whose money it is, and who signs the grant.
             * @example 0x70997970c51812dc3a010c7d01b50e0d17dc79c8
             */
            owner: string;
            /** @description The most that may be charged in a period; needs `period_secs`. */
            period_limit?: string | null;
            /**
             * Format: int32
             * @description Length of a period, counted from `valid_after`; needs `period_limit`.
             */
            period_secs?: number | null;
            /**
             * Format: int32
             * @description How long what was earned stays claimable after the end: 900 to 2592000; a day when left out.
             */
            settle_grace_secs?: number | null;
            /**
             * Format: date-time
             * @description Usable from here, in whole seconds; from now when left out.
             */
            valid_after?: string | null;
            /**
             * Format: date-time
             * @description Usable until before here, in whole seconds; at most five years from now.
             */
            valid_until: string;
            /**
             * Format: int32
             * @description How long a withdrawal takes at least, up to 2592000; a day when left out (15 minutes on a local chain).
             */
            withdraw_delay_secs?: number | null;
        };
        /** @description Settle now. */
        NewSettlement: {
            /**
             * @description USDC, the one token there is.
             * @example USDC
             */
            currency?: string | null;
            /**
             * @description Who is to be paid: the organization's payee when left out. Session keys that were drawn up for
             *     an earlier payee are settled by naming it.
             * @example 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266
             */
            payee?: string | null;
        };
        /** @description A withdrawal. */
        NewWithdrawal: {
            /** @description How much: a decimal string in USDC, at most 6 decimals; all there is when left out. */
            amount?: string | null;
            /** @description The owner's signature of this amount. */
            owner_signature: components["schemas"]["OwnerSignatureIn"];
        };
        /** @description An organization. */
        OrganizationOut: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description The currency of customers and meters that name none. */
            default_currency: string;
            /** @description Its id. */
            id: string;
            /** @description Its name. */
            name: string;
            /** @description Always `organization`. */
            object: string;
            /**
             * Format: int32
             * @description The partition of the log it lives in.
             */
            partition: number;
            /** @description The address that settlements are paid to; `null` until it was set. */
            payee?: string | null;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            settlement_rules?: components["schemas"]["OwnRulesOut"] | null;
        };
        /**
         * @description What happens to usage beyond a quota.
         * @enum {string}
         */
        OverageIn: "block" | "charge";
        /** @description What the owner signed (EIP-712, see `GET /v1/session_keys/{id}/typed_data`). */
        OwnerSignatureIn: {
            /**
             * Format: int64
             * @description The deadline that was signed, in unix seconds.
             */
            deadline: number;
            /**
             * Format: int64
             * @description The session's nonce that was signed.
             */
            nonce: number;
            /**
             * @description The owner's.
             * @example 0x…
             */
            signature: string;
        };
        /** @description When settlements are opened by themselves. */
        OwnRulesOut: {
            /**
             * Format: int32
             * @description When something is unsettled for so many seconds.
             */
            age_secs: number;
            /** @description When this much USDC is unsettled. */
            threshold: string;
        };
        /** @description A page of a list. */
        Page_ApiKeyOut: {
            /** @description The entries. */
            data: {
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description Its id. */
                id: string;
                /** @description What you call it. */
                name: string;
                /** @description Always `api_key`. */
                object: string;
                /** @description The log's position after the command; `null` in lists. */
                position?: string | null;
                /** @description The first characters of its secret. */
                prefix: string;
                /**
                 * Format: date-time
                 * @description From when on it opens nothing.
                 */
                revoked_at?: string | null;
                /** @description The secret, once: in the first answer to its creation. */
                secret?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_BalanceOut: {
            /** @description The entries. */
            data: {
                /** @description The account, for example `customer:cus_…:credits`. */
                account: string;
                /** @description `credits − debits`. All balances of a currency sum to zero. */
                balance: string;
                /** @description Everything that was credited. */
                credits: string;
                /** @description In this currency. */
                currency: string;
                /** @description Everything that was debited. */
                debits: string;
                /** @description Always `balance`. */
                object: string;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_ChargeOut: {
            /** @description The entries. */
            data: {
                account?: components["schemas"]["AccountOut"] | null;
                /** @description The sum of its lines. */
                amount: string;
                /** @description Which credits paid, in order. */
                credits_used: components["schemas"]["CreditUseOut"][];
                /** @description In this currency. */
                currency: string;
                /** @description Who was charged. */
                customer_id: string;
                /** @description Your words. */
                description?: string | null;
                /** @description Its event in the log. */
                event_id: string;
                hold?: components["schemas"]["ChargeHoldOut"] | null;
                /** @description Its id. */
                id: string;
                /** @description What for. */
                lines: components["schemas"]["LineOut"][];
                /** @description Your labels. */
                metadata: {
                    [key: string]: string;
                };
                /** @description Always `charge`. */
                object: string;
                /**
                 * Format: date-time
                 * @description When it happened.
                 */
                occurred_at: string;
                /** @description What paid. */
                paid: components["schemas"]["PaidOut"];
                /** @description Its event's place in the log. */
                position: string;
                session?: components["schemas"]["SessionBalancesOut"] | null;
                /** @description The session key that paid; `null` when the account did. */
                session_key_id?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_CustomerOut: {
            /** @description The entries. */
            data: {
                account?: components["schemas"]["AccountOut"] | null;
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description The currency of its account. */
                currency: string;
                /** @description Its e-mail address. */
                email?: string | null;
                /** @description Your own name for it. */
                external_id?: string | null;
                /** @description Its id. */
                id: string;
                /** @description Its name. */
                name?: string | null;
                /** @description Always `customer`. */
                object: string;
                /** @description The log's position after the command; `null` in lists. */
                position?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_EventOut: {
            /** @description The entries. */
            data: {
                /** @description Who asked for it. */
                actor: string;
                /** @description The kind of aggregate. */
                category: string;
                /** @description The event or command that caused it. */
                causation_id: string;
                /** @description Common to all that one request set off. */
                correlation_id: string;
                /** @description Its id. */
                event_id: string;
                /** @description Always `event`. */
                object: string;
                /**
                 * Format: date-time
                 * @description When it happened.
                 */
                occurred_at: string;
                /** @description The tenant. */
                organization_id: string;
                /** @description What happened, in full. */
                payload: unknown;
                /** @description Its place in the log. */
                position: string;
                /**
                 * Format: date-time
                 * @description When the log took it.
                 */
                recorded_at: string;
                /**
                 * Format: int32
                 * @description Version of the payload's shape.
                 */
                schema: number;
                /** @description Its aggregate's stream, for example `account:cus_…`. */
                stream_id: string;
                /** @description What happened, in the past tense. */
                type: string;
                /**
                 * Format: int64
                 * @description Its place in the stream, from 1.
                 */
                version: number;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_ExactPaymentOut: {
            /** @description The entries. */
            data: {
                /**
                 * Format: date-time
                 * @description When it was accepted, for the last time.
                 */
                accepted_at: string;
                /** @description How much. */
                amount: string;
                /** @description Where it happens. */
                chain: components["schemas"]["TokenOut"];
                /** @description In this currency. */
                currency: string;
                /**
                 * Format: date-time
                 * @description When the answer went out; `null` until then.
                 */
                delivered_at?: string | null;
                /** @description Why it failed; `null` when it has not. */
                failure?: string | null;
                /**
                 * Format: date-time
                 * @description When that was final.
                 */
                finalized_at?: string | null;
                /** @description Its id. */
                id: string;
                /** @description Good for once. */
                nonce: string;
                /** @description Always `exact_payment`. */
                object: string;
                /** @description Who is paid. */
                payee: string;
                /** @description Who pays. */
                payer: string;
                /** @description The place in the log of the last event that is shown here. */
                position: string;
                /** @description SHA-256 of the request that it pays for. */
                request_digest: string;
                /** @description For a request of this route; `null` when it came through the facilitator. */
                route_id?: string | null;
                /**
                 * Format: date-time
                 * @description When it was settled.
                 */
                settled_at?: string | null;
                /**
                 * @description `accepted` while its request is under way, `released` when that came to nothing, `settling`, `settled` (in a
                 *     block), `final` (for good), or `failed`.
                 */
                status: string;
                transaction?: components["schemas"]["TransferOut"] | null;
                /**
                 * Format: int64
                 * @description Unix seconds; the transfer is good after
                 */
                valid_after: number;
                /**
                 * Format: int64
                 * @description and before.
                 */
                valid_before: number;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_GatewayKeyOut: {
            /** @description The entries. */
            data: {
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description The customer whose account pays; `null` when a session key does. */
                customer_id?: string | null;
                /**
                 * Format: date-time
                 * @description From when on it opens nothing; `null` never.
                 */
                expires_at?: string | null;
                /** @description Its id. */
                id: string;
                /** @description What you call it. */
                name: string;
                /** @description Always `gateway_key`. */
                object: string;
                /** @description The log's position after the command; `null` in lists. */
                position?: string | null;
                /** @description The first characters of its secret. */
                prefix: string;
                rate?: components["schemas"]["RateOut"] | null;
                /**
                 * Format: date-time
                 * @description When it was revoked.
                 */
                revoked_at?: string | null;
                /** @description The secret, once: in the first answer to its creation. */
                secret?: string | null;
                /** @description The session key that pays; `null` when an account does. */
                session_key_id?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_HoldStateOut: {
            /** @description The entries. */
            data: {
                /** @description Reserved at first and by extensions. */
                amount: string;
                /** @description Captured. */
                captured: string;
                /** @description In this currency. */
                currency: string;
                /** @description Whose money it reserves. */
                customer_id: string;
                /**
                 * Format: date-time
                 * @description When it ended; `null` while it is open.
                 */
                ended_at?: string | null;
                /**
                 * Format: date-time
                 * @description When it runs out.
                 */
                expires_at: string;
                /** @description Reserved now. */
                held: string;
                /** @description Its id. */
                id: string;
                /** @description Always `hold`. */
                object: string;
                /**
                 * Format: date-time
                 * @description When it was placed.
                 */
                placed_at: string;
                /** @description Its first event's place in the log. */
                position: string;
                /** @description The session key that pays; `null` when the account does. */
                session_key_id?: string | null;
                /** @description `open`, `captured`, `voided` or `expired`. One whose time is over is open until that is written down. */
                status: string;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_InvoiceOut: {
            /** @description The entries. */
            data: {
                /**
                 * Format: int64
                 * @description How many charges.
                 */
                charges: number;
                /** @description In this currency. */
                currency: string;
                /** @description Whose. */
                customer_id: string;
                /** @description Its id. */
                id: string;
                /** @description A line for each meter and price. */
                lines: components["schemas"]["InvoiceLineOut"][];
                /** @description `YYYY-MM`, calendar months in UTC. */
                month: string;
                /** @description Always `invoice`. */
                object: string;
                /** @description Always `running`: nothing is closed yet. */
                status: string;
                /** @description The sum of its lines, exact. */
                total: string;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_MeterOut: {
            /** @description The entries. */
            data: {
                /** @description Its code. */
                code: string;
                /** @description In this currency. */
                currency: string;
                /** @description Always `meter`. */
                object: string;
                /** @description The log's position after the command; `null` in lists. */
                position?: string | null;
                /** @description What one unit is called. */
                unit: string;
                /** @description The price of one unit. */
                unit_price: string;
                /**
                 * Format: date-time
                 * @description Since when it has this one.
                 */
                updated_at: string;
                /**
                 * Format: int32
                 * @description 1, 2, 3… for each price it had.
                 */
                version: number;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_ModelOut: {
            /** @description The entries. */
            data: {
                /** @description A million that it reads and remembered. */
                cached_input_per_million: string;
                /** @description What its meters begin with: `<code>.input`, `<code>.cached_input`, `<code>.output`. */
                code: string;
                /** @description A million tokens that it reads. */
                input_per_million: string;
                /** @description Its name. */
                model: string;
                /** @description Always `model`. */
                object: string;
                /** @description A million that it writes. */
                output_per_million: string;
                /**
                 * Format: date-time
                 * @description Since when it has this one.
                 */
                updated_at: string;
                /**
                 * Format: int32
                 * @description The version of the price list with which this price came.
                 */
                version: number;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_PostingOut: {
            /** @description The entries. */
            data: {
                /** @description How much. */
                amount: string;
                /** @description The account that is credited. */
                credit: string;
                /** @description In this currency. */
                currency: string;
                /** @description The account that is debited. */
                debit: string;
                /** @description Its event. */
                event_id: string;
                /**
                 * Format: int32
                 * @description Its number among the postings of its event, from 0.
                 */
                line: number;
                /** @description Always `posting`. */
                object: string;
                /**
                 * Format: date-time
                 * @description When it happened.
                 */
                occurred_at: string;
                /** @description The place in the log of its event. */
                position: string;
                /**
                 * Format: date-time
                 * @description When it was known.
                 */
                recorded_at: string;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_QuotaUsageOut: {
            /** @description The entries. */
            data: {
                /** @description Everything that was charged. */
                charged: string;
                /** @description Its credits. */
                credits: components["schemas"]["CreditsOut"];
                /** @description The currency of its account. */
                currency: string;
                /** @description Whose. */
                customer_id: string;
                /** @description Its meters, by name. */
                meters: components["schemas"]["MeterUsageOut"][];
                /** @description Always `quota_usage`. */
                object: string;
                /** @description Charged and not yet paid for. */
                postpaid: string;
                /** @description What holds reserve of the room up to there. */
                postpaid_held: string;
                /** @description How far that may go. */
                postpaid_limit: string;
                /** @description Its session keys in sum; they pay apart from the account. */
                session_keys: components["schemas"]["SessionKeyTotalsOut"];
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_RiskOut: {
            /** @description The entries. */
            data: {
                /** @description `charged / charges`, rounded half to even at 12 decimals; `null` without charges. */
                average_charge?: string | null;
                /**
                 * Format: int64
                 * @description The most charges in any calendar minute.
                 */
                calls_peak_minute: number;
                /**
                 * Format: int64
                 * @description Charges in the calendar minute (UTC) that is running now.
                 */
                calls_this_minute: number;
                /** @description Everything that was charged. */
                charged: string;
                /**
                 * Format: int64
                 * @description How many charges.
                 */
                charges: number;
                /** @description The currency of its account. */
                currency: string;
                /** @description Whose. */
                customer_id: string;
                /** @description The largest charge. */
                largest_charge: string;
                /** @description The last charge. */
                last_charge: string;
                /**
                 * Format: date-time
                 * @description When that was.
                 */
                last_charge_at?: string | null;
                /** @description Always `risk`. */
                object: string;
                /**
                 * @description Credits and post-paid room now, as a share of what it was after the last credits or the
                 *     last change of the limit; rounded half to even at 6 decimals; `null` when that was nothing.
                 */
                share_left?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_RouteOut: {
            /** @description The entries. */
            data: {
                /** @description How it may be paid for: `session`, `exact`, `bearer`; empty when it is free. */
                accepts: string[];
                credential?: components["schemas"]["CredentialOut"] | null;
                /** @description Shown to whoever is asked to pay. */
                description?: string | null;
                /** @description Its id. */
                id: string;
                /** @description `http` or `openai`. */
                kind: string;
                /** @description How much of everything. */
                limits: components["schemas"]["RouteLimitsOut"];
                /** @description Which methods; all when empty. */
                methods: string[];
                /** @description What the answers are. */
                mime_type?: string | null;
                /** @description Always `route`. */
                object: string;
                /** @description Which paths. */
                path: string;
                /** @description The log's position after the command; `null` when it was only asked for. */
                position?: string | null;
                /** @description What it costs. */
                price: components["schemas"]["RoutePriceOut"];
                /** @description Whether what stands before `*` is left out of the path that the upstream gets. */
                strip_prefix: boolean;
                /**
                 * Format: date-time
                 * @description Since when it is like this.
                 */
                updated_at: string;
                /** @description Where they lead to. */
                upstream: string;
                /**
                 * Format: int32
                 * @description 1, 2, 3… for each time it was set.
                 */
                version: number;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_SessionKeyListedOut: {
            /** @description The entries. */
            data: {
                /** @description What may still be charged. */
                available: string;
                /** @description Where its money lies. */
                chain: components["schemas"]["ListedChainOut"];
                /** @description Charged, cumulative. */
                charged: string;
                /** @description Claimed on chain, cumulative. */
                claimed: string;
                /**
                 * Format: date-time
                 * @description When it was drawn up.
                 */
                created_at: string;
                /** @description The token. */
                currency: string;
                /** @description Who holds the key: `managed` or `self`. */
                custody: string;
                /** @description Who pays with it. */
                customer_id: string;
                /** @description Deposited, and final. */
                deposited: string;
                /** @description Reserved by holds. */
                held: string;
                /** @description Its id. */
                id: string;
                /** @description The address of the key that signs vouchers. */
                key: string;
                /** @description The most that may lie in escrow. */
                limit: string;
                /** @description Always `session_key`. */
                object: string;
                /** @description Whose money it is. */
                owner: string;
                /** @description Who is paid. */
                payee: string;
                /** @description Seen on chain and not final: not spendable yet. */
                pending_deposits: string;
                period?: components["schemas"]["SessionPeriodOut"] | null;
                /** @description The most that may be charged in a period; `null` without periods. */
                period_limit?: string | null;
                /**
                 * Format: int64
                 * @description Length of a period, counted from `valid_after`.
                 */
                period_secs?: number | null;
                /** @description What the contract calls the session. */
                session_id: string;
                /** @description `pending`, `active`, `frozen`, `revoked`, `expired` or `closed`. */
                status: string;
                /** @description Charged and not claimed. */
                unsettled: string;
                /**
                 * Format: date-time
                 * @description When something last happened to it.
                 */
                updated_at: string;
                /**
                 * Format: date-time
                 * @description Usable from here
                 */
                valid_after: string;
                /**
                 * Format: date-time
                 * @description until before here.
                 */
                valid_until: string;
                withdrawal?: components["schemas"]["WithdrawalOut"] | null;
                /** @description Given back to the owner. */
                withdrawn: string;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_SettlementOut: {
            /** @description The entries. */
            data: {
                /**
                 * Format: int32
                 * @description Attempts that failed.
                 */
                attempts: number;
                /** @description Why it was opened: `threshold`, `age`, `requested`, `withdrawal` or `ending`. */
                cause: string;
                /** @description Where it happens. */
                chain: components["schemas"]["ChainOut"];
                /** @description Each of them; `null` in lists, in answers to commands, and until it is planned. */
                claim_details?: components["schemas"]["ClaimOut"][] | null;
                /**
                 * Format: int64
                 * @description How many claims it makes; 0 until it is planned.
                 */
                claims: number;
                /** @description In this currency. */
                currency: string;
                /** @description Merkle root over the charges that it pays for and the log's head: it goes on chain. */
                evidence_root?: string | null;
                /**
                 * Format: date-time
                 * @description When it was final.
                 */
                finalized_at?: string | null;
                /** @description Its id. */
                id: string;
                last_failure?: components["schemas"]["FailureOut"] | null;
                log_head?: components["schemas"]["LogHeadOut"] | null;
                /** @description Always `settlement`. */
                object: string;
                /**
                 * Format: date-time
                 * @description When it was opened.
                 */
                opened_at: string;
                /** @description Who is paid. */
                payee: string;
                /** @description The place in the log of the last event that is shown here. */
                position: string;
                /** @description Why it is, when it is `abandoned` or `parked`. */
                reason?: string | null;
                /**
                 * Format: int32
                 * @description How many claims were paid; `null` until it is final.
                 */
                settled?: number | null;
                /** @description Claims that the contract skipped; `null` until it is final. */
                skipped?: components["schemas"]["SkippedOut"][] | null;
                /**
                 * @description `opened`, `planned`, `submitted`, `mined`, `finalized`; `abandoned` when there was nothing to
                 *     claim, `parked` when a person must look.
                 */
                status: string;
                /** @description What they add up to; `null` until it is planned. */
                total?: string | null;
                transaction?: components["schemas"]["TransactionOut"] | null;
                /** @description What the payee got; `null` until it is final. */
                transferred?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description What paid a charge. */
        PaidOut: {
            /** @description Taken from credits. */
            credits: string;
            /** @description Put on the post-paid balance. */
            postpaid: string;
            /** @description From a session's deposit. */
            session: string;
        };
        /** @description Where settlements are paid to. */
        PayeeIn: {
            /**
             * @description The organization's address on chain. Session keys that were drawn up before keep theirs.
             * @example 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266
             */
            payee: string;
        };
        /**
         * @description How long a quota counts before it starts anew; calendar borders in UTC.
         * @enum {string}
         */
        PeriodIn: "hour" | "day" | "month" | "total";
        /** @description An amount that moved from one account to another. */
        PostingOut: {
            /** @description How much. */
            amount: string;
            /** @description The account that is credited. */
            credit: string;
            /** @description In this currency. */
            currency: string;
            /** @description The account that is debited. */
            debit: string;
            /** @description Its event. */
            event_id: string;
            /**
             * Format: int32
             * @description Its number among the postings of its event, from 0.
             */
            line: number;
            /** @description Always `posting`. */
            object: string;
            /**
             * Format: date-time
             * @description When it happened.
             */
            occurred_at: string;
            /** @description The place in the log of its event. */
            position: string;
            /**
             * Format: date-time
             * @description When it was known.
             */
            recorded_at: string;
        };
        /** @description A post-paid limit. */
        PostpaidLimitIn: {
            /**
             * @description How far the account may go: a decimal string, zero or more.
             * @example 100
             */
            amount: string;
            /** @description The account's currency when left out; another one is refused. */
            currency?: string | null;
        };
        /** @description What went wrong (RFC 9457). Some problems have more fields, for example `limit` and `remaining`. */
        ProblemBody: {
            /**
             * @description For programs; never changes its meaning.
             * @example insufficient_funds
             */
            code: string;
            /** @description For people. */
            detail?: string | null;
            /** @description Which part of the request. */
            param?: string | null;
            /** @description Names this request in the operator's log. */
            request_id: string;
            /**
             * Format: int64
             * @description Seconds after which to send the same request again.
             */
            retry_after?: number | null;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description The status in words. */
            title: string;
            /**
             * @description Always `about:blank`: `code` says more.
             * @example about:blank
             */
            type: string;
        };
        /** @description A quota. */
        QuotaIn: {
            /** @description Whether usage within it is free of charge (an allowance). Not when left out. */
            included?: boolean;
            /**
             * @description How much of the meter in each period: a decimal string, zero or more, at most 6 decimals.
             * @example 10000
             */
            limit: string;
            /** @description What happens beyond it; `block` when left out. */
            overage?: components["schemas"]["OverageIn"];
            /** @description How long it counts. */
            period: components["schemas"]["PeriodIn"];
        };
        /** @description A quota and what is left of it. */
        QuotaOut: {
            /** @description Whose. */
            customer_id: string;
            /** @description Reserved by holds in it. */
            held: string;
            /** @description Whether usage within it is free. */
            included: boolean;
            /** @description How much in each period. */
            limit: string;
            /** @description Of what. */
            meter: string;
            /** @description Always `quota`. */
            object: string;
            /** @description What happens beyond it. */
            overage: components["schemas"]["OverageIn"];
            /** @description How long it counts. */
            period: string;
            /**
             * Format: date-time
             * @description When this period began.
             */
            period_start: string;
            /** @description The log's position after the command. */
            position: string;
            /** @description Left in this period. */
            remaining: string;
            /**
             * Format: date-time
             * @description When the next begins; `null` for `total`.
             */
            resets_at?: string | null;
            /** @description Used in this period. */
            used: string;
        };
        /** @description What a customer used of what it may use. */
        QuotaUsageOut: {
            /** @description Everything that was charged. */
            charged: string;
            /** @description Its credits. */
            credits: components["schemas"]["CreditsOut"];
            /** @description The currency of its account. */
            currency: string;
            /** @description Whose. */
            customer_id: string;
            /** @description Its meters, by name. */
            meters: components["schemas"]["MeterUsageOut"][];
            /** @description Always `quota_usage`. */
            object: string;
            /** @description Charged and not yet paid for. */
            postpaid: string;
            /** @description What holds reserve of the room up to there. */
            postpaid_held: string;
            /** @description How far that may go. */
            postpaid_limit: string;
            /** @description Its session keys in sum; they pay apart from the account. */
            session_keys: components["schemas"]["SessionKeyTotalsOut"];
        };
        /** @description So many requests in so many seconds. */
        RateIn: {
            /**
             * Format: int32
             * @description How many at once; as many as `requests` when left out.
             */
            burst?: number | null;
            /**
             * Format: int32
             * @description In how many seconds: 1 to 86,400.
             */
            per_secs: number;
            /**
             * Format: int32
             * @description How many: 1 to 1,000,000.
             */
            requests: number;
        };
        /** @description So many requests in so many seconds. */
        RateOut: {
            /**
             * Format: int32
             * @description How many at once; as many as `requests` when `null`.
             */
            burst?: number | null;
            /**
             * Format: int32
             * @description In how many seconds.
             */
            per_secs: number;
            /**
             * Format: int32
             * @description How many.
             */
            requests: number;
        };
        /** @description What the owner signed: one of both. */
        RegistrationIn: {
            authorization?: components["schemas"]["AuthorizationIn"] | null;
            /** @description Of the typed data `grant`: registers the session, without money. */
            signature?: string | null;
        };
        /** @description Something on its way to the chain. */
        RelayOut: {
            /**
             * @description `register`, `open`, `deposit`, `freeze`, `unfreeze`, `revoke`, `request_withdraw` or
             *     `finalize_withdraw`.
             */
            action: string;
            /** @description Its id. */
            id: string;
            /** @description Always `pending`: what is final, or has failed, stands in the events and no longer here. */
            status: string;
        };
        /** @description What a rule engine watches of a customer. */
        RiskOut: {
            /** @description `charged / charges`, rounded half to even at 12 decimals; `null` without charges. */
            average_charge?: string | null;
            /**
             * Format: int64
             * @description The most charges in any calendar minute.
             */
            calls_peak_minute: number;
            /**
             * Format: int64
             * @description Charges in the calendar minute (UTC) that is running now.
             */
            calls_this_minute: number;
            /** @description Everything that was charged. */
            charged: string;
            /**
             * Format: int64
             * @description How many charges.
             */
            charges: number;
            /** @description The currency of its account. */
            currency: string;
            /** @description Whose. */
            customer_id: string;
            /** @description The largest charge. */
            largest_charge: string;
            /** @description The last charge. */
            last_charge: string;
            /**
             * Format: date-time
             * @description When that was.
             */
            last_charge_at?: string | null;
            /** @description Always `risk`. */
            object: string;
            /**
             * @description Credits and post-paid room now, as a share of what it was after the last credits or the
             *     last change of the limit; rounded half to even at 6 decimals; `null` when that was nothing.
             */
            share_left?: string | null;
        };
        /**
         * @description What the gateway understands of a route's requests.
         * @enum {string}
         */
        RouteKindIn: "http" | "openai";
        /** @description How much of everything a route lets through. */
        RouteLimitsIn: {
            /**
             * Format: int32
             * @description Until the upstream begins to answer: 1 to `seconds_max`; 60 when left out, or `seconds_max` if that is less.
             */
            first_byte_secs_max?: number | null;
            /**
             * Format: int32
             * @description The largest answer that is kept: 0 to 1,048,576; 262,144 when left out.
             */
            keep_bytes?: number | null;
            /**
             * Format: int32
             * @description How long answers are kept for requests that are sent again: 0 to 86,400; 600 when left out.
             */
            keep_secs?: number | null;
            /**
             * Format: int32
             * @description What a model writes when the caller does not say, and at most: 1 to 1,000,000; 4,096 when left out.
             */
            output_tokens_max?: number | null;
            per_ip?: components["schemas"]["RateIn"] | null;
            per_payer?: components["schemas"]["RateIn"] | null;
            /**
             * Format: int64
             * @description Of the request's body: 0 to 67,108,864; 1,048,576 when left out.
             */
            request_bytes_max?: number | null;
            /**
             * Format: int64
             * @description Of the answer's body: 1 to 1,073,741,824; 10,485,760 when left out.
             */
            response_bytes_max?: number | null;
            /**
             * Format: int32
             * @description The whole call of the upstream: 1 to 3,600; 600 when left out.
             */
            seconds_max?: number | null;
            total?: components["schemas"]["RateIn"] | null;
        };
        /** @description How much of everything a route lets through. */
        RouteLimitsOut: {
            /**
             * Format: int32
             * @description Until the upstream begins to answer.
             */
            first_byte_secs_max: number;
            /**
             * Format: int32
             * @description The largest answer that is kept.
             */
            keep_bytes: number;
            /**
             * Format: int32
             * @description How long answers are kept.
             */
            keep_secs: number;
            /**
             * Format: int32
             * @description What a model writes when the caller does not say, and at most.
             */
            output_tokens_max: number;
            per_ip?: components["schemas"]["RateOut"] | null;
            per_payer?: components["schemas"]["RateOut"] | null;
            /**
             * Format: int64
             * @description Of the request's body.
             */
            request_bytes_max: number;
            /**
             * Format: int64
             * @description Of the answer's body.
             */
            response_bytes_max: number;
            /**
             * Format: int32
             * @description The whole call of the upstream.
             */
            seconds_max: number;
            total?: components["schemas"]["RateOut"] | null;
        };
        /** @description A route. */
        RouteOut: {
            /** @description How it may be paid for: `session`, `exact`, `bearer`; empty when it is free. */
            accepts: string[];
            credential?: components["schemas"]["CredentialOut"] | null;
            /** @description Shown to whoever is asked to pay. */
            description?: string | null;
            /** @description Its id. */
            id: string;
            /** @description `http` or `openai`. */
            kind: string;
            /** @description How much of everything. */
            limits: components["schemas"]["RouteLimitsOut"];
            /** @description Which methods; all when empty. */
            methods: string[];
            /** @description What the answers are. */
            mime_type?: string | null;
            /** @description Always `route`. */
            object: string;
            /** @description Which paths. */
            path: string;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description What it costs. */
            price: components["schemas"]["RoutePriceOut"];
            /** @description Whether what stands before `*` is left out of the path that the upstream gets. */
            strip_prefix: boolean;
            /**
             * Format: date-time
             * @description Since when it is like this.
             */
            updated_at: string;
            /** @description Where they lead to. */
            upstream: string;
            /**
             * Format: int32
             * @description 1, 2, 3… for each time it was set.
             */
            version: number;
        };
        /** @description What a route costs: the sum of these. Amounts are decimal strings, more than zero, at most 12 decimals. */
        RoutePriceIn: {
            /**
             * @description It is sold in each of these for the same figures. When left out: USDC and the organization's currency, or
             *     that of `meters`.
             */
            currencies?: string[];
            /**
             * @description Instead of an amount: `request`, `request_byte`, `response_byte` or `second` at the price of that meter of the
             *     price list, whose quotas hold then.
             */
            meters?: {
                [key: string]: string;
            };
            /** @description For each token, by the price list of models. Only on routes of kind `openai`. */
            per_model?: boolean;
            /**
             * @description For each request.
             * @example 0.001
             */
            per_request?: string | null;
            /** @description For each byte of the request's body. */
            per_request_byte?: string | null;
            /** @description For each byte of the answer's body. */
            per_response_byte?: string | null;
            /** @description For each second that the upstream took, to the millisecond; at most 9 decimals. */
            per_second?: string | null;
        };
        /** @description What a route costs: the sum of these. */
        RoutePriceOut: {
            /** @description It is sold in each of these for the same figures. */
            currencies: string[];
            /** @description Measures that have the price of a meter. */
            meters: {
                [key: string]: string;
            };
            /** @description For each token, by the price list of models. */
            per_model: boolean;
            /** @description For each request. */
            per_request?: string | null;
            /** @description For each byte of the request's body. */
            per_request_byte?: string | null;
            /** @description For each byte of the answer's body. */
            per_response_byte?: string | null;
            /** @description For each second that the upstream took. */
            per_second?: string | null;
        };
        /** @description A route that is there no more. */
        RouteRemovedOut: {
            /** @description Always `true`. */
            deleted: boolean;
            /** @description Its id. */
            id: string;
            /** @description Always `route`. */
            object: string;
            /** @description The log's position after the command. */
            position: string;
        };
        /**
         * @description A way to pay.
         * @enum {string}
         */
        SchemeIn: "session" | "exact" | "bearer";
        /** @description The money of a session key. */
        SessionBalancesOut: {
            /** @description What may still be charged. */
            available: string;
            /** @description Charged, cumulative. */
            charged: string;
            /** @description Claimed on chain, cumulative. */
            claimed: string;
            /** @description The token. */
            currency: string;
            /** @description Deposited, and final. */
            deposited: string;
            /** @description Reserved by holds. */
            held: string;
        };
        /** @description Where a session's money lies. */
        SessionChainOut: {
            /** @description The contract. */
            contract: string;
            /**
             * Format: int64
             * @description EIP-155 id of the chain.
             */
            id: number;
            /** @description As people call it; `null` for one that is not known here. */
            name?: string | null;
            /** @description The token. */
            token: string;
        };
        /** @description A session key as it is listed; ask for one alone to see all of it. */
        SessionKeyListedOut: {
            /** @description What may still be charged. */
            available: string;
            /** @description Where its money lies. */
            chain: components["schemas"]["ListedChainOut"];
            /** @description Charged, cumulative. */
            charged: string;
            /** @description Claimed on chain, cumulative. */
            claimed: string;
            /**
             * Format: date-time
             * @description When it was drawn up.
             */
            created_at: string;
            /** @description The token. */
            currency: string;
            /** @description Who holds the key: `managed` or `self`. */
            custody: string;
            /** @description Who pays with it. */
            customer_id: string;
            /** @description Deposited, and final. */
            deposited: string;
            /** @description Reserved by holds. */
            held: string;
            /** @description Its id. */
            id: string;
            /** @description The address of the key that signs vouchers. */
            key: string;
            /** @description The most that may lie in escrow. */
            limit: string;
            /** @description Always `session_key`. */
            object: string;
            /** @description Whose money it is. */
            owner: string;
            /** @description Who is paid. */
            payee: string;
            /** @description Seen on chain and not final: not spendable yet. */
            pending_deposits: string;
            period?: components["schemas"]["SessionPeriodOut"] | null;
            /** @description The most that may be charged in a period; `null` without periods. */
            period_limit?: string | null;
            /**
             * Format: int64
             * @description Length of a period, counted from `valid_after`.
             */
            period_secs?: number | null;
            /** @description What the contract calls the session. */
            session_id: string;
            /** @description `pending`, `active`, `frozen`, `revoked`, `expired` or `closed`. */
            status: string;
            /** @description Charged and not claimed. */
            unsettled: string;
            /**
             * Format: date-time
             * @description When something last happened to it.
             */
            updated_at: string;
            /**
             * Format: date-time
             * @description Usable from here
             */
            valid_after: string;
            /**
             * Format: date-time
             * @description until before here.
             */
            valid_until: string;
            withdrawal?: components["schemas"]["WithdrawalOut"] | null;
            /** @description Given back to the owner. */
            withdrawn: string;
        };
        /** @description A session key. Amounts are in units of the token (1 USDC is "1"). */
        SessionKeyOut: {
            /** @description What may still be charged: deposited − withdrawn − what the owner wants back − charged − held. */
            available: string;
            /** @description Where its money lies. */
            chain: components["schemas"]["SessionChainOut"];
            /** @description Charged, cumulative. */
            charged: string;
            /** @description Claimed on chain, cumulative. */
            claimed: string;
            /**
             * Format: date-time
             * @description When it was drawn up.
             */
            created_at: string;
            /** @description The token. */
            currency: string;
            /** @description Who holds the key: `managed` is Tollbook, `self` the client. */
            custody: string;
            /** @description Who pays with it. */
            customer_id: string;
            /** @description Deposited, and final. */
            deposited: string;
            /** @description Whose freezes are on it: `owner`, `organization`. */
            frozen_by: string[];
            /** @description Reserved by holds. */
            held: string;
            /** @description Its id. */
            id: string;
            /** @description The settlement that it is in. */
            in_settlement?: string | null;
            /** @description The address of the key that signs vouchers. */
            key: string;
            /** @description The most that may lie in escrow. */
            limit: string;
            /** @description Always `session_key`. */
            object: string;
            /** @description Whose money it is. */
            owner: string;
            /** @description Who is paid. */
            payee: string;
            /** @description Seen on chain and not final: not spendable yet. */
            pending_deposits: string;
            period?: components["schemas"]["SessionPeriodOut"] | null;
            /** @description The most that may be charged in a period; `null` without periods. */
            period_limit?: string | null;
            /**
             * Format: int32
             * @description Length of a period, counted from `valid_after`.
             */
            period_secs?: number | null;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description What is on its way to the chain. */
            relays: components["schemas"]["RelayOut"][];
            /** @description What the contract calls the session. */
            session_id: string;
            /**
             * Format: int32
             * @description How long what was earned stays claimable after the end.
             */
            settle_grace_secs: number;
            /**
             * @description `pending` until its registration is final on chain; then `active`, `frozen`, `revoked`, `expired`,
             *     and `closed` when nothing is left to do.
             */
            status: string;
            typed_data?: components["schemas"]["GrantDataOut"] | null;
            /** @description Charged and not claimed. */
            unsettled: string;
            /**
             * Format: date-time
             * @description Usable from here
             */
            valid_after: string;
            /**
             * Format: date-time
             * @description until before here.
             */
            valid_until: string;
            voucher?: components["schemas"]["SessionVoucherOut"] | null;
            /**
             * Format: int32
             * @description How long a withdrawal takes at least.
             */
            withdraw_delay_secs: number;
            withdrawal?: components["schemas"]["WithdrawalOut"] | null;
            /** @description Given back to the owner. */
            withdrawn: string;
        };
        /** @description All session keys of a customer in sum, also those that are over. */
        SessionKeyTotalsOut: {
            /**
             * Format: int64
             * @description How many of them are active.
             */
            active: number;
            /** @description What may still be charged with those that are active, as far as their deposits go. */
            available: string;
            /** @description Charged. */
            charged: string;
            /** @description Claimed on chain. */
            claimed: string;
            /**
             * Format: int64
             * @description How many there are.
             */
            count: number;
            /** @description The token they pay in. */
            currency: string;
            /** @description Deposited for good. */
            deposited: string;
        };
        /** @description What was charged in the period that is running. */
        SessionPeriodOut: {
            /** @description Reserved by holds in it. */
            held: string;
            /** @description The most that may be. */
            limit: string;
            /**
             * Format: date-time
             * @description When the next begins.
             */
            resets_at: string;
            /**
             * Format: date-time
             * @description When it began.
             */
            started_at: string;
            /** @description Charged in it. */
            used: string;
        };
        /** @description The highest voucher that came. */
        SessionVoucherOut: {
            /** @description What it says, cumulative. */
            max_claimable: string;
            /** @description The same in atomic units, as it was signed. */
            max_claimable_atomic: string;
            /** @description What may be charged before a higher one is needed: `max_claimable` − `charged` − `held`. */
            remaining: string;
            /** @description What the key signed, in the compact form of ERC-2098: 64 bytes. */
            signature: string;
        };
        /** @description One batch of claims on a chain, for one payee. */
        SettlementOut: {
            /**
             * Format: int32
             * @description Attempts that failed.
             */
            attempts: number;
            /** @description Why it was opened: `threshold`, `age`, `requested`, `withdrawal` or `ending`. */
            cause: string;
            /** @description Where it happens. */
            chain: components["schemas"]["ChainOut"];
            /** @description Each of them; `null` in lists, in answers to commands, and until it is planned. */
            claim_details?: components["schemas"]["ClaimOut"][] | null;
            /**
             * Format: int64
             * @description How many claims it makes; 0 until it is planned.
             */
            claims: number;
            /** @description In this currency. */
            currency: string;
            /** @description Merkle root over the charges that it pays for and the log's head: it goes on chain. */
            evidence_root?: string | null;
            /**
             * Format: date-time
             * @description When it was final.
             */
            finalized_at?: string | null;
            /** @description Its id. */
            id: string;
            last_failure?: components["schemas"]["FailureOut"] | null;
            log_head?: components["schemas"]["LogHeadOut"] | null;
            /** @description Always `settlement`. */
            object: string;
            /**
             * Format: date-time
             * @description When it was opened.
             */
            opened_at: string;
            /** @description Who is paid. */
            payee: string;
            /** @description The place in the log of the last event that is shown here. */
            position: string;
            /** @description Why it is, when it is `abandoned` or `parked`. */
            reason?: string | null;
            /**
             * Format: int32
             * @description How many claims were paid; `null` until it is final.
             */
            settled?: number | null;
            /** @description Claims that the contract skipped; `null` until it is final. */
            skipped?: components["schemas"]["SkippedOut"][] | null;
            /**
             * @description `opened`, `planned`, `submitted`, `mined`, `finalized`; `abandoned` when there was nothing to
             *     claim, `parked` when a person must look.
             */
            status: string;
            /** @description What they add up to; `null` until it is planned. */
            total?: string | null;
            transaction?: components["schemas"]["TransactionOut"] | null;
            /** @description What the payee got; `null` until it is final. */
            transferred?: string | null;
        };
        /** @description When settlements are opened by themselves. */
        SettlementRulesIn: {
            /**
             * Format: int32
             * @description When something is unsettled for so many seconds: 1 to 31,536,000. A day when left out.
             */
            age_secs?: number | null;
            /**
             * @description When this much USDC is unsettled: a decimal string, more than zero, at most 6 decimals.
             * @example 10
             */
            threshold: string;
        };
        /** @description The rules as they are now. */
        SettlementRulesOut: {
            /**
             * Format: int32
             * @description When something is unsettled for so many seconds.
             */
            age_secs: number;
            /** @description Always `settlement_rules`. */
            object: string;
            /** @description The log's position after the command. */
            position: string;
            /** @description When this much USDC is unsettled. */
            threshold: string;
        };
        /**
         * @description What is to be signed.
         * @enum {string}
         */
        SignedAction: "grant" | "open" | "deposit" | "freeze" | "unfreeze" | "revoke" | "withdraw" | "voucher";
        /** @description A claim that the contract skipped. */
        SkippedOut: {
            /** @description The contract's reason. */
            reason: string;
            /** @description Of this session. */
            session_id: string;
        };
        /**
         * @description What a step is about.
         * @enum {string}
         */
        Step: "request" | "hold" | "price" | "credits" | "postpaid" | "deposit" | "voucher" | "charge" | "postings" | "claim" | "settlement" | "transaction" | "transfer" | "payment" | "delivery";
        /** @description One cause. */
        StepOut: {
            /** @description The same figures for programs; what is in it depends on the step. */
            data: Record<string, never>;
            /** @description The event that says so; `null` for what has not happened yet. */
            event_id?: string | null;
            /** @description That event's category and type, for example `account.credited`. */
            event_type?: string | null;
            /**
             * Format: date-time
             * @description When it happened.
             */
            occurred_at?: string | null;
            /** @description Its place in the log. */
            position?: string | null;
            /** @description What it is about. */
            step: components["schemas"]["Step"];
            /** @description For people: one sentence with the figures. */
            text: string;
        };
        /** @description Who asks: the organization when the body is empty or left out, else the owner. */
        StopIn: {
            owner_signature?: components["schemas"]["OwnerSignatureIn"] | null;
        };
        /** @description A token on a chain. */
        TokenOut: {
            /**
             * Format: int64
             * @description EIP-155 id of the chain.
             */
            id: number;
            /** @description The token. */
            token: string;
        };
        /** @description The transaction that makes the claims. */
        TransactionOut: {
            /**
             * Format: int32
             * @description Of this attempt, from 1.
             */
            attempt: number;
            /** @description That block's hash. */
            block_hash?: string | null;
            /**
             * Format: int64
             * @description The block it is in; `null` until it was mined.
             */
            block_number?: number | null;
            /**
             * Format: int64
             * @description Price of one unit of gas, in wei; `null` until it is final.
             */
            gas_price_wei?: number | null;
            /**
             * Format: int64
             * @description Gas it took; `null` until it is final.
             */
            gas_used?: number | null;
            /** @description Its hash. */
            hash: string;
            /**
             * Format: int64
             * @description Its nonce.
             */
            nonce: number;
        };
        /** @description Where a transfer stands. */
        TransferOut: {
            /** @description That block's hash. */
            block_hash: string;
            /**
             * Format: int64
             * @description Its block.
             */
            block_number: number;
            /** @description The transaction's hash. */
            hash: string;
        };
        /** @description EIP-712 typed data. */
        TypedDataOut: {
            /** @description What it is for. */
            action: components["schemas"]["SignedAction"];
            /**
             * Format: int64
             * @description In unix seconds, to be sent with the signature of an owner's action.
             */
            deadline?: number | null;
            /**
             * Format: int64
             * @description The session's next nonce, to be sent with the signature of an owner's action.
             */
            nonce?: number | null;
            /** @description Always `typed_data`. */
            object: string;
            /** @description For `eth_signTypedData_v4`. */
            typed_data: Record<string, never>;
        };
        /** @description How much of a meter. */
        UsageIn: {
            /** @description A meter of the price list. */
            meter: string;
            /** @description How much of it. */
            quantity: string;
        };
        /** @description Nothing need be said. */
        VoidHold: Record<string, never>;
        /** @description What the client's key signed: EIP-712 `Voucher(bytes32 sessionId,address payee,uint128 maxClaimable)`. */
        VoucherIn: {
            /**
             * @description Cumulative over the session's life, in atomic units (1 USDC is "1000000"), as decimal digits.
             * @example 1500000
             */
            max_claimable: string;
            /** @description For which payee; compared when given. */
            payee?: string | null;
            /** @description For which session it was signed; compared when given. */
            session_id?: string | null;
            /**
             * @description 65 bytes (r, s, v) or 64 in the compact form of ERC-2098, with low s.
             * @example 0x…
             */
            signature: string;
        };
        /** @description What an owner wants back. */
        WithdrawalOut: {
            /** @description At most this much. */
            amount: string;
            /**
             * Format: date-time
             * @description When the contract will pay it out.
             */
            available_at: string;
        };
    };
    responses: {
        /** @description What went wrong */
        ProblemResponse: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["ProblemBody"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    list_api_keys: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_ApiKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_api_key: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewApiKey"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    revoke_api_key: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApiKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_balances: {
        parameters: {
            query?: {
                /** @description Only this account, for example `revenue`. */
                account?: string;
                /** @description As of a position of the log (`0:1234`) or a time (RFC 3339); as of now when left out. */
                as_of?: string;
                /** @description For a time: what was known then, or what had happened until then. */
                axis?: components["schemas"]["Axis"];
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only accounts of this customer. */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_BalanceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_charges: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Of this customer's account. This or `session_key_id` is required. */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Of this session key. */
                session_key_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_ChargeOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_charge: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat: the same key and body give the same answer */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCharge"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChargeOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_charge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChargeOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    explain_charge: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExplanationOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_charges: {
        parameters: {
            query?: never;
            header?: {
                /** @description gives items without a key of their own the key `<this>/<index>` */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCharges"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChargesOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_customers: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only those with this external id. */
                external_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_CustomerOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_customer: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCustomer"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CustomerOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_customer: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CustomerOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    grant_credit: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCredit"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreditGrantOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_postpaid_limit: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PostpaidLimitIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CustomerOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_quota: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
                meter: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["QuotaIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["QuotaOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_events: {
        parameters: {
            query?: {
                /** @description After this position of the log, for example `0:1234`. */
                after?: string;
                /** @description Only of this category, for example `account`. */
                category?: string;
                /** @description From `next_cursor`; goes before `after`. */
                cursor?: string;
                /**
                 * @description Only of this customer, its account and its session keys (the newest thousand); a stream of events
                 *     follows the session keys that were there when it began.
                 */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only of this session key. */
                session_key_id?: string;
                /** @description Only of this type, for example `charged`. */
                type?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_EventOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    stream_events: {
        parameters: {
            query?: {
                /** @description After this position of the log, for example `0:1234`. */
                after?: string;
                /** @description Only of this category, for example `account`. */
                category?: string;
                /** @description From `next_cursor`; goes before `after`. */
                cursor?: string;
                /**
                 * @description Only of this customer, its account and its session keys (the newest thousand); a stream of events
                 *     follows the session keys that were there when it began.
                 */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only of this session key. */
                session_key_id?: string;
                /** @description Only of this type, for example `charged`. */
                type?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_exact_payments: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only those of this address. */
                payer?: string;
                /** @description Only those in this status, for example `failed`. */
                status?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_ExactPaymentOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_exact_payment: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExactPaymentOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    explain_exact_payment: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExactExplanationOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_gateway_keys: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only those that this customer's account pays for. */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only those that this session key pays for. */
                session_key_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_GatewayKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_gateway_key: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewGatewayKey"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    revoke_gateway_key: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    lookup_gateway_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GatewaySecretIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayKeyPayerOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_holds: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only of this customer, its session keys included. */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only of this session key. */
                session_key_id?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_HoldStateOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_hold: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewHold"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_hold: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldStateOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    capture_hold: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CaptureHold"] | null;
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChargeOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    extend_hold: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExtendHold"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    void_hold: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["VoidHold"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    run_holds: {
        parameters: {
            query?: never;
            header?: {
                /** @description gives items without a key of their own the key `<this>/<index>` */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HoldOperations"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldOperationsOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_invoices: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only of this customer. */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only of this month, `YYYY-MM`. */
                month?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_InvoiceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_invoice: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvoiceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_meters: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_MeterOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_meter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MeterOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_meter: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                /** @description 1 to 64 of a-z 0-9 _ . - */
                code: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MeterIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MeterOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_models: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_ModelOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_models: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ModelsIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelsOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    remove_model: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                /** @description its name, percent-encoded */
                model: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelRemovedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_organization: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganizationOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_payee: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PayeeIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganizationOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_settlement_rules: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SettlementRulesIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettlementRulesOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_postings: {
        parameters: {
            query?: {
                /** @description Only those that debit or credit this account. */
                account?: string;
                /** @description After this position of the log. */
                after?: string;
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_PostingOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_quotas: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only this one. */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_QuotaUsageOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_risk: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only this one. */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_RiskOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_routes: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_RouteOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_route: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRoute"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RouteOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_route: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RouteOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    replace_route: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewRoute"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RouteOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    remove_route: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RouteRemovedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_session_keys: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only of this customer. */
                customer_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only of this session on chain: `0x` and 64 hexadecimal digits. */
                session_id?: string;
                /** @description Only those in this status, for example `active`. */
                status?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_SessionKeyListedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_session_key: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSessionKey"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_session_key: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_deposit: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewDeposit"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    freeze_session_key: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StopIn"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            /** @description sent to the chain */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    register_session_key: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegistrationIn"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    revoke_session_key: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StopIn"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            /** @description sent to the chain */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_typed_data: {
        parameters: {
            query: {
                /** @description `grant`, `open`, `deposit`, `freeze`, `unfreeze`, `revoke`, `withdraw` or `voucher`. */
                action: "grant" | "open" | "deposit" | "freeze" | "unfreeze" | "revoke" | "withdraw" | "voucher";
                /**
                 * @description In USDC. `open`: the session's limit when left out; `deposit`: required; `withdraw`: all there is when
                 *     left out; `voucher`: what it is to say, cumulative.
                 */
                amount?: string;
                /**
                 * @description `voucher`, instead of `amount`: what the next charge will cost. The voucher then says everything that was
                 *     charged and this, rounded up to the token's 6 decimals.
                 */
                charge?: string;
                /**
                 * @description In unix seconds, later than now. Owner's actions: an hour from now when left out; `open`, `deposit` (there it is
                 *     `validBefore`): the session's `valid_until`.
                 */
                deadline?: number;
                /** @description `open`, `deposit`: tells authorizations of the same amount apart; 0 when left out. */
                index?: number;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TypedDataOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    unfreeze_session_key: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StopIn"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            /** @description sent to the chain */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_withdrawal: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWithdrawal"];
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeyOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_settlements: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only those in this status, for example `parked`. */
                status?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_SettlementOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_settlement: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["NewSettlement"] | null;
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettlementOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_settlement: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettlementOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    retry_settlement: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettlementOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
}
