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
    "/v1/chains": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The chains of this installation, and how they are followed. There is one, or none. */
        get: operations["list_chains"];
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
    "/v1/charges/{id}/proof": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A proof that a session key's charge was paid for on its chain; captures are charges. Only for what is settled for
         *     good: 409 `not_settled`, `claim_skipped`, `not_on_chain` (credits and postpaid limits) or `no_evidence` (somebody
         *     else than Tollbook claimed it) say why there is none.
         */
        get: operations["prove_charge"];
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
    "/v1/connectors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Connectors, newest first, also those that were removed. */
        get: operations["list_connectors"];
        put?: never;
        /** Connect an account with a payment provider. */
        post: operations["create_connector"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/connectors/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A connector, as the log has it now. */
        get: operations["get_connector"];
        put?: never;
        post?: never;
        /**
         * Make no payments with a connector any more. Those that are under way end with it, and can be refunded: its secrets
         *     stay in the vault, and its messages are taken.
         */
        delete: operations["remove_connector"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/connectors/{id}/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Replace the secrets of a connector, both of them. Payments that are under way go on with the new ones. */
        put: operations["replace_connector_secrets"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/credit_notes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Credit notes, newest first; their lines are not in this list. */
        get: operations["list_credit_notes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/credit_notes/{id}/pdf": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A credit note as a PDF, A4. */
        get: operations["get_credit_note_pdf"];
        put?: never;
        post?: never;
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
    "/v1/customers/{id}/billing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How a customer is billed. */
        get: operations["get_customer_billing"];
        /** Set how a customer is billed, as a whole. Invoices that were drafted before stay as they are. */
        put: operations["set_customer_billing"];
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
    "/v1/customers/{id}/entitlements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a customer may use now, by the plans of its subscriptions. */
        get: operations["get_entitlements"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/customers/{id}/payment_order": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Say in which order allowance, credits and post-paid room pay for a customer's charges. Holds that stand keep what
         *     they reserve.
         */
        put: operations["set_payment_order"];
        post?: never;
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
        /** Invoices, newest first; their lines are not in this list. */
        get: operations["list_invoices"];
        put?: never;
        /** Write an invoice that no subscription asks for. */
        post: operations["create_invoice"];
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
        /** An invoice with its lines, payments and credit notes, as the log has it now. */
        get: operations["get_invoice"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/collect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Try to be paid now: the customer's payment method is charged with what is due. */
        post: operations["collect_invoice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/credit_notes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The credit notes of an invoice, in the order in which they were issued, as the log has them now: all on one page. */
        get: operations["list_invoice_credit_notes"];
        put?: never;
        /** Take back an invoice that was finalized, all of it or a part. */
        post: operations["create_credit_note"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The lines of an invoice as CSV, to compute with. */
        get: operations["get_invoice_csv"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/discard": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Throw a draft away. Not one with usage behind it: no other invoice would have that. */
        post: operations["discard_invoice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Why an invoice is what it is: how its lines come to its total, and each line from its price; with `line`, the charges
         *     behind it and that they come to it.
         */
        get: operations["explain_invoice"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/finalize": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Finalize a draft: nothing of it changes any more, and it gets the next number of its series. */
        post: operations["finalize_invoice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/lines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add lines to a draft. */
        post: operations["add_invoice_lines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/lines/{index}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Take a line from a draft. The places of the lines after it are one less then. Lines with usage behind them stay. */
        delete: operations["remove_invoice_line"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/mark_uncollectible": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give up an invoice as lost. A payment that comes all the same is taken. */
        post: operations["mark_invoice_uncollectible"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/pay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Record a payment that has come by hand, and apply it to the invoice. */
        post: operations["pay_invoice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/pdf": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An invoice as a PDF, A4. Drafts say that they are. */
        get: operations["get_invoice_pdf"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/{id}/void": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Void an invoice that was never meant to be. Not once something was paid or credited: then issue a credit note. */
        post: operations["void_invoice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/invoices/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The next invoice of a subscription: its fees, and what has been used so far. Nothing is written. */
        post: operations["preview_invoice"];
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
    "/v1/organization/billing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What invoices say of the organization. */
        get: operations["get_organization_billing"];
        /** Set what invoices say of the organization, as a whole. Invoices that have their number stay as they are. */
        put: operations["set_organization_billing"];
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
    "/v1/payments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Payments, newest first; their refunds and disputes are not in this list. */
        get: operations["list_payments"];
        put?: never;
        /**
         * Make a payment. It is accepted at once; what becomes of it the provider says later. Of an invoice there is one at a
         *     time.
         */
        post: operations["create_payment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payments/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A payment with its refunds and disputes, as the log has it now. */
        get: operations["get_payment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payments/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancel a payment that has not succeeded. */
        post: operations["cancel_payment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payments/{id}/capture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Capture a payment that is reserved, or a part of it. */
        post: operations["capture_payment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payments/{id}/refunds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Refund a payment, or a part of it. Of one recorded by hand this says that the money went back. */
        post: operations["refund_payment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Payout files, newest first; their lines are counted and not listed. */
        get: operations["list_payouts"];
        put?: never;
        /**
         * Compare a payout file with the ledger: Stripe's itemised payout reconciliation report, or the general form. Lines that
         *     are what the ledger says are matched, the others are open items. The same file again is answered with 200.
         */
        post: operations["import_payout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payouts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A payout file with its lines, as the log has it now. */
        get: operations["get_payout"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payouts/{id}/lines/{index}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Explain an open item of a payout file. */
        post: operations["close_payout_line"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Plans, newest first, without what they say. */
        get: operations["list_plans"];
        put?: never;
        /** Make a plan, with a draft as its first version. */
        post: operations["create_plan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A plan with what one of its versions says, as the log has it now. */
        get: operations["get_plan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Publish the draft: from now on it never changes, and new subscriptions get it. Others keep their version. */
        post: operations["publish_plan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/retire": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let nobody subscribe to a plan any more. Subscriptions keep their versions. */
        post: operations["retire_plan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/plans/{id}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Draft another version of a plan, or change the draft that there is. 200 when that says the same already. */
        post: operations["draft_plan_version"];
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
    "/v1/prices/rate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What a quantity comes to at a price: exactly, rounded, tier by tier, and what a little more would cost. */
        post: operations["rate_price"];
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
    "/v1/reconciliation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The last comparison of ledger and chain, and how many differences are open. */
        get: operations["get_reconciliation"];
        put?: never;
        /**
         * Have ledger and chain compared now. It is accepted at once, and made within seconds when the chain answers, but not
         *     more often than once a minute; when all of the organization's session keys were compared `requested_at` of the
         *     reconciliation is `null` again. There is no body, or an empty object.
         */
        post: operations["request_reconciliation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reconciliation/differences": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What differs or has differed, that which was opened last first. */
        get: operations["list_differences"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reconciliation/differences/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One difference. */
        get: operations["get_difference"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/reconciliation/differences/{id}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Close an open difference: `explained` when it is known why it is, `accepted` to take over what the chain has in escrow
         *     for a session key, when that is less.
         */
        post: operations["close_difference"];
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
    "/v1/session_keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Bring another key of a session to the chain, signed for by its owner. What the former key signed is claimed until
         *     `settle_grace_secs` are over; from when the rotation is final, the client's new key signs, and what the former one
         *     signed pays for no further charge. A repeated request shows the session key as it is now.
         */
        post: operations["rotate_session_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/{id}/rotation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Prepare another key for a session: what the owner is to sign, for `POST /v1/session_keys/{id}/rotate`. The client
         *     names its new key; of a managed session key Tollbook makes one, and gives the same one until it has come into use.
         *     A repeated request gives the same key, with the nonce that the session has now.
         */
        post: operations["prepare_session_key_rotation"];
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
         * Let charges go on: lifts the organization's freeze and its guardian's here, at once; the owner's when that is
         *     final on chain (202). A repeated request shows the session key as it is now.
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
    "/v1/session_keys/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Draw up to 100 session keys up; each succeeds or fails on its own. Their owners then sign, each for its own. */
        post: operations["create_session_keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/freeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop charges of many session keys for now, by the organization; each succeeds or fails on its own. */
        post: operations["freeze_session_keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/revoke": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End many session keys for good, by the organization; each succeeds or fails on its own. */
        post: operations["revoke_session_keys"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/session_keys/unfreeze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let charges of many session keys go on, by the organization; each succeeds or fails on its own. */
        post: operations["unfreeze_session_keys"];
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
    "/v1/statements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Statements, newest month first. */
        get: operations["list_statements"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/statements/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A statement. */
        get: operations["get_statement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Subscriptions, newest first. */
        get: operations["list_subscriptions"];
        put?: never;
        /** Subscribe a customer to a plan, now. */
        post: operations["create_subscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A subscription, as the log has it now. */
        get: operations["get_subscription"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/auto_renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say whether a subscription renews by itself. Without that it ends with its period and the plan's days of grace. */
        post: operations["set_subscription_auto_renew"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End a subscription, at once or with its period. */
        post: operations["cancel_subscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/change": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change plan or seats, at once or from the next period on. */
        post: operations["change_subscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/drop_cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Do not end it with its period after all. */
        post: operations["drop_subscription_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/drop_change": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Drop a change that is scheduled. */
        post: operations["drop_subscription_change"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/end_trial": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End a trial at once: from now on it is paid for. */
        post: operations["end_subscription_trial"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Pause a subscription: it gives nothing and costs nothing, and what was paid for and is not used up is given back. */
        post: operations["pause_subscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/subscriptions/{id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Go on with a subscription: a period begins now. */
        post: operations["resume_subscription"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tax_rates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The tax table, newest first. */
        get: operations["list_tax_rates"];
        put?: never;
        /** Add a row to the tax table. Invoices that were drafted before stay as they are. */
        post: operations["create_tax_rate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tax_rates/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A row of the tax table. */
        get: operations["get_tax_rate"];
        /** Change a row of the tax table, as a whole. */
        put: operations["replace_tax_rate"];
        post?: never;
        /** Take a row off the tax table. Invoices that were drafted before keep it. */
        delete: operations["remove_tax_rate"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/test_clocks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Test clocks, newest first. */
        get: operations["list_test_clocks"];
        put?: never;
        /** Make a test clock. Customers are attached to it when they are made. */
        post: operations["create_test_clock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/test_clocks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A test clock, as the log has it now. */
        get: operations["get_test_clock"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/test_clocks/{id}/advance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set a test clock forward: everything that falls due on the way happens, in order. It is on its way until its status
         *     is `ready`.
         */
        post: operations["advance_test_clock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Messages of payment providers and what came of them, newest first. Those that were refused are not here. */
        get: operations["list_webhooks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{connector_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take a message of a payment provider. It is answered with 200 once it is written down, also when it is about nothing
         *     that matters here, or has come before.
         */
        post: operations["receive_webhook"];
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
        /** @description Lines for a draft. */
        AddInvoiceLines: {
            /** @description What for; at least one. */
            lines: components["schemas"]["NewInvoiceLine"][];
        };
        /** @description Where a test clock is to be set. */
        AdvanceTestClock: {
            /**
             * Format: date-time
             * @description To this moment: not before what it shows, and at most five years after that.
             */
            to: string;
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
        /** @description Whether a subscription renews by itself. */
        AutoRenewIn: {
            /** @description Whether. */
            auto_renew: boolean;
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
        /** @description The end of a subscription. */
        CancelSubscription: {
            /** @description Of an end at once: whether what was paid for and is not used up is given back; `false` when left out. */
            prorate?: boolean | null;
            when?: components["schemas"]["SubscriptionWhen"] | null;
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
        /** @description What of a payment to capture. */
        CapturePayment: {
            /** @description How much; all that is reserved when left out. The rest is released. */
            amount?: string | null;
        };
        /** @description A chain, and how it is followed. */
        ChainOut: {
            /** @description The contract. */
            contract: string;
            disagreement?: components["schemas"]["DisagreementOut"] | null;
            /**
             * Format: int64
             * @description The newest final block, as it last saw it.
             */
            final_block?: number | null;
            halted?: components["schemas"]["HaltOut"] | null;
            /**
             * Format: int64
             * @description The newest block, as the worker last saw it.
             */
            head_block?: number | null;
            /**
             * Format: date-time
             * @description When that was.
             */
            heard_at?: string | null;
            /**
             * Format: int64
             * @description EIP-155 id of the chain.
             */
            id: number;
            /**
             * Format: int64
             * @description The last final block of which everything is in the log; `null` before the first.
             */
            last_read_block?: number | null;
            /** @description Its name, for example `base`. */
            name: string;
            /** @description Always `chain`. */
            object: string;
            /**
             * @description `following`; `halted` while the chain is not the one that was read and no person has looked; `reading_anew` after
             *     that, until what was sent before was sent again; `not_followed` where no worker has ever read it.
             */
            status: string;
            /**
             * Format: date-time
             * @description Since when the worker cannot go on; `null` when it can.
             */
            stuck_since?: string | null;
            /** @description The token. */
            token: string;
        };
        /** @description Another plan, another quantity, or both. */
        ChangeSubscription: {
            /** @description The plan by its code. */
            plan_code?: string | null;
            /** @description The plan; its last published version. */
            plan_id?: string | null;
            /**
             * @description Of a change at once: whether what was paid for and is not used up is given back, and the new is charged for the
             *     rest of the period; `true` when left out. `false`: the fee changes with the next period.
             */
            prorate?: boolean | null;
            /** @description Seats from then on. */
            quantity?: string | null;
            when?: components["schemas"]["SubscriptionWhen"] | null;
        };
        /** @description Where the charges of a line are. */
        ChargedBetweenOut: {
            /**
             * Format: int64
             * @description How many.
             */
            count: number;
            /**
             * Format: int64
             * @description The version of the account's stream with the first of them.
             */
            first_version: number;
            /**
             * Format: int64
             * @description The version with the last of them.
             */
            last_version: number;
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
            /**
             * Format: date-time
             * @description When it was used, where that was said.
             */
            used_at?: string | null;
        };
        /** @description That a charge is one of those that a transaction paid for. `tollbook proof check` holds it against the chain. */
        ChargeProofOut: {
            /**
             * Format: int64
             * @description EIP-155 id of the chain.
             */
            chain_id: number;
            /** @description The charge. */
            charge: components["schemas"]["ProvenChargeOut"];
            /** @description The `SessionKeyValidator` that paid. */
            contract: string;
            /** @description What the contract published with the batch. */
            evidence_root: string;
            /** @description The charge's leaf in the evidence tree. */
            leaf: string;
            /** @description The end of the log that has the charge, as it was when the batch was planned. */
            log_head: components["schemas"]["ProvenHeadOut"];
            /** @description Always `charge_proof`. */
            object: string;
            /** @description From there up to the root. */
            path: components["schemas"]["ProofStepOut"][];
            /** @description Whom it paid. */
            payee: string;
            /** @description What the contract calls the session that was charged. */
            session_id: string;
            /** @description What it paid in. */
            token: string;
            /** @description Where it paid. */
            transaction: components["schemas"]["ProofTransactionOut"];
            /**
             * Format: int32
             * @description Always 1.
             */
            version: number;
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
        /** @description Take a difference off the list of open items. */
        CloseDifference: {
            /** @description Why, in words; 1 to 500 characters. Must not be personal data. */
            note: string;
            /** @description How. */
            resolution: components["schemas"]["CloseResolution"];
        };
        /** @description Why an open item is none any more. */
        ClosePayoutLine: {
            /** @description In words; 1 to 500 characters. Must not be personal data. */
            explanation: string;
        };
        /**
         * @description How a person closes a difference.
         * @enum {string}
         */
        CloseResolution: "explained" | "accepted";
        /** @description A sum that is compared. */
        ComparedSumOut: {
            /** @description On the chain. */
            chain: string;
            /** @description `chain` less `ledger`. */
            difference: string;
            /** @description In the log. */
            ledger: string;
        };
        /** @description A connector, without its secrets. */
        ConnectorOut: {
            /** @description Where the provider's API is; `null` for its own. */
            api_base?: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description Its id. */
            id: string;
            /** @description `stripe` or `manual`. */
            kind: string;
            /** @description What you call it. */
            name: string;
            /** @description Always `connector`. */
            object: string;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /**
             * Format: date-time
             * @description When it was removed: it makes no payments any more.
             */
            removed_at?: string | null;
            /** @description Where the provider is to send its messages: this path of the API. It asks for no API key. */
            webhook_path: string;
        };
        /** @description Other secrets for a connector. What is left out is gone. */
        ConnectorSecretsIn: {
            /** @description Shown to the provider with each call. */
            secret_key: string;
            /** @description What the provider signs its messages with; without it no message is taken. */
            webhook_secret?: string | null;
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
        /** @description A part of a line to take back. */
        CreditLineIn: {
            /**
             * @description How much of it, as the line has it: with tax in it where the line's amount has. Of a line below zero how much of
             *     what it gave back.
             */
            amount: string;
            /**
             * Format: int32
             * @description The line's place in the invoice, from 0.
             */
            index: number;
        };
        /** @description What a credit note takes back of a line. */
        CreditLineOut: {
            /** @description How much of it. */
            amount: string;
            /** @description What the line was for. */
            description: string;
            /**
             * Format: int32
             * @description The line's place in the invoice, from 0.
             */
            index: number;
        };
        /** @description A credit note in a list. */
        CreditNoteListedOut: {
            /** @description The invoice's. */
            currency: string;
            /** @description Whose. */
            customer_id: string;
            /**
             * Format: date-time
             * @description When it was issued.
             */
            date: string;
            /** @description Its id. */
            id: string;
            /** @description The invoice. */
            invoice_id: string;
            /** @description Its number. */
            number?: string | null;
            /** @description Always `credit_note`. */
            object: string;
            /** @description All of it, with tax. */
            total: string;
        };
        /** @description A credit note. */
        CreditNoteOut: {
            /** @description The invoice's. */
            currency: string;
            /** @description Whose. */
            customer_id: string;
            /**
             * Format: date-time
             * @description When it was issued.
             */
            date: string;
            /** @description Its id. */
            id: string;
            /** @description The invoice. */
            invoice_id: string;
            /** @description What it takes back. */
            lines: components["schemas"]["CreditLineOut"][];
            /** @description Its number, without a gap in its series; `null` until it has it. */
            number?: string | null;
            /** @description Always `credit_note`. */
            object: string;
            /** @description What of it lowered what was due. */
            off_due: string;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description Why. */
            reason: string;
            /** @description The taxes that go with it. */
            taxes: components["schemas"]["InvoiceTaxOut"][];
            /** @description What became credits. */
            to_credits: string;
            /** @description What is refunded. */
            to_refund: string;
            /** @description All of it, with tax. */
            total: string;
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
        /** @description How a customer is billed. All of it: what is left out is as in a new customer. */
        CustomerBillingIn: {
            /** @description Its postal address, line by line: up to 6 lines of 1 to 100 characters; kept encrypted, outside the log. */
            address?: string[];
            collection?: components["schemas"]["CustomerCollection"] | null;
            language?: components["schemas"]["CustomerLanguage"] | null;
            /** @description Its name on invoices; its name when left out. 1 to 200 characters; kept encrypted, outside the log. */
            legal_name?: string | null;
            payment_method?: components["schemas"]["CustomerPaymentMethod"] | null;
            tax?: components["schemas"]["TaxProfileIn"] | null;
            /**
             * @description Its time zone, as in the IANA database: periods of subscriptions and dates of invoices are by it. `UTC` when left
             *     out. Subscriptions keep theirs.
             * @example Europe/Berlin
             */
            time_zone?: string | null;
        };
        /** @description How a customer is billed. */
        CustomerBillingOut: {
            /** @description Its postal address, line by line. */
            address: string[];
            /** @description How its invoices are paid. */
            collection: components["schemas"]["CustomerCollection"];
            /** @description Whose. */
            customer_id: string;
            /** @description The language of its invoices. */
            language: components["schemas"]["CustomerLanguage"];
            /** @description Its name on invoices; `null` for its name. */
            legal_name?: string | null;
            /** @description Always `customer_billing`. */
            object: string;
            payment_method?: components["schemas"]["CustomerPaymentMethod"] | null;
            /** @description What pays first, second, third of its charges; `null` in the answer to a PUT. */
            payment_order?: components["schemas"]["PaymentSource"][] | null;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description How it is taxed. */
            tax: components["schemas"]["TaxProfileOut"];
            /** @description Its time zone. */
            time_zone: string;
        };
        /**
         * @description How invoices are paid.
         * @enum {string}
         */
        CustomerCollection: "automatic" | "send";
        /**
         * @description The language of invoices.
         * @enum {string}
         */
        CustomerLanguage: "en" | "zh";
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
            /** @description The test clock whose time it lives in; `null` for real time. */
            test_clock_id?: string | null;
        };
        /** @description A payment method, by the names that the provider gave it. No card data. */
        CustomerPaymentMethod: {
            /** @description The connector with which it is charged. */
            connector_id: string;
            /** @description The provider's customer; 1 to 255 characters. */
            customer?: string | null;
            /**
             * @description The provider's payment method; 1 to 255 characters.
             * @example pm_card_visa
             */
            method: string;
        };
        /** @description A difference that was closed. */
        DifferenceClosedOut: {
            /**
             * Format: date-time
             * @description When.
             */
            closed_at: string;
            /** @description Who closed it. */
            closed_by: string;
            /** @description Its id. */
            id: string;
            /** @description Why. */
            note: string;
            /** @description Always `reconciliation_difference`. */
            object: string;
            /** @description The place in the log. */
            position: string;
            /** @description `explained` or `accepted`. */
            status: string;
        };
        /** @description What ledger and chain say differently. */
        DifferenceOut: {
            /** @description How much they differ. */
            amount?: string | null;
            /**
             * Format: int64
             * @description As of this block.
             */
            as_of_block: number;
            /** @description Why that may be, and what was seen. */
            causes: string[];
            /** @description What the chain says. */
            chain: string;
            /**
             * Format: date-time
             * @description When its figures were noted last.
             */
            changed_at: string;
            /**
             * Format: date-time
             * @description When it was closed; `null` while it is open.
             */
            closed_at?: string | null;
            /** @description Who closed it: `api_key:…`, or `chain` when it has gone away. */
            closed_by?: string | null;
            /** @description The token. */
            currency: string;
            /** @description Its id: the same whenever the same thing differs. */
            id: string;
            /** @description What the ledger says; of a payee, of the transactions that differ. */
            ledger: string;
            /** @description What a person said. */
            note?: string | null;
            /** @description Always `reconciliation_difference`. */
            object: string;
            /**
             * Format: date-time
             * @description When it was opened last.
             */
            opened_at: string;
            /** @description `open`; `explained` or `accepted` by a person; `resolved` when ledger and chain agree again. */
            status: string;
            /**
             * @description What differs: `type` is `session_escrow` or `session_claimed` (with `session_key_id`), `payee` (with `chain_id`,
             *     `token`, `payee`) or `exact_payment` (with `exact_payment_id`).
             */
            subject: Record<string, never>;
            /**
             * Format: int32
             * @description How often it was opened.
             */
            times_opened: number;
        };
        /** @description Nodes that say different things of what cannot change any more. */
        DisagreementOut: {
            /** @description About what. */
            about: string;
            /**
             * Format: date-time
             * @description Since when.
             */
            since: string;
        };
        /** @description A dispute of a payment. */
        DisputeOut: {
            /** @description How much. */
            amount: string;
            /** @description The provider's id for it. */
            provider_id: string;
            /** @description The provider's reason; `null` when only its end was heard of. */
            reason?: string | null;
            /** @description `open`, `won` or `lost`. */
            status: string;
        };
        /** @description A feature that a customer has. */
        EntitlementOut: {
            /** @description Of `boolean`: whether it may be used. */
            enabled?: boolean | null;
            /** @description Its code. */
            feature: string;
            /** @description `boolean`, `static` or `metered`. */
            kind: string;
            metered?: components["schemas"]["MeteredOut"] | null;
            /** @description The plan's code. */
            plan_code: string;
            /** @description Its plan. */
            plan_id: string;
            /**
             * Format: int32
             * @description The version that the subscription keeps.
             */
            plan_version: number;
            /** @description The subscription that gives it. */
            subscription_id: string;
            /** @description Of `static`: its value. */
            value?: string | null;
        };
        /** @description What a customer may use. */
        EntitlementsOut: {
            /** @description Who. */
            customer_id: string;
            /**
             * @description One for each feature of each subscription that gives something now: trialing, active, or past due. By the
             *     feature's code.
             */
            data: components["schemas"]["EntitlementOut"][];
            /** @description Always `entitlements`. */
            object: string;
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
        /** @description A line, and why it is what it is. */
        ExplainedLineOut: {
            charged?: components["schemas"]["ChargedBetweenOut"] | null;
            /** @description The line. */
            line: components["schemas"]["InvoiceLineOut"];
            proof?: components["schemas"]["LineProofOut"] | null;
            terms?: components["schemas"]["PlanPrice"] | null;
            /** @description For people: one sentence with the figures. */
            text: string;
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
        /** @description A chain that is not the one that was read. */
        HaltOut: {
            /** @description What the log has of this organization and the chain does not, in words. */
            differences: string[];
            /** @description The hash that it has; `null` where the chain ends before it. */
            found_hash?: string | null;
            /**
             * Format: int64
             * @description The newest block of the chain as it was found.
             */
            head_block: number;
            /**
             * Format: int64
             * @description The last final block that was read.
             */
            last_block: number;
            /** @description The hash that it had. */
            last_hash: string;
            /** @description `replaced`: a block that was final has another hash. `restored`: the chain ends before what was final. */
            reason: string;
            /**
             * Format: date-time
             * @description Since when.
             */
            since: string;
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
        /** @description A credit note, in short. */
        InvoiceCreditNoteOut: {
            /**
             * Format: date-time
             * @description When.
             */
            date: string;
            /** @description Which. */
            id: string;
            /** @description Its number; `null` until it has it. */
            number?: string | null;
            /** @description All of it, with tax. */
            total: string;
        };
        /** @description Why an invoice is what it is. */
        InvoiceExplanationOut: {
            charges?: components["schemas"]["Page_ExplainedChargeOut"] | null;
            /** @description In this currency. */
            currency: string;
            /** @description The invoice. */
            invoice_id: string;
            /** @description Its lines; only the one that was asked for, if one was. */
            lines: components["schemas"]["ExplainedLineOut"][];
            /** @description Its number. */
            number?: string | null;
            /** @description Always `invoice_explanation`. */
            object: string;
            /** @description Its status. */
            status: string;
            /** @description The stream that the charges are in, for example `account:cus_…`. */
            stream_id: string;
            /** @description How its lines come to its total. */
            sums: components["schemas"]["InvoiceSumsOut"];
        };
        /** @description A try to be paid that has failed. */
        InvoiceFailureOut: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /**
             * Format: int32
             * @description Which try it was, from 1.
             */
            attempt: number;
            /** @description The provider's code; `no_payment_method` when there was nothing to charge. */
            code: string;
            /** @description The payment. */
            payment_id: string;
        };
        /** @description A line of an invoice. */
        InvoiceLineOut: {
            /** @description What it comes to, rounded to the currency's smallest unit. */
            amount: string;
            /**
             * Format: int64
             * @description How many charges stand behind it; `null` for one without.
             */
            charges?: number | null;
            /** @description In words. */
            description: string;
            /** @description The same before it was rounded. */
            exact: string;
            /** @description How much of that an allowance covered. */
            included_quantity?: string | null;
            /** @description Its place, from 0. */
            index: number;
            /** @description `fee`, `usage`, `proration`, `minimum`, `late_usage`, `adjustment`, `custom` or `to_credits`. */
            kind: string;
            /** @description What credit notes can still take back of it; `null` before the invoice is finalized. */
            left?: string | null;
            /** @description What was counted. */
            meter?: string | null;
            /** @description What credits paid of it already: not part of its amount. */
            paid_by_credits: string;
            period?: components["schemas"]["InvoicePeriodOut"] | null;
            price?: components["schemas"]["InvoicePriceOut"] | null;
            /** @description How much: of a meter, of seats. */
            quantity?: string | null;
            /** @description What it counts as for taxes. */
            tax_category: string;
            /** @description The rates that apply. */
            taxes: components["schemas"]["InvoiceRateOut"][];
            /** @description The price of one unit, where all units have the same. */
            unit_price?: string | null;
        };
        /** @description An invoice in a list. */
        InvoiceListedOut: {
            /** @description What credit notes took off what was due. */
            credited: string;
            /** @description In this currency. */
            currency: string;
            /** @description Who is billed. */
            customer_id: string;
            /**
             * Format: date-time
             * @description Its date.
             */
            date: string;
            /** @description What is still to be paid. */
            due: string;
            /**
             * Format: date-time
             * @description When it is due.
             */
            due_at?: string | null;
            /** @description Its id. */
            id: string;
            /**
             * Format: date-time
             * @description When something is due by time.
             */
            next_attempt_at?: string | null;
            /** @description Its number. */
            number?: string | null;
            /** @description Always `invoice`. */
            object: string;
            /** @description What was paid. */
            paid: string;
            period?: components["schemas"]["InvoicePeriodOut"] | null;
            /** @description `draft`, `sealed`, `open`, `paid`, `void`, `uncollectible` or `discarded`. */
            status: string;
            /** @description The subscription that it is of. */
            subscription_id?: string | null;
            /** @description The sum of the lines, without tax. */
            subtotal: string;
            /** @description All taxes. */
            tax: string;
            /** @description What is to be paid. */
            total: string;
        };
        /** @description An invoice. */
        InvoiceOut: {
            /**
             * Format: int32
             * @description How many tries to be paid there were, with the one that is under way.
             */
            attempts: number;
            /**
             * Format: int32
             * @description The number of the subscription's bill that it came of.
             */
            bill?: number | null;
            /** @description `automatic`: the customer's payment method is charged; `send`: the customer pays by itself. */
            collection: string;
            /**
             * Format: date-time
             * @description When it was drafted.
             */
            created_at: string;
            /** @description What was taken back of it, in order. */
            credit_notes: components["schemas"]["InvoiceCreditNoteOut"][];
            /** @description What credit notes took off what was due. */
            credited: string;
            /** @description In this currency. */
            currency: string;
            /** @description Who is billed. */
            customer_id: string;
            /**
             * Format: date-time
             * @description Its date.
             */
            date: string;
            /** @description What is still to be paid. */
            due: string;
            /**
             * Format: date-time
             * @description When it is due; `null` until it is finalized.
             */
            due_at?: string | null;
            /**
             * Format: int32
             * @description How many days after its date that is.
             */
            due_days: number;
            /**
             * Format: date-time
             * @description When it got its number.
             */
            finalized_at?: string | null;
            /** @description Its id. */
            id: string;
            /** @description Whether one is under way. */
            is_attempting: boolean;
            last_failure?: components["schemas"]["InvoiceFailureOut"] | null;
            /** @description What it is for. */
            lines: components["schemas"]["InvoiceLineOut"][];
            /**
             * Format: date-time
             * @description When something is due by time: a try to be paid, or that it is overdue.
             */
            next_attempt_at?: string | null;
            /** @description Written on it. */
            note?: string | null;
            /** @description Its number, without a gap in its series; `null` until it is finalized. */
            number?: string | null;
            /** @description Always `invoice`. */
            object: string;
            /** @description What other invoices of the subscription took off it that gave back more than they charged. */
            offset: string;
            /**
             * Format: date-time
             * @description When it was found not to be paid in time, of one that the customer pays by itself.
             */
            overdue_at?: string | null;
            /** @description What was paid. */
            paid: string;
            /**
             * Format: date-time
             * @description When nothing was due any more.
             */
            paid_at?: string | null;
            /** @description The payment that is under way: of a try, or one that somebody made. There is one at a time. */
            payment_under_way?: string | null;
            /** @description Payments that have come for it, in order. */
            payments: components["schemas"]["InvoicePaymentOut"][];
            period?: components["schemas"]["InvoicePeriodOut"] | null;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description After how many days each a failed payment is tried again. */
            retry_days: number[];
            /** @description `draft`, `sealed` (it waits for its number), `open`, `paid`, `void`, `uncollectible` or `discarded`. */
            status: string;
            /** @description The subscription that it is of; `null` for one that somebody asked for. */
            subscription_id?: string | null;
            /** @description The sum of the lines, without tax. */
            subtotal: string;
            /** @description All taxes. */
            tax: string;
            /** @description The taxes: each rate on the sum of its lines. */
            taxes: components["schemas"]["InvoiceTaxOut"][];
            /** @description Dates are written on this wall clock. */
            time_zone: string;
            /** @description What is to be paid; never less than zero. */
            total: string;
            /**
             * Format: date-time
             * @description When it was marked as uncollectible.
             */
            uncollectible_at?: string | null;
            /**
             * Format: date-time
             * @description When it was voided.
             */
            voided_at?: string | null;
        };
        /** @description A payment that has come for an invoice. */
        InvoicePaymentOut: {
            /** @description How much of it. */
            amount: string;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Which. */
            payment_id: string;
            /** @description What came with it and was not due: it became credits. */
            surplus: string;
        };
        /** @description From its start up to, and without, its end. */
        InvoicePeriodOut: {
            /**
             * Format: date-time
             * @description The first moment after it.
             */
            end: string;
            /**
             * Format: date-time
             * @description Its first moment.
             */
            start: string;
        };
        /** @description What the next invoice of a subscription would be, if nothing but time passed. */
        InvoicePreviewOut: {
            /** @description Who is billed. */
            customer_id: string;
            invoice?: components["schemas"]["PreviewedInvoiceOut"] | null;
            /** @description Always `invoice_preview`. */
            object: string;
            /** @description The subscription. */
            subscription_id: string;
        };
        /** @description A version of a plan's price. */
        InvoicePriceOut: {
            /** @description The price's code. */
            code: string;
            /** @description The plan. */
            plan_id: string;
            /**
             * Format: int32
             * @description Its version.
             */
            version: number;
        };
        /** @description A tax rate as it was when the invoice was drafted. */
        InvoiceRateOut: {
            /** @description Whether the amount has it in it. */
            inclusive: boolean;
            /** @description What it is called. */
            name: string;
            /** @description In percent. */
            percent: string;
            /** @description Whether the customer owes it itself: then it comes to nothing here. */
            reverse_charge: boolean;
            /** @description The row of the tax table. */
            tax_rate_id: string;
        };
        /** @description How lines come to a total. */
        InvoiceSumsOut: {
            /** @description Whether these are what the invoice says. */
            holds: boolean;
            /** @description What of it is tax that is in them. */
            included_tax: string;
            /** @description The sum of the lines' amounts. */
            lines: string;
            /** @description The one less the other. */
            subtotal: string;
            /** @description All taxes, also those. */
            tax: string;
            /** @description For people: one sentence with the figures. */
            text: string;
            /** @description Both together. */
            total: string;
        };
        /** @description What a tax rate comes to on an invoice. */
        InvoiceTaxOut: components["schemas"]["InvoiceRateOut"] & {
            /** @description What it comes to. */
            amount: string;
            /** @description What it is computed on, without tax. */
            base: string;
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
        /** @description A rotation that the owner has yet to sign. */
        KeyRotationOut: {
            /**
             * Format: int64
             * @description In unix seconds, to be sent with the signature.
             */
            deadline: number;
            /** @description The address of the key that is to follow: to be sent with the signature. */
            key: string;
            /**
             * Format: int64
             * @description The session's next nonce, to be sent with the signature.
             */
            nonce: number;
            /** @description Always `key_rotation`. */
            object: string;
            /** @description The log's position after the key was made; `null` when none was, because it is the client's or waits already. */
            position?: string | null;
            /** @description Of this session key. */
            session_key_id: string;
            /** @description What the owner signs (EIP-712, `RotateKey`), for `eth_signTypedData_v4`. */
            typed_data: Record<string, never>;
        };
        /** @description One thing that was charged for; a flat amount has no meter. */
        LineOut: {
            /** @description (quantity − included) × unit price, or by the plan's price, exact. */
            amount: string;
            /** @description How much of that an allowance covered. */
            included_quantity?: string | null;
            /** @description The meter. */
            meter?: string | null;
            period?: components["schemas"]["LinePeriod"] | null;
            price?: components["schemas"]["LinePrice"] | null;
            /** @description How much of it. */
            quantity?: string | null;
            /** @description The price of one unit; `null` where a plan's price has more than one. */
            unit_price?: string | null;
        };
        /** @description A period of a subscription. */
        LinePeriod: {
            /**
             * Format: date-time
             * @description The first moment after it.
             */
            end: string;
            /**
             * Format: date-time
             * @description Its first moment.
             */
            start: string;
        };
        /** @description A price of a plan. */
        LinePrice: {
            /** @description The price's code. */
            code: string;
            /** @description The plan. */
            plan_id: string;
            /**
             * Format: int32
             * @description Its version.
             */
            version: number;
        };
        /** @description The sums of a line's charges, and what the line says. */
        LineProofOut: {
            /** @description What they come to. */
            amount: string;
            /**
             * Format: int64
             * @description How many charges were found.
             */
            charges: number;
            /** @description Whether all charges were looked at; of very many only the pages have all. */
            complete: boolean;
            /** @description What is left, as the line says: its amount before it was rounded. */
            exact: string;
            /** @description Whether they are as many, and come to as much, as the line says. */
            holds: boolean;
            /** @description How much of that an allowance covered. */
            included_quantity: string;
            /** @description What credits paid of it, as the line says. */
            paid_by_credits: string;
            /** @description How much was used in all of them. */
            quantity: string;
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
        /** @description What is left of a metered feature. */
        MeteredOut: {
            beyond?: components["schemas"]["PlanPriceBeyond"] | null;
            /** @description Reserved by holds in it. */
            held?: string | null;
            /** @description How much in each period; `null` for as much as one likes. */
            limit?: string | null;
            /** @description The meter. */
            meter: string;
            /** @description Left in it: neither used nor reserved; `null` for as much as one likes. */
            remaining?: string | null;
            /**
             * Format: date-time
             * @description When the next period begins.
             */
            resets_at?: string | null;
            /** @description Used in this period; `null` where nobody counts, because nothing is limited and nothing has a price. */
            used?: string | null;
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
            /** @description What happens beyond it: `block`, `charge`, or `credits` where only credits pay it. */
            overage?: string | null;
            /** @description The quota's period: `hour`, `day`, `month`, `total`, or `cycle` for a subscription's. */
            period?: string | null;
            /**
             * Format: date-time
             * @description When it began.
             */
            period_start?: string | null;
            /**
             * @description Left in it: neither used nor reserved. What was paid although some of an allowance was left, because credits go
             *     first, takes nothing of it.
             */
            remaining?: string | null;
            /**
             * Format: date-time
             * @description When the next begins.
             */
            resets_at?: string | null;
            /** @description The subscription whose quota it is. */
            subscription_id?: string | null;
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
            /**
             * Format: date-time
             * @description When it was used, if that was earlier: it counts in the period of that moment. Not in the future, at most 90 days
             *     ago. Not with session keys.
             */
            used_at?: string | null;
            voucher?: components["schemas"]["VoucherIn"] | null;
        };
        /** @description A new session key. */
        NewBatchSessionKey: {
            /** @description Who holds the key. */
            custody: components["schemas"]["CustodyIn"];
            /**
             * @description Who pays with it. Its account must be in USDC.
             * @example cus_01kaj3v1q8f5x7m2n9c4b6d8e0
             */
            customer_id: string;
            /** @description Makes this one safe to repeat; the batch's key and the index when left out. */
            idempotency_key?: string | null;
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
            /**
             * Format: date-time
             * @description When it was used, if that was earlier: it counts in the period of that moment. Not in the future, at most 90 days
             *     ago. Not with session keys.
             */
            used_at?: string | null;
            voucher?: components["schemas"]["VoucherIn"] | null;
        };
        /** @description Several charges. */
        NewCharges: {
            /** @description 1 to 1,000 charges, each as for `POST /v1/charges`, with an `idempotency_key` of its own. */
            charges: components["schemas"]["NewBatchCharge"][];
        };
        /** @description A new connector. */
        NewConnector: {
            /**
             * @description Where the provider's API is; its own when left out. It must be https; or on this machine, where the operator
             *     allows that.
             */
            api_base?: string | null;
            /**
             * @description Which provider: `stripe`, or `manual` for money that comes by hand.
             * @example stripe
             */
            kind: string;
            /** @description What you call it; 1 to 100 characters. */
            name: string;
            /** @description Shown to the provider with each call. Required, but for `manual`, which has none. */
            secret_key?: string | null;
            /**
             * @description What the provider signs its messages with. It can be set later, when the provider knows where to send them:
             *     until then no message is taken.
             */
            webhook_secret?: string | null;
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
        /** @description A part of an invoice to take back. */
        NewCreditNote: {
            /** @description What of which line, at least one; all that is left of the invoice when left out. */
            lines?: components["schemas"]["CreditLineIn"][];
            /** @description Why; 1 to 200 characters. It stands on the credit note. */
            reason: string;
            /**
             * @description What becomes of what was paid already: with `true` it is refunded to how it was paid, else it becomes credits of
             *     the customer; `false` when left out. What is still due is only lowered.
             */
            refund?: boolean;
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
            /** @description The test clock whose time it lives in, for ever; real time when left out. */
            test_clock_id?: string | null;
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
        /** @description A new invoice, as a draft. */
        NewInvoice: {
            /** @description Whether it is finalized at once; `false` when left out. One without lines stays a draft. */
            auto_finalize?: boolean;
            /** @description `automatic` or `send`; as the customer is billed when left out. */
            collection?: string | null;
            /** @description Who is billed. */
            customer_id: string;
            /**
             * Format: int32
             * @description Days after its date at which it is due, at most 730; when left out 30 for one that the customer pays by itself,
             *     and 0 for one that is charged.
             */
            due_days?: number | null;
            /**
             * @description Whether it takes what was charged and is on no invoice yet, of meters that belong to no subscription; `false`
             *     when left out.
             */
            include_pending_usage?: boolean;
            /** @description What for. More can be added while it is a draft. */
            lines?: components["schemas"]["NewInvoiceLine"][];
            /** @description Written on it; 1 to 500 characters. */
            note?: string | null;
            /** @description After how many days each a failed payment is tried again: up to 10 of 1 to 60; never when left out. */
            retry_days?: number[];
        };
        /** @description A line to be: either an amount, or a quantity and its unit price. */
        NewInvoiceLine: {
            /**
             * @description What it comes to; less than zero gives back.
             * @example 120
             */
            amount?: string | null;
            /** @description What for; 1 to 200 characters. */
            description: string;
            /** @description How many. */
            quantity?: string | null;
            /** @description Which tax rates apply; `standard` when left out. */
            tax_category?: string | null;
            /** @description What one costs. */
            unit_price?: string | null;
        };
        /** @description Which key is to follow. */
        NewKeyRotation: {
            /** @description The address of the client's new key: required for `self`, refused for `managed`. */
            key?: string | null;
        };
        /** @description A new payment: for an invoice, or of an amount. */
        NewPayment: {
            /** @description How much. For an invoice at most what is due, and all of that when left out. */
            amount?: string | null;
            /** @description When the money is taken; `automatic` when left out. */
            capture?: components["schemas"]["PaymentCapture"];
            /** @description Who makes it; that of the customer's payment method when left out. */
            connector_id?: string | null;
            /** @description Who pays, when it is for no invoice. */
            customer_id?: string | null;
            /** @description What for. This or `customer_id` and `amount`. */
            invoice_id?: string | null;
            /** @description Whether the customer is away, so that nobody can be asked to authenticate; `false` when left out. */
            off_session?: boolean;
            payment_method?: components["schemas"]["PaymentMethodRef"] | null;
        };
        /** @description A plan, or another version of one. */
        NewPlan: {
            /**
             * @description Its code, for ever: 1 to 64 of `a-z 0-9 _ . -`. Required of a new plan; of another version that of the plan, or
             *     left out.
             * @example basic
             */
            code?: string | null;
            /**
             * Format: int32
             * @description How many days after its date an invoice is due: 0 to 730; 14 when left out.
             */
            due_days?: number | null;
            /** @description Up to 100 features, by code. */
            features?: {
                [key: string]: components["schemas"]["PlanFeature"];
            };
            /**
             * Format: int32
             * @description How many days a subscription goes on when its invoice is not paid, or when its renewal is off: 0 to 730; none when
             *     left out. Without a grace a subscription that is not paid for ends with the last try.
             */
            grace_days?: number | null;
            interval?: components["schemas"]["PlanInterval"] | null;
            late_usage?: components["schemas"]["PlanLateUsage"] | null;
            /** @description What it is called; 1 to 200 characters. */
            name: string;
            /** @description Up to 50 prices, all in the same currencies. */
            prices?: components["schemas"]["PlanPrice"][];
            /**
             * Format: int32
             * @description How many days before a trial's or a period's end a reminder is due: 0 to 730; none when left out.
             */
            reminder_days?: number | null;
            /** @description After how many days each a failed payment is tried again: up to 10 times 1 to 60; `[1, 3, 5]` when left out. */
            retry_days?: number[] | null;
            /**
             * Format: int32
             * @description How many days are free at first: 0 to 730; none when left out.
             */
            trial_days?: number | null;
        };
        /** @description A refund to be. */
        NewRefund: {
            /** @description How much; all that is left when left out. */
            amount?: string | null;
            /** @description Why; 1 to 200 characters. Must not be personal data. */
            reason: string;
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
        /** @description Several session keys to be drawn up. */
        NewSessionKeys: {
            /** @description 1 to 100, each as for `POST /v1/session_keys`, with an `idempotency_key` of its own. */
            session_keys: components["schemas"]["NewBatchSessionKey"][];
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
        /** @description A subscription to be. The plan is named by `plan_id` or `plan_code`. */
        NewSubscription: {
            /**
             * @description Where periods begin: `anniversary` (when it began) when left out, `calendar` (the first of the month, of the year;
             *     Monday; midnight), or a time: on its day, at its time of day.
             * @example anniversary
             */
            anchoring?: string | null;
            /** @description Whether it renews by itself; `true` when left out. */
            auto_renew?: boolean | null;
            /** @description Whether it ends with its trial; `false` when left out. */
            cancel_at_trial_end?: boolean;
            /** @description Whose. */
            customer_id: string;
            /**
             * @description The plan by its code.
             * @example basic
             */
            plan_code?: string | null;
            /** @description The plan; its last published version is what the subscription keeps. */
            plan_id?: string | null;
            /** @description Seats: a whole number from 1 to 1,000,000, as a decimal string; 1 when left out. */
            quantity?: string | null;
            /**
             * Format: int32
             * @description How many days are free at first: 0 to 730; as the plan says when left out.
             */
            trial_days?: number | null;
        };
        /** @description A row of the tax table. */
        NewTaxRate: {
            /** @description For this kind of thing, as prices name it; `standard` when left out. */
            category?: string | null;
            /**
             * @description For customers in this country: two capital letters of ISO 3166-1.
             * @example DE
             */
            country: string;
            /** @description Whether prices have it in them already; `false` when left out. */
            inclusive?: boolean;
            /**
             * @description What it is called on invoices; 1 to 64 characters.
             * @example VAT
             */
            name: string;
            /**
             * @description In percent: a decimal string, at most 100, at most 4 decimals.
             * @example 19
             */
            percent: string;
            /** @description Whether a business with a tax id in another country than yours owes it itself; `false` when left out. */
            reverse_charge?: boolean;
            /** @description Only in this part of it, of ISO 3166-2 without the country; all of it when left out. */
            subdivision?: string | null;
        };
        /** @description A test clock to be. */
        NewTestClock: {
            /** @description What you call it; 1 to 100 characters. */
            name?: string | null;
            /**
             * Format: date-time
             * @description What it shows at first; the time of now when left out. From the year 2000 to 2100.
             */
            now?: string | null;
        };
        /** @description A withdrawal. */
        NewWithdrawal: {
            /** @description How much: a decimal string in USDC, at most 6 decimals; all there is when left out. */
            amount?: string | null;
            /** @description The owner's signature of this amount. */
            owner_signature: components["schemas"]["OwnerSignatureIn"];
        };
        /** @description A bill that is being made: its invoice is on its way. */
        OpenBillOut: {
            /**
             * Format: date-time
             * @description The date of its invoice.
             */
            at: string;
            /**
             * Format: int32
             * @description 1, 2, 3… in this subscription.
             */
            number: number;
            /** @description `start`, `trial_end`, `renewal`, `change`, `pause`, `resume` or `end`. */
            reason: string;
        };
        /** @description What invoices say of the organization. All of it: what is left out is empty. */
        OrganizationBillingIn: {
            /** @description Its address, line by line: up to 6 lines of 1 to 100 characters. */
            address?: string[];
            /** @description What stands before numbers of credit notes; `CN-` when left out. */
            credit_note_prefix?: string | null;
            /** @description Where to write to; 1 to 254 characters. */
            email?: string | null;
            /** @description At the foot of each page, for example a bank account; 1 to 500 characters. */
            footer?: string | null;
            /** @description What stands before invoice numbers: up to 20 visible ASCII characters; `INV-` when left out. */
            invoice_prefix?: string | null;
            /** @description Its name on invoices; that of the organization when left out. 1 to 200 characters. */
            legal_name?: string | null;
            tax?: components["schemas"]["TaxProfileIn"] | null;
        };
        /** @description What invoices say of the organization. */
        OrganizationBillingOut: {
            /** @description Its address, line by line. */
            address: string[];
            /** @description What stands before numbers of credit notes; `null` for `CN-`. */
            credit_note_prefix?: string | null;
            /** @description Where to write to. */
            email?: string | null;
            /** @description At the foot of each page. */
            footer?: string | null;
            /** @description What stands before invoice numbers; `null` for `INV-`. */
            invoice_prefix?: string | null;
            /** @description Its name on invoices; `null` for that of the organization. */
            legal_name?: string | null;
            /** @description Always `organization_billing`. */
            object: string;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description Where it is, and its tax id. */
            tax: components["schemas"]["TaxProfileOut"];
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
        Page_ChainOut: {
            /** @description The entries. */
            data: {
                /** @description The contract. */
                contract: string;
                disagreement?: components["schemas"]["DisagreementOut"] | null;
                /**
                 * Format: int64
                 * @description The newest final block, as it last saw it.
                 */
                final_block?: number | null;
                halted?: components["schemas"]["HaltOut"] | null;
                /**
                 * Format: int64
                 * @description The newest block, as the worker last saw it.
                 */
                head_block?: number | null;
                /**
                 * Format: date-time
                 * @description When that was.
                 */
                heard_at?: string | null;
                /**
                 * Format: int64
                 * @description EIP-155 id of the chain.
                 */
                id: number;
                /**
                 * Format: int64
                 * @description The last final block of which everything is in the log; `null` before the first.
                 */
                last_read_block?: number | null;
                /** @description Its name, for example `base`. */
                name: string;
                /** @description Always `chain`. */
                object: string;
                /**
                 * @description `following`; `halted` while the chain is not the one that was read and no person has looked; `reading_anew` after
                 *     that, until what was sent before was sent again; `not_followed` where no worker has ever read it.
                 */
                status: string;
                /**
                 * Format: date-time
                 * @description Since when the worker cannot go on; `null` when it can.
                 */
                stuck_since?: string | null;
                /** @description The token. */
                token: string;
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
                /**
                 * Format: date-time
                 * @description When it was used, where that was said.
                 */
                used_at?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_ConnectorOut: {
            /** @description The entries. */
            data: {
                /** @description Where the provider's API is; `null` for its own. */
                api_base?: string | null;
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description Its id. */
                id: string;
                /** @description `stripe` or `manual`. */
                kind: string;
                /** @description What you call it. */
                name: string;
                /** @description Always `connector`. */
                object: string;
                /** @description The log's position after the command; `null` when it was only asked for. */
                position?: string | null;
                /**
                 * Format: date-time
                 * @description When it was removed: it makes no payments any more.
                 */
                removed_at?: string | null;
                /** @description Where the provider is to send its messages: this path of the API. It asks for no API key. */
                webhook_path: string;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_CreditNoteListedOut: {
            /** @description The entries. */
            data: {
                /** @description The invoice's. */
                currency: string;
                /** @description Whose. */
                customer_id: string;
                /**
                 * Format: date-time
                 * @description When it was issued.
                 */
                date: string;
                /** @description Its id. */
                id: string;
                /** @description The invoice. */
                invoice_id: string;
                /** @description Its number. */
                number?: string | null;
                /** @description Always `credit_note`. */
                object: string;
                /** @description All of it, with tax. */
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
        Page_CreditNoteOut: {
            /** @description The entries. */
            data: {
                /** @description The invoice's. */
                currency: string;
                /** @description Whose. */
                customer_id: string;
                /**
                 * Format: date-time
                 * @description When it was issued.
                 */
                date: string;
                /** @description Its id. */
                id: string;
                /** @description The invoice. */
                invoice_id: string;
                /** @description What it takes back. */
                lines: components["schemas"]["CreditLineOut"][];
                /** @description Its number, without a gap in its series; `null` until it has it. */
                number?: string | null;
                /** @description Always `credit_note`. */
                object: string;
                /** @description What of it lowered what was due. */
                off_due: string;
                /** @description The log's position after the command; `null` when it was only asked for. */
                position?: string | null;
                /** @description Why. */
                reason: string;
                /** @description The taxes that go with it. */
                taxes: components["schemas"]["InvoiceTaxOut"][];
                /** @description What became credits. */
                to_credits: string;
                /** @description What is refunded. */
                to_refund: string;
                /** @description All of it, with tax. */
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
                /** @description The test clock whose time it lives in; `null` for real time. */
                test_clock_id?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_DifferenceOut: {
            /** @description The entries. */
            data: {
                /** @description How much they differ. */
                amount?: string | null;
                /**
                 * Format: int64
                 * @description As of this block.
                 */
                as_of_block: number;
                /** @description Why that may be, and what was seen. */
                causes: string[];
                /** @description What the chain says. */
                chain: string;
                /**
                 * Format: date-time
                 * @description When its figures were noted last.
                 */
                changed_at: string;
                /**
                 * Format: date-time
                 * @description When it was closed; `null` while it is open.
                 */
                closed_at?: string | null;
                /** @description Who closed it: `api_key:…`, or `chain` when it has gone away. */
                closed_by?: string | null;
                /** @description The token. */
                currency: string;
                /** @description Its id: the same whenever the same thing differs. */
                id: string;
                /** @description What the ledger says; of a payee, of the transactions that differ. */
                ledger: string;
                /** @description What a person said. */
                note?: string | null;
                /** @description Always `reconciliation_difference`. */
                object: string;
                /**
                 * Format: date-time
                 * @description When it was opened last.
                 */
                opened_at: string;
                /** @description `open`; `explained` or `accepted` by a person; `resolved` when ledger and chain agree again. */
                status: string;
                /**
                 * @description What differs: `type` is `session_escrow` or `session_claimed` (with `session_key_id`), `payee` (with `chain_id`,
                 *     `token`, `payee`) or `exact_payment` (with `exact_payment_id`).
                 */
                subject: Record<string, never>;
                /**
                 * Format: int32
                 * @description How often it was opened.
                 */
                times_opened: number;
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
        Page_ExplainedChargeOut: {
            /** @description The entries. */
            data: {
                /** @description What that costs. */
                amount: string;
                /** @description What the charge comes to with whatever else it was for. */
                charge_amount: string;
                /** @description Its id: `GET /v1/charges/{id}/explain` goes on from there. */
                charge_id: string;
                /** @description The caller's words. */
                description?: string | null;
                /** @description Its event. */
                event_id: string;
                /** @description How much of that an allowance covered. */
                included_quantity: string;
                /**
                 * Format: date-time
                 * @description When it was charged.
                 */
                occurred_at: string;
                /** @description What credits paid of all of it. */
                paid_by_credits: string;
                /** @description That one's place in the log. */
                position: string;
                /** @description How much of it belongs to the line. */
                quantity: string;
                /**
                 * Format: date-time
                 * @description When it was used, where that was said.
                 */
                used_at?: string | null;
                /**
                 * Format: int64
                 * @description That one's place in the account's stream.
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
        Page_InvoiceListedOut: {
            /** @description The entries. */
            data: {
                /** @description What credit notes took off what was due. */
                credited: string;
                /** @description In this currency. */
                currency: string;
                /** @description Who is billed. */
                customer_id: string;
                /**
                 * Format: date-time
                 * @description Its date.
                 */
                date: string;
                /** @description What is still to be paid. */
                due: string;
                /**
                 * Format: date-time
                 * @description When it is due.
                 */
                due_at?: string | null;
                /** @description Its id. */
                id: string;
                /**
                 * Format: date-time
                 * @description When something is due by time.
                 */
                next_attempt_at?: string | null;
                /** @description Its number. */
                number?: string | null;
                /** @description Always `invoice`. */
                object: string;
                /** @description What was paid. */
                paid: string;
                period?: components["schemas"]["InvoicePeriodOut"] | null;
                /** @description `draft`, `sealed`, `open`, `paid`, `void`, `uncollectible` or `discarded`. */
                status: string;
                /** @description The subscription that it is of. */
                subscription_id?: string | null;
                /** @description The sum of the lines, without tax. */
                subtotal: string;
                /** @description All taxes. */
                tax: string;
                /** @description What is to be paid. */
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
        Page_PaymentListedOut: {
            /** @description The entries. */
            data: {
                /** @description How much. */
                amount: string;
                /** @description What was captured. */
                captured: string;
                /** @description Who makes it; `null` for one that was recorded by hand. */
                connector_id?: string | null;
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description In this currency. */
                currency: string;
                /** @description Who pays. */
                customer_id: string;
                /** @description The provider's code, if it was ever declined. */
                failure_code?: string | null;
                /** @description Its id. */
                id: string;
                /** @description What for. */
                invoice_id?: string | null;
                /** @description Always `payment`. */
                object: string;
                /** @description Whether a payout file had it. */
                paid_out: boolean;
                /** @description The provider's id for it. */
                provider_id?: string | null;
                /** @description What was refunded, or is being refunded. */
                refunded: string;
                /** @description `created`, `processing`, `requires_action`, `authorized`, `succeeded`, `failed` or `cancelled`. */
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
        Page_PayoutListedOut: {
            /** @description The entries. */
            data: {
                /**
                 * Format: int32
                 * @description How many somebody has explained.
                 */
                closed: number;
                /** @description From whom. */
                connector_id: string;
                /** @description Its id. */
                id: string;
                /**
                 * Format: date-time
                 * @description When it was taken in.
                 */
                imported_at: string;
                /**
                 * Format: int32
                 * @description How many lines it has.
                 */
                lines: number;
                /**
                 * Format: int32
                 * @description How many of them are what the ledger says.
                 */
                matched: number;
                /** @description Always `payout`. */
                object: string;
                /**
                 * Format: int32
                 * @description How many are open items.
                 */
                open: number;
                /**
                 * Format: date-time
                 * @description When it was paid out.
                 */
                paid_out_at?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_PlanListedOut: {
            /** @description The entries. */
            data: {
                /** @description Its code. */
                code: string;
                /**
                 * Format: date-time
                 * @description When the plan was made.
                 */
                created_at: string;
                /** @description Its id. */
                id: string;
                /** @description What its last version is called. */
                name: string;
                /** @description Always `plan`. */
                object: string;
                /**
                 * Format: int32
                 * @description The version that new subscriptions get.
                 */
                published_version?: number | null;
                /**
                 * Format: date-time
                 * @description When it was retired.
                 */
                retired_at?: string | null;
                /** @description `published`, `draft` while no version is, or `retired`. */
                status: string;
                /**
                 * Format: int32
                 * @description The last version.
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
                /**
                 * @description Why it was opened: `threshold`, `age`, `requested`, `withdrawal`, `frozen`, `revoked` or `expiry`;
                 *     `ending` in older ones.
                 */
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
        /** @description A page of a list. */
        Page_StatementOut: {
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
                lines: components["schemas"]["StatementLineOut"][];
                /** @description `YYYY-MM`, calendar months in UTC. */
                month: string;
                /** @description Always `statement`. */
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
        Page_SubscriptionListedOut: {
            /** @description The entries. */
            data: {
                /** @description Whether it renews by itself. */
                auto_renew: boolean;
                /** @description Whether it ends with its period, or its trial. */
                cancel_at_period_end: boolean;
                /**
                 * Format: date-time
                 * @description When it began.
                 */
                created_at: string;
                /** @description The currency of the customer's account. */
                currency: string;
                /** @description Whose. */
                customer_id: string;
                /**
                 * Format: date-time
                 * @description When it ended.
                 */
                ended_at?: string | null;
                /** @description Its id. */
                id: string;
                /**
                 * Format: date-time
                 * @description When something is due by time next.
                 */
                next_due_at?: string | null;
                /** @description Always `subscription`. */
                object: string;
                period?: components["schemas"]["SubscriptionPeriodOut"] | null;
                /** @description The plan's code. */
                plan_code: string;
                /** @description The plan. */
                plan_id: string;
                /**
                 * Format: int32
                 * @description The version that it keeps.
                 */
                plan_version: number;
                /** @description Seats. */
                quantity: string;
                /** @description `trialing`, `active`, `past_due`, `paused`, `cancelled` or `expired`. */
                status: string;
                /**
                 * Format: date-time
                 * @description When the trial ends, or ended.
                 */
                trial_end?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_TaxRateOut: {
            /** @description The entries. */
            data: {
                /** @description For this kind of thing. */
                category: string;
                /** @description For customers in this country. */
                country: string;
                /** @description Its id. */
                id: string;
                /** @description Whether prices have it in them already. */
                inclusive: boolean;
                /** @description What it is called on invoices. */
                name: string;
                /** @description Always `tax_rate`. */
                object: string;
                /** @description In percent. */
                percent: string;
                /** @description The log's position after the command; `null` when it was only asked for. */
                position?: string | null;
                /** @description Whether a business with a tax id in another country than yours owes it itself. */
                reverse_charge: boolean;
                /** @description Only in this part of it; `null` for all of it. */
                subdivision?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_TestClockOut: {
            /** @description The entries. */
            data: {
                /**
                 * Format: date-time
                 * @description When it was made, by the real clock.
                 */
                created_at: string;
                /** @description Its id. */
                id: string;
                /** @description What you call it. */
                name: string;
                /**
                 * Format: date-time
                 * @description What it shows.
                 */
                now: string;
                /** @description Always `test_clock`. */
                object: string;
                /** @description The log's position after the command; `null` when it was only asked for. */
                position?: string | null;
                /** @description `ready`, or `advancing` while it is on its way. */
                status: string;
                /**
                 * Format: date-time
                 * @description Where it is on its way to; `null` when it is ready.
                 */
                target?: string | null;
            }[];
            /** @description Whether there are more. */
            has_more: boolean;
            /** @description What to pass as `cursor` to get them. */
            next_cursor?: string | null;
            /** @description Always `list`. */
            object: string;
        };
        /** @description A page of a list. */
        Page_WebhookOut: {
            /** @description The entries. */
            data: {
                /** @description The connector that it came to. */
                connector_id: string;
                /**
                 * Format: date-time
                 * @description When the provider made it.
                 */
                created_at: string;
                /** @description Its id. */
                id: string;
                /** @description Always `webhook`. */
                object: string;
                /**
                 * @description `applied` (it told something new), `known_already` (known, or overtaken), `not_ours` (about nothing of yours, or
                 *     of a type that says nothing here) or `refused` (it contradicts what is known: a person must look); `null` until it
                 *     was taken in.
                 */
                outcome?: string | null;
                /** @description The payment that it names. */
                payment_id?: string | null;
                /** @description The provider's id for it. */
                provider_event_id: string;
                /** @description The provider's type, for example `payment_intent.succeeded`. */
                provider_type: string;
                /**
                 * Format: date-time
                 * @description When it came.
                 */
                received_at: string;
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
        /** @description A pause. */
        PauseSubscription: {
            /**
             * Format: date-time
             * @description When it goes on by itself; when you say so, when left out.
             */
            resumes_at?: string | null;
        };
        /** @description Where settlements are paid to. */
        PayeeIn: {
            /**
             * @description The organization's address on chain. Session keys that were drawn up before keep theirs.
             * @example 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266
             */
            payee: string;
        };
        /** @description Money that has come. */
        PayInvoice: {
            /** @description How much; all that is due when left out. */
            amount?: string | null;
            /**
             * Format: date-time
             * @description When it came; now when left out.
             */
            received_at?: string | null;
            /** @description For example the bank's reference; 1 to 100 characters. Must not be personal data. */
            reference?: string | null;
        };
        /**
         * @description When the money is taken.
         * @enum {string}
         */
        PaymentCapture: "automatic" | "manual";
        /** @description Why a payment was declined. */
        PaymentFailureOut: {
            /** @description The provider's code. */
            code: string;
            /** @description The provider's words. */
            message: string;
        };
        /** @description A payment in a list. */
        PaymentListedOut: {
            /** @description How much. */
            amount: string;
            /** @description What was captured. */
            captured: string;
            /** @description Who makes it; `null` for one that was recorded by hand. */
            connector_id?: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description In this currency. */
            currency: string;
            /** @description Who pays. */
            customer_id: string;
            /** @description The provider's code, if it was ever declined. */
            failure_code?: string | null;
            /** @description Its id. */
            id: string;
            /** @description What for. */
            invoice_id?: string | null;
            /** @description Always `payment`. */
            object: string;
            /** @description Whether a payout file had it. */
            paid_out: boolean;
            /** @description The provider's id for it. */
            provider_id?: string | null;
            /** @description What was refunded, or is being refunded. */
            refunded: string;
            /** @description `created`, `processing`, `requires_action`, `authorized`, `succeeded`, `failed` or `cancelled`. */
            status: string;
        };
        /** @description A payment method, by the names that the provider gave it. No card data. */
        PaymentMethodRef: {
            /** @description The provider's customer; 1 to 255 characters. */
            customer?: string | null;
            /**
             * @description The provider's payment method; 1 to 255 characters.
             * @example pm_1PxYz2eZvKYlo2C
             */
            method: string;
        };
        /** @description In which order a customer's money is used. */
        PaymentOrderIn: {
            /**
             * @description What pays first, second, third: each at most once, at least one. What is left out pays nothing.
             * @example [
             *       "credits",
             *       "allowance",
             *       "postpaid"
             *     ]
             */
            order: components["schemas"]["PaymentSource"][];
        };
        /** @description In which order a customer's money is used. */
        PaymentOrderOut: {
            /** @description Whose. */
            customer_id: string;
            /** @description Always `payment_order`. */
            object: string;
            /** @description What pays first, second, third. */
            order: components["schemas"]["PaymentSource"][];
            /** @description The log's position after the command. */
            position: string;
        };
        /** @description A payment. */
        PaymentOut: {
            /** @description Where the customer has to go, while it has to. */
            action_url?: string | null;
            /** @description How much. */
            amount: string;
            /** @description Whether it is to be cancelled. */
            cancel_requested: boolean;
            /** @description When the money is taken. */
            capture: components["schemas"]["PaymentCapture"];
            /** @description What is to be captured; `null` while nothing is. */
            capture_requested?: string | null;
            /** @description What was captured. */
            captured: string;
            /** @description Who makes it; `null` for one that was recorded by hand. */
            connector_id?: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description In this currency. */
            currency: string;
            /** @description Who pays. */
            customer_id: string;
            /** @description What the provider has taken back for disputes that are open or lost. */
            disputed: string;
            /** @description Its disputes. */
            disputes: components["schemas"]["DisputeOut"][];
            failure?: components["schemas"]["PaymentFailureOut"] | null;
            /** @description Its id. */
            id: string;
            /** @description What for; `null` for one that is applied to no invoice. */
            invoice_id?: string | null;
            /** @description Whether the provider has to be asked for something. */
            is_asking: boolean;
            /** @description Whether it, or a refund of it, waits at the provider. */
            is_waiting: boolean;
            /** @description Always `payment`. */
            object: string;
            /** @description Whether the customer is away. */
            off_session: boolean;
            payment_method?: components["schemas"]["PaymentMethodRef"] | null;
            /** @description The payout file that it was paid out with. */
            payout_id?: string | null;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description The provider's id for it; of one recorded by hand its reference. */
            provider_id?: string | null;
            /**
             * Format: date-time
             * @description When the money came.
             */
            received_at?: string | null;
            /** @description What can still be refunded. */
            refundable: string;
            /** @description What was refunded, or is being refunded. */
            refunded: string;
            /** @description Its refunds, in the order in which they were asked for. */
            refunds: components["schemas"]["RefundOut"][];
            refusal?: components["schemas"]["PaymentRefusalOut"] | null;
            /**
             * @description `created` (the provider has not answered), `processing`, `requires_action`, `authorized`, `succeeded`, `failed` or
             *     `cancelled`.
             */
            status: string;
            /** @description What was more than was due of its invoice, and became credits. */
            to_credits: string;
        };
        /** @description Why a provider would not do what it was asked for. The payment stands as before. */
        PaymentRefusalOut: {
            /** @description `capture` or `cancel`. */
            asked: string;
            /** @description The provider's code. */
            code: string;
            /** @description The provider's words. */
            message: string;
        };
        /**
         * @description What may pay a charge.
         * @enum {string}
         */
        PaymentSource: "allowance" | "credits" | "postpaid";
        /** @description A line of a payout file, and what became of it. */
        PayoutLineOut: {
            /** @description The provider's kind. */
            category: string;
            /**
             * @description Why it is open: `unknown`, `amount_differs`, `currency_differs`, `not_succeeded`, `paid_out_twice` or
             *     `no_payment` (a fee, an adjustment).
             */
            cause?: string | null;
            /** @description In this currency. */
            currency: string;
            /** @description The dispute that it matches, by the provider's id. */
            dispute_id?: string | null;
            /** @description Why it is none any more, in words. */
            explanation?: string | null;
            /** @description What the provider kept. */
            fee: string;
            /** @description Before fees; less than zero for what went back. */
            gross: string;
            /** @description Its place, from 0. */
            index: number;
            /** @description After fees. */
            net: string;
            /** @description The payment that it matches. */
            payment_id?: string | null;
            /** @description The provider's id for it. */
            provider_line_id: string;
            /** @description The refund that it matches. */
            refund_id?: string | null;
            /** @description The provider's id for what it is about. */
            source_id?: string | null;
            /** @description `matched`, `open` or `closed`. */
            state: string;
        };
        /** @description A payout file in a list. */
        PayoutListedOut: {
            /**
             * Format: int32
             * @description How many somebody has explained.
             */
            closed: number;
            /** @description From whom. */
            connector_id: string;
            /** @description Its id. */
            id: string;
            /**
             * Format: date-time
             * @description When it was taken in.
             */
            imported_at: string;
            /**
             * Format: int32
             * @description How many lines it has.
             */
            lines: number;
            /**
             * Format: int32
             * @description How many of them are what the ledger says.
             */
            matched: number;
            /** @description Always `payout`. */
            object: string;
            /**
             * Format: int32
             * @description How many are open items.
             */
            open: number;
            /**
             * Format: date-time
             * @description When it was paid out.
             */
            paid_out_at?: string | null;
        };
        /** @description A payout file. */
        PayoutOut: {
            /** @description How many somebody has explained. */
            closed: number;
            /** @description From whom. */
            connector_id: string;
            /** @description Its id: follows from its content. */
            id: string;
            /**
             * Format: date-time
             * @description When it was taken in.
             */
            imported_at: string;
            /** @description Its lines, in order. */
            lines: components["schemas"]["PayoutLineOut"][];
            /** @description How many lines are what the ledger says. */
            matched: number;
            /** @description Always `payout`. */
            object: string;
            /** @description How many are open items. */
            open: number;
            /**
             * Format: date-time
             * @description When it was paid out, if all its lines say the same.
             */
            paid_out_at?: string | null;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
        };
        /** @description A change that is to come. */
        PendingChangeOut: {
            /**
             * Format: date-time
             * @description From this moment on.
             */
            effective_at: string;
            plan?: components["schemas"]["SubscribedPlanOut"] | null;
            /** @description Seats from then on. */
            quantity: string;
        };
        /** @description A key that is about to replace the present one. */
        PendingKeyRotationOut: {
            /**
             * Format: date-time
             * @description Until when the contract takes what the present key has signed.
             */
            claimable_until: string;
            /** @description Its address. */
            key: string;
            /**
             * Format: int64
             * @description The block in which that was seen.
             */
            seen_block: number;
        };
        /**
         * @description How long a quota counts before it starts anew; calendar borders in UTC.
         * @enum {string}
         */
        PeriodIn: "hour" | "day" | "month" | "total";
        /** @description What a plan gives beyond its prices. Which fields there are follows from the kind. */
        PlanFeature: {
            /** @description Of `boolean`: whether it may be used. */
            enabled?: boolean | null;
            /** @description What kind. */
            kind: components["schemas"]["PlanFeatureKind"];
            /** @description Of `metered`: how much in each period, what the meter's price includes; as much as one likes when left out. */
            limit?: string | null;
            /** @description Of `metered`: which meter of the price list. */
            meter?: string | null;
            /** @description Of `static`: its value; 1 to 500 characters. */
            value?: string | null;
        };
        /**
         * @description A kind of feature.
         * @enum {string}
         */
        PlanFeatureKind: "boolean" | "static" | "metered";
        /** @description How long a period is. */
        PlanInterval: {
            /**
             * Format: int32
             * @description How many of them: 1 to 120; 1 when left out.
             */
            count?: number | null;
            /** @description The unit, in the customer's time zone. */
            unit: components["schemas"]["PlanIntervalUnit"];
        };
        /**
         * @description The unit of a period.
         * @enum {string}
         */
        PlanIntervalUnit: "day" | "week" | "month" | "year";
        /**
         * @description What becomes of usage that comes after its period's close.
         * @enum {string}
         */
        PlanLateUsage: "next_invoice" | "waive";
        /** @description A plan in a list: without what it says. */
        PlanListedOut: {
            /** @description Its code. */
            code: string;
            /**
             * Format: date-time
             * @description When the plan was made.
             */
            created_at: string;
            /** @description Its id. */
            id: string;
            /** @description What its last version is called. */
            name: string;
            /** @description Always `plan`. */
            object: string;
            /**
             * Format: int32
             * @description The version that new subscriptions get.
             */
            published_version?: number | null;
            /**
             * Format: date-time
             * @description When it was retired.
             */
            retired_at?: string | null;
            /** @description `published`, `draft` while no version is, or `retired`. */
            status: string;
            /**
             * Format: int32
             * @description The last version.
             */
            version: number;
        };
        /** @description A plan, with what one of its versions says. */
        PlanOut: {
            /** @description Its code. */
            code: string;
            /**
             * Format: date-time
             * @description When this version was drafted.
             */
            created_at: string;
            /**
             * Format: int32
             * @description The draft, which may still change; `null` without one.
             */
            draft_version?: number | null;
            /**
             * Format: int32
             * @description How many days after its date an invoice is due.
             */
            due_days: number;
            /** @description The features, by code. */
            features: {
                [key: string]: components["schemas"]["PlanFeature"];
            };
            /**
             * Format: int32
             * @description How many days a subscription goes on when its invoice is not paid, or when its renewal is off.
             */
            grace_days: number;
            /** @description Its id. */
            id: string;
            /** @description How long a period is. */
            interval: components["schemas"]["PlanInterval"];
            /** @description What becomes of usage that comes after its period's close. */
            late_usage: components["schemas"]["PlanLateUsage"];
            /** @description What it is called. */
            name: string;
            /** @description Always `plan`. */
            object: string;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description The prices. */
            prices: components["schemas"]["PlanPrice"][];
            /**
             * Format: date-time
             * @description When this version was published; `null` for a draft.
             */
            published_at?: string | null;
            /**
             * Format: int32
             * @description The version that new subscriptions get; `null` until one was published.
             */
            published_version?: number | null;
            /**
             * Format: int32
             * @description How many days before a trial's or a period's end a reminder is due.
             */
            reminder_days: number;
            /**
             * Format: date-time
             * @description When the plan was retired.
             */
            retired_at?: string | null;
            /** @description After how many days each a failed payment is tried again. */
            retry_days: number[];
            /** @description `draft` or `published`, of the version that is shown; `retired` when nobody can subscribe to it any more. */
            status: string;
            /**
             * Format: int32
             * @description How many days are free at first.
             */
            trial_days: number;
            /**
             * Format: int32
             * @description The version that is shown: 1, 2, 3…
             */
            version: number;
        };
        /** @description A price of a plan. */
        PlanPrice: {
            beyond?: components["schemas"]["PlanPriceBeyond"] | null;
            /**
             * @description Its code, unique in the plan: 1 to 64 of `a-z 0-9 _ . -`.
             * @example seat
             */
            code: string;
            /** @description What it costs, by currency; the same currencies in all prices of a plan. */
            currencies: {
                [key: string]: components["schemas"]["PlanPricing"];
            };
            due?: components["schemas"]["PlanPriceDue"] | null;
            /** @description What it is for. */
            kind: components["schemas"]["PlanPriceKind"];
            /** @description Of usage: which meter of the price list; required. */
            meter?: string | null;
            /** @description What it is called on invoices; 1 to 200 characters. */
            name: string;
            /** @description Of a recurring fee: whether it is for each seat; `false` when left out. */
            per_seat?: boolean | null;
            /** @description Which tax rates apply; `standard` when left out. */
            tax_category?: string | null;
        };
        /**
         * @description What happens to usage beyond what is included.
         * @enum {string}
         */
        PlanPriceBeyond: "block" | "charge" | "credits";
        /**
         * @description When a fee is due.
         * @enum {string}
         */
        PlanPriceDue: "in_advance" | "in_arrears";
        /**
         * @description What a price is for.
         * @enum {string}
         */
        PlanPriceKind: "recurring" | "one_time" | "usage";
        /**
         * @description How a quantity becomes an amount.
         * @enum {string}
         */
        PlanPriceModel: "flat" | "per_unit" | "graduated" | "volume" | "package" | "percentage";
        /**
         * @description What something costs in one currency. Amounts and quantities are decimal strings; which fields there are follows
         *     from the model.
         */
        PlanPricing: {
            /**
             * @description Of `flat`: the amount. Of `package`: the price of a package.
             * @example 99
             */
            amount?: string | null;
            /** @description So much in each period costs nothing; none when left out. */
            included?: string | null;
            /** @description Of usage: what a period costs at least; nothing when left out. */
            minimum?: string | null;
            /** @description How a quantity becomes an amount. */
            model: components["schemas"]["PlanPriceModel"];
            /** @description Of `percentage`: for each use; none when left out. */
            per_use?: string | null;
            /** @description Of `percentage`: in percent of the quantity; at most 100, at most 4 decimals. */
            percent?: string | null;
            /** @description Of `package`: how many units a package has. */
            size?: string | null;
            /** @description Of `graduated` and `volume`: 1 to 50, each up to more than the one before, the last without an end. */
            tiers?: components["schemas"]["PlanTier"][] | null;
            /** @description Of `per_unit`: the price of one unit. */
            unit_price?: string | null;
        };
        /** @description A step of a graduated or a volume price. */
        PlanTier: {
            /** @description A fee, once, when it is entered; none when left out. */
            flat?: string | null;
            /** @description The price of one unit in it. */
            unit_price: string;
            /**
             * @description The last quantity that belongs to it; left out of the last tier.
             * @example 100000
             */
            up_to?: string | null;
        };
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
        /** @description An invoice that there is not yet. */
        PreviewedInvoiceOut: {
            /** @description `automatic` or `send`. */
            collection: string;
            /** @description In this currency. */
            currency: string;
            /**
             * Format: date-time
             * @description Its date.
             */
            date: string;
            /**
             * Format: int32
             * @description How many days after that it is due.
             */
            due_days: number;
            /** @description What it is for: usage so far. */
            lines: components["schemas"]["InvoiceLineOut"][];
            period?: components["schemas"]["InvoicePeriodOut"] | null;
            /** @description The sum of the lines, without tax. */
            subtotal: string;
            /** @description All taxes. */
            tax: string;
            /** @description The taxes. */
            taxes: components["schemas"]["InvoiceTaxOut"][];
            /** @description What is to be paid. */
            total: string;
        };
        /** @description Which preview. */
        PreviewInvoice: {
            /** @description The subscription. */
            subscription_id: string;
        };
        /** @description A price and a quantity. */
        PriceToRate: {
            /**
             * @description In this currency.
             * @example USD
             */
            currency: string;
            /** @description How much more `marginal` is for; 1 when left out. */
            next?: string | null;
            /** @description As in `prices` of a plan, for one currency. */
            pricing: components["schemas"]["PlanPricing"];
            /**
             * @description How much was used in the period, what is included among it; for a fee the seats. A decimal string, zero or more,
             *     at most 6 decimals.
             * @example 12500
             */
            quantity: string;
            /**
             * Format: int64
             * @description In how many charges; 1 when left out.
             */
            uses?: number | null;
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
        /** @description A step from a leaf up to the root. */
        ProofStepOut: {
            /** @description The sibling. */
            hash: string;
            /**
             * @description `left`: the sibling is hashed before what was come to; `right`: after it.
             * @example left
             */
            side: string;
        };
        /** @description A settlement's transaction, and its block. */
        ProofTransactionOut: {
            /** @description Its block's hash. */
            block_hash: string;
            /**
             * Format: int64
             * @description Its block's number.
             */
            block_number: number;
            /** @description Its hash. */
            hash: string;
        };
        /** @description A charge as its leaf has it. */
        ProvenChargeOut: {
            /**
             * @description How much.
             * @example 0.25
             */
            amount: string;
            /**
             * @description `amount` as a whole number of 10⁻¹²: what is hashed.
             * @example 250000000000
             */
            amount_units: string;
            /**
             * @description Charged on the session in all, after it.
             * @example 1.5
             */
            cumulative: string;
            /**
             * @description `cumulative` as a whole number of 10⁻¹²: what is hashed.
             * @example 1500000000000
             */
            cumulative_units: string;
            /** @description Its id. */
            id: string;
        };
        /** @description The end of a log as its leaf has it. */
        ProvenHeadOut: {
            /** @description The last link of the hash chain: what `tollbook verify` computes. */
            chain: string;
            /** @description The leaf. */
            leaf: string;
            /** @description The log's own name. */
            log_id: string;
            /**
             * Format: int32
             * @description Which of its partitions.
             */
            partition: number;
            /** @description From there up to the root. */
            path: components["schemas"]["ProofStepOut"][];
            /**
             * Format: int64
             * @description The last position.
             */
            position: number;
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
        /** @description Units at one price. */
        RatedPartOut: {
            /** @description Of a tier: the quantity that it begins after. What is included does not count. */
            after?: string | null;
            /** @description What they come to, exactly. */
            amount: string;
            /** @description The tier's fee. */
            flat?: string | null;
            /** @description How many units; packages and flat amounts are not divided. */
            quantity: string;
            /** @description The price of one, where each has the same. */
            unit_price?: string | null;
            /** @description Of a tier: the last quantity that belongs to it; `null` of the last one. */
            up_to?: string | null;
        };
        /** @description What it comes to. */
        RatedPriceOut: {
            /** @description The same as a line of an invoice: rounded to the currency's smallest unit, half away from zero. */
            amount: string;
            /** @description What is beyond that. */
            beyond: string;
            /** @description In this currency. */
            currency: string;
            /** @description What it comes to, exactly. */
            exact: string;
            /** @description What of it costs nothing. */
            included: string;
            /** @description What `next` more would cost, exactly; never less than zero. */
            marginal: string;
            /** @description Always `rated_price`. */
            object: string;
            /** @description What it is the sum of. */
            parts: components["schemas"]["RatedPartOut"][];
            /** @description How much. */
            quantity: string;
            /** @description What is added at the period's end because a period costs at least the price's minimum; exact. */
            to_minimum: string;
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
        /** @description The last comparison of ledger and chain. Most of it is `null` before the first. */
        ReconciliationOut: {
            /**
             * Format: int64
             * @description The last final block of which everything was in the log.
             */
            as_of_block?: number | null;
            /**
             * Format: int64
             * @description EIP-155 id of the chain.
             */
            chain_id?: number | null;
            claimed?: components["schemas"]["ComparedSumOut"] | null;
            /**
             * Format: date-time
             * @description When its figures were noted: when one has changed, or an hour after the last.
             */
            compared_at?: string | null;
            /** @description The contract. */
            contract?: string | null;
            /** @description Of all these sums. */
            currency?: string | null;
            escrow?: components["schemas"]["ComparedSumOut"] | null;
            exact?: components["schemas"]["ComparedSumOut"] | null;
            /**
             * Format: int64
             * @description Exact payments that were compared.
             */
            exact_payments: number;
            /**
             * Format: int64
             * @description Differences that are no items because there are too many.
             */
            not_opened: number;
            /** @description Always `reconciliation`. */
            object: string;
            /**
             * Format: int64
             * @description Differences that are open now.
             */
            open: number;
            /**
             * Format: int64
             * @description Payees whose transfers were compared.
             */
            payees: number;
            /** @description The place in the log of the last comparison that was noted. */
            position?: string | null;
            /**
             * Format: date-time
             * @description Since when somebody waits for a comparison; `null` when nobody does.
             */
            requested_at?: string | null;
            /**
             * Format: int64
             * @description Session keys that were compared.
             */
            session_keys: number;
            transferred?: components["schemas"]["ComparedSumOut"] | null;
        };
        /** @description A comparison is on its way. */
        ReconciliationRequestOut: {
            /** @description Always `reconciliation_request`. */
            object: string;
            /** @description The place in the log. */
            position: string;
        };
        /** @description A refund of a payment, or of a part of it. */
        RefundOut: {
            /** @description How much. */
            amount: string;
            /**
             * Format: date-time
             * @description When it was asked for.
             */
            created_at: string;
            /** @description The credit note that it belongs to. */
            credit_note_id?: string | null;
            /** @description The payment's. */
            currency: string;
            /** @description Its id. */
            id: string;
            /** @description Always `refund`. */
            object: string;
            /** @description The payment. */
            payment_id: string;
            /** @description The payout file that it was taken from. */
            payout_id?: string | null;
            /** @description The log's position after the command; `null` when it was only asked for, or with its payment. */
            position?: string | null;
            /** @description The provider's id for it. */
            provider_id?: string | null;
            /** @description Why. */
            reason: string;
            /** @description `pending`, `succeeded` or `failed`. */
            status: string;
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
             * @description `register`, `open`, `deposit`, `freeze`, `unfreeze`, `revoke`, `rotate_key`, `request_withdraw` or
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
        /** @description What became of one of them. */
        SessionKeyItemOut: {
            /** @description The problem as it would be told alone. */
            error?: Record<string, never> | null;
            /** @description Whether it had been done before, with the same key; only where it was done. */
            replayed?: boolean | null;
            session_key?: components["schemas"]["SessionKeyOut"] | null;
            /** @description Which, where it was there before: as it was named. */
            session_key_id?: string | null;
            /**
             * Format: int32
             * @description The status that it would have had alone.
             */
            status: number;
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
            /** @description Whose freezes are on it: `owner`, `organization`, `guardian` (whom the payee named on chain). */
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
            /** @description The key that Tollbook has made and the owner has yet to sign for; `null` without one. */
            prepared_key?: string | null;
            /** @description What is on its way to the chain. */
            relays: components["schemas"]["RelayOut"][];
            rotation?: components["schemas"]["PendingKeyRotationOut"] | null;
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
        /** @description What became of several session keys. */
        SessionKeysOut: {
            /** @description One for each, in order: `{"status": 201, "session_key": {…}}` or `{"status": 422, "error": {…}}`. */
            data: components["schemas"]["SessionKeyItemOut"][];
            /** @description Always `batch`. */
            object: string;
            /** @description The last position in the log of those that were carried out; `null` when none was. */
            position?: string | null;
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
            /**
             * Format: date-time
             * @description Only when it is by a key that was replaced: until when it can be claimed. It pays for what was charged, and for
             *     no further charge or hold.
             */
            former_until?: string | null;
            /** @description What it says, cumulative. */
            max_claimable: string;
            /** @description The same in atomic units, as it was signed. */
            max_claimable_atomic: string;
            /**
             * @description What may be charged before a higher one is needed: `max_claimable` − `charged` − `held`; nothing when it is
             *     by a key that was replaced.
             */
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
            /**
             * @description Why it was opened: `threshold`, `age`, `requested`, `withdrawal`, `frozen`, `revoked` or `expiry`;
             *     `ending` in older ones.
             */
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
        SignedAction: "grant" | "open" | "deposit" | "freeze" | "unfreeze" | "revoke" | "rotate_key" | "withdraw" | "voucher";
        /** @description A rotation that the owner signed. */
        SignedKeyRotation: {
            /**
             * @description The address of the new key.
             * @example 0x70997970c51812dc3a010c7d01b50e0d17dc79c8
             */
            key: string;
            /** @description The owner's signature of it. */
            owner_signature: components["schemas"]["OwnerSignatureIn"];
        };
        /** @description A claim that the contract skipped. */
        SkippedOut: {
            /** @description The contract's reason. */
            reason: string;
            /** @description Of this session. */
            session_id: string;
        };
        /**
         * @description A line of a statement. The events behind it: `GET /v1/events?customer_id=…&type=charged` and `type=captured`,
         *     between its first and its last position.
         */
        StatementLineOut: {
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
        StatementOut: {
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
            lines: components["schemas"]["StatementLineOut"][];
            /** @description `YYYY-MM`, calendar months in UTC. */
            month: string;
            /** @description Always `statement`. */
            object: string;
            /** @description Always `running`: nothing is closed yet. */
            status: string;
            /** @description The sum of its lines, exact. */
            total: string;
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
        /** @description Which session keys: one of both. */
        StopMany: {
            /** @description All of this customer that have not ended: at most 1,000. */
            customer_id?: string | null;
            /** @description 1 to 100 of them. */
            session_key_ids?: string[] | null;
        };
        /** @description The plan of a subscription. */
        SubscribedPlanOut: {
            /** @description Its code. */
            code: string;
            /** @description The plan. */
            id: string;
            /** @description How long a period is. */
            interval: components["schemas"]["PlanInterval"];
            /** @description What that is called. */
            name: string;
            /**
             * Format: int32
             * @description The version.
             */
            version: number;
        };
        /** @description A subscription in a list. */
        SubscriptionListedOut: {
            /** @description Whether it renews by itself. */
            auto_renew: boolean;
            /** @description Whether it ends with its period, or its trial. */
            cancel_at_period_end: boolean;
            /**
             * Format: date-time
             * @description When it began.
             */
            created_at: string;
            /** @description The currency of the customer's account. */
            currency: string;
            /** @description Whose. */
            customer_id: string;
            /**
             * Format: date-time
             * @description When it ended.
             */
            ended_at?: string | null;
            /** @description Its id. */
            id: string;
            /**
             * Format: date-time
             * @description When something is due by time next.
             */
            next_due_at?: string | null;
            /** @description Always `subscription`. */
            object: string;
            period?: components["schemas"]["SubscriptionPeriodOut"] | null;
            /** @description The plan's code. */
            plan_code: string;
            /** @description The plan. */
            plan_id: string;
            /**
             * Format: int32
             * @description The version that it keeps.
             */
            plan_version: number;
            /** @description Seats. */
            quantity: string;
            /** @description `trialing`, `active`, `past_due`, `paused`, `cancelled` or `expired`. */
            status: string;
            /**
             * Format: date-time
             * @description When the trial ends, or ended.
             */
            trial_end?: string | null;
        };
        /** @description A subscription. */
        SubscriptionOut: {
            /** @description `anniversary`, `calendar`, or the time that periods are counted from. */
            anchoring: string;
            /** @description Whether it renews by itself. */
            auto_renew: boolean;
            /** @description Whether it ends with its period, or its trial. */
            cancel_at_period_end: boolean;
            /**
             * Format: date-time
             * @description When it began.
             */
            created_at: string;
            /** @description The currency of the customer's account. */
            currency: string;
            /** @description Whose. */
            customer_id: string;
            /** @description Why it ended: `requested`, `not_renewed`, `unpaid` or `trial_ended`. */
            end_cause?: string | null;
            /**
             * Format: date-time
             * @description When it ended.
             */
            ended_at?: string | null;
            /**
             * Format: date-time
             * @description When it ends unless they are paid; `null` while no grace is running.
             */
            grace_until?: string | null;
            /** @description Its id. */
            id: string;
            /**
             * Format: date-time
             * @description When something is due by time next; `null` when nothing is.
             */
            next_due_at?: string | null;
            /** @description Always `subscription`. */
            object: string;
            open_bill?: components["schemas"]["OpenBillOut"] | null;
            pending_change?: components["schemas"]["PendingChangeOut"] | null;
            period?: components["schemas"]["SubscriptionPeriodOut"] | null;
            /** @description The plan, with the version that it keeps. */
            plan: components["schemas"]["SubscribedPlanOut"];
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description Seats. */
            quantity: string;
            /**
             * Format: date-time
             * @description When a pause ends by itself.
             */
            resumes_at?: string | null;
            /** @description `trialing`, `active`, `past_due`, `paused`, `cancelled` or `expired`. */
            status: string;
            /** @description The customer's time zone when it began. */
            time_zone: string;
            /**
             * Format: date-time
             * @description When the trial ends, or ended; `null` without one.
             */
            trial_end?: string | null;
            /** @description Invoices that were not paid in time. */
            unpaid_invoices: string[];
        };
        /** @description A period of a subscription: from its start up to, and without, its end. */
        SubscriptionPeriodOut: {
            /**
             * Format: date-time
             * @description The first moment after it.
             */
            end: string;
            /**
             * Format: date-time
             * @description Its first moment.
             */
            start: string;
        };
        /**
         * @description When something takes effect.
         * @enum {string}
         */
        SubscriptionWhen: "now" | "period_end";
        /** @description How somebody is taxed. */
        TaxProfileIn: {
            /**
             * @description Where it is: two capital letters of ISO 3166-1. Of a customer: without it no tax applies.
             * @example DE
             */
            country?: string | null;
            /** @description Of a customer: whether it owes no tax at all; `false` when left out. */
            exempt?: boolean;
            /** @description Which part of it, of ISO 3166-2 without the country. */
            subdivision?: string | null;
            /** @description Its tax id as a business: 1 to 64 printable ASCII characters. */
            tax_id?: string | null;
        };
        /** @description How somebody is taxed. */
        TaxProfileOut: {
            /** @description Where it is. */
            country?: string | null;
            /** @description Whether it owes no tax at all. */
            exempt: boolean;
            /** @description Which part of it. */
            subdivision?: string | null;
            /** @description Its tax id as a business. */
            tax_id?: string | null;
        };
        /** @description A row of the tax table. */
        TaxRateOut: {
            /** @description For this kind of thing. */
            category: string;
            /** @description For customers in this country. */
            country: string;
            /** @description Its id. */
            id: string;
            /** @description Whether prices have it in them already. */
            inclusive: boolean;
            /** @description What it is called on invoices. */
            name: string;
            /** @description Always `tax_rate`. */
            object: string;
            /** @description In percent. */
            percent: string;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description Whether a business with a tax id in another country than yours owes it itself. */
            reverse_charge: boolean;
            /** @description Only in this part of it; `null` for all of it. */
            subdivision?: string | null;
        };
        /** @description A row that is there no more. */
        TaxRateRemovedOut: {
            /** @description Always `true`. */
            deleted: boolean;
            /** @description Its id. */
            id: string;
            /** @description Always `tax_rate`. */
            object: string;
            /** @description The log's position after the command. */
            position: string;
        };
        /** @description A test clock. */
        TestClockOut: {
            /**
             * Format: date-time
             * @description When it was made, by the real clock.
             */
            created_at: string;
            /** @description Its id. */
            id: string;
            /** @description What you call it. */
            name: string;
            /**
             * Format: date-time
             * @description What it shows.
             */
            now: string;
            /** @description Always `test_clock`. */
            object: string;
            /** @description The log's position after the command; `null` when it was only asked for. */
            position?: string | null;
            /** @description `ready`, or `advancing` while it is on its way. */
            status: string;
            /**
             * Format: date-time
             * @description Where it is on its way to; `null` when it is ready.
             */
            target?: string | null;
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
        /** @description A payment provider's message. What it says lies sealed in the vault. */
        WebhookOut: {
            /** @description The connector that it came to. */
            connector_id: string;
            /**
             * Format: date-time
             * @description When the provider made it.
             */
            created_at: string;
            /** @description Its id. */
            id: string;
            /** @description Always `webhook`. */
            object: string;
            /**
             * @description `applied` (it told something new), `known_already` (known, or overtaken), `not_ours` (about nothing of yours, or
             *     of a type that says nothing here) or `refused` (it contradicts what is known: a person must look); `null` until it
             *     was taken in.
             */
            outcome?: string | null;
            /** @description The payment that it names. */
            payment_id?: string | null;
            /** @description The provider's id for it. */
            provider_event_id: string;
            /** @description The provider's type, for example `payment_intent.succeeded`. */
            provider_type: string;
            /**
             * Format: date-time
             * @description When it came.
             */
            received_at: string;
        };
        /** @description What became of a message. */
        WebhookTakenOut: {
            /** @description Its id. */
            id: string;
            /** @description Whether it had come before: then nothing has changed. */
            is_known: boolean;
            /** @description Always `webhook`. */
            object: string;
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
    list_chains: {
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
                    "application/json": components["schemas"]["Page_ChainOut"];
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
    prove_charge: {
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
                    "application/json": components["schemas"]["ChargeProofOut"];
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
    list_connectors: {
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
                    "application/json": components["schemas"]["Page_ConnectorOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_connector: {
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
                "application/json": components["schemas"]["NewConnector"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_connector: {
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
                    "application/json": components["schemas"]["ConnectorOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    remove_connector: {
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
                    "application/json": components["schemas"]["ConnectorOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    replace_connector_secrets: {
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
                "application/json": components["schemas"]["ConnectorSecretsIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectorOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_credit_notes: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only of this customer. */
                customer_id?: string;
                /** @description Only of this invoice. */
                invoice_id?: string;
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
                    "application/json": components["schemas"]["Page_CreditNoteListedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_credit_note_pdf: {
        parameters: {
            query?: {
                /** @description `en` or `zh`; that of the customer's invoices when left out. */
                language?: string;
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
                    "application/pdf": string;
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
    get_customer_billing: {
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
                    "application/json": components["schemas"]["CustomerBillingOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_customer_billing: {
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
                "application/json": components["schemas"]["CustomerBillingIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CustomerBillingOut"];
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
    get_entitlements: {
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
                    "application/json": components["schemas"]["EntitlementsOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_payment_order: {
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
                "application/json": components["schemas"]["PaymentOrderIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentOrderOut"];
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
                /** @description Only with this status, for example `open`. */
                status?: string;
                /** @description Only of this subscription. */
                subscription_id?: string;
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
                    "application/json": components["schemas"]["Page_InvoiceListedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_invoice: {
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
                "application/json": components["schemas"]["NewInvoice"];
            };
        };
        responses: {
            201: {
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
    collect_invoice: {
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
                    "application/json": components["schemas"]["InvoiceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_invoice_credit_notes: {
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
                    "application/json": components["schemas"]["Page_CreditNoteOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_credit_note: {
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
                "application/json": components["schemas"]["NewCreditNote"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreditNoteOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_invoice_csv: {
        parameters: {
            query?: {
                /** @description `en` or `zh`; that of the customer's invoices when left out. */
                language?: string;
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
                    "text/csv": string;
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    discard_invoice: {
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
                    "application/json": components["schemas"]["InvoiceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    explain_invoice: {
        parameters: {
            query?: {
                /** @description From `next_cursor` of the charges. */
                cursor?: string;
                /** @description Charges of a page, 1 to 100; 20 when left out. */
                limit?: number;
                /** @description The place of a line, from 0: with its charges. */
                line?: number;
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
                    "application/json": components["schemas"]["InvoiceExplanationOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    finalize_invoice: {
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
                    "application/json": components["schemas"]["InvoiceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    add_invoice_lines: {
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
                "application/json": components["schemas"]["AddInvoiceLines"];
            };
        };
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
    remove_invoice_line: {
        parameters: {
            query?: never;
            header?: {
                /** @description without it a repeated request takes another line */
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
                /** @description the line's place, from 0 */
                index: number;
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
    mark_invoice_uncollectible: {
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
                    "application/json": components["schemas"]["InvoiceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    pay_invoice: {
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
                "application/json": components["schemas"]["PayInvoice"] | null;
            };
        };
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
    get_invoice_pdf: {
        parameters: {
            query?: {
                /** @description `en` or `zh`; that of the customer's invoices when left out. */
                language?: string;
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
                    "application/pdf": string;
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    void_invoice: {
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
                    "application/json": components["schemas"]["InvoiceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    preview_invoice: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PreviewInvoice"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InvoicePreviewOut"];
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
    get_organization_billing: {
        parameters: {
            query?: {
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
                    "application/json": components["schemas"]["OrganizationBillingOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_organization_billing: {
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
                "application/json": components["schemas"]["OrganizationBillingIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrganizationBillingOut"];
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
    list_payments: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description Only of this customer. */
                customer_id?: string;
                /** @description Only for this invoice. */
                invoice_id?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only with this status, for example `failed`. */
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
                    "application/json": components["schemas"]["Page_PaymentListedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_payment: {
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
                "application/json": components["schemas"]["NewPayment"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_payment: {
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
                    "application/json": components["schemas"]["PaymentOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    cancel_payment: {
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
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    capture_payment: {
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
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CapturePayment"] | null;
            };
        };
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    refund_payment: {
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
                "application/json": components["schemas"]["NewRefund"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RefundOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_payouts: {
        parameters: {
            query?: {
                /** @description Only of this connector. */
                connector_id?: string;
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
                    "application/json": components["schemas"]["Page_PayoutListedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    import_payout: {
        parameters: {
            query: {
                /** @description The connector of the provider that it is from. */
                connector_id: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** @description UTF-8, at most 5 MiB and 10,000 lines */
        requestBody: {
            content: {
                "text/csv": string;
            };
        };
        responses: {
            /** @description it was taken in before */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PayoutOut"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PayoutOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_payout: {
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
                    "application/json": components["schemas"]["PayoutOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    close_payout_line: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                id: string;
                /** @description the line's place, from 0 */
                index: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClosePayoutLine"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PayoutOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_plans: {
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
                    "application/json": components["schemas"]["Page_PlanListedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_plan: {
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
                "application/json": components["schemas"]["NewPlan"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_plan: {
        parameters: {
            query?: {
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description This version; the last published one when left out, or the draft while none was published. */
                version?: number;
            };
            header?: never;
            path: {
                /** @description its id or its code */
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
                    "application/json": components["schemas"]["PlanOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    publish_plan: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                /** @description its id or its code */
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
                    "application/json": components["schemas"]["PlanOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    retire_plan: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                /** @description its id or its code */
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
                    "application/json": components["schemas"]["PlanOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    draft_plan_version: {
        parameters: {
            query?: never;
            header?: {
                "Idempotency-Key"?: string | null;
            };
            path: {
                /** @description its id or its code */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPlan"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanOut"];
                };
            };
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanOut"];
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
    rate_price: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PriceToRate"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RatedPriceOut"];
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
    get_reconciliation: {
        parameters: {
            query?: {
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
                    "application/json": components["schemas"]["ReconciliationOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    request_reconciliation: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes the request safe to repeat */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReconciliationRequestOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_differences: {
        parameters: {
            query?: {
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only those in this status: `open`, `explained`, `accepted` or `resolved`. */
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
                    "application/json": components["schemas"]["Page_DifferenceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_difference: {
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
                    "application/json": components["schemas"]["DifferenceOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    close_difference: {
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
                "application/json": components["schemas"]["CloseDifference"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DifferenceClosedOut"];
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
    rotate_session_key: {
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
                "application/json": components["schemas"]["SignedKeyRotation"];
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
    prepare_session_key_rotation: {
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
                "application/json": components["schemas"]["NewKeyRotation"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyRotationOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_typed_data: {
        parameters: {
            query: {
                /** @description `grant`, `open`, `deposit`, `freeze`, `unfreeze`, `revoke`, `rotate_key`, `withdraw` or `voucher`. */
                action: "grant" | "open" | "deposit" | "freeze" | "unfreeze" | "revoke" | "rotate_key" | "withdraw" | "voucher";
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
                /** @description `rotate_key`: the address of the new key; the one that Tollbook has made when left out (managed session keys). */
                key?: string;
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
    create_session_keys: {
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
                "application/json": components["schemas"]["NewSessionKeys"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeysOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    freeze_session_keys: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes each safe to repeat, under the key `<this>/<session key id>` */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StopMany"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeysOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    revoke_session_keys: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes each safe to repeat, under the key `<this>/<session key id>` */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StopMany"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeysOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    unfreeze_session_keys: {
        parameters: {
            query?: never;
            header?: {
                /** @description makes each safe to repeat, under the key `<this>/<session key id>` */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StopMany"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionKeysOut"];
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
    list_statements: {
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
                    "application/json": components["schemas"]["Page_StatementOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_statement: {
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
                    "application/json": components["schemas"]["StatementOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_subscriptions: {
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
                /** @description Only to this plan: its id or its code. */
                plan_id?: string;
                /** @description Only with this status. */
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
                    "application/json": components["schemas"]["Page_SubscriptionListedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_subscription: {
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
                "application/json": components["schemas"]["NewSubscription"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_subscription: {
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
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    set_subscription_auto_renew: {
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
                "application/json": components["schemas"]["AutoRenewIn"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    cancel_subscription: {
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
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CancelSubscription"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    change_subscription: {
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
                "application/json": components["schemas"]["ChangeSubscription"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    drop_subscription_cancel: {
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
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    drop_subscription_change: {
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
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    end_subscription_trial: {
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
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    pause_subscription: {
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
        requestBody?: {
            content: {
                "application/json": components["schemas"]["PauseSubscription"] | null;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    resume_subscription: {
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
                    "application/json": components["schemas"]["SubscriptionOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_tax_rates: {
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
                    "application/json": components["schemas"]["Page_TaxRateOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_tax_rate: {
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
                "application/json": components["schemas"]["NewTaxRate"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaxRateOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_tax_rate: {
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
                    "application/json": components["schemas"]["TaxRateOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    replace_tax_rate: {
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
                "application/json": components["schemas"]["NewTaxRate"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaxRateOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    remove_tax_rate: {
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
                    "application/json": components["schemas"]["TaxRateRemovedOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_test_clocks: {
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
                    "application/json": components["schemas"]["Page_TestClockOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    create_test_clock: {
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
                "application/json": components["schemas"]["NewTestClock"];
            };
        };
        responses: {
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestClockOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    get_test_clock: {
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
                    "application/json": components["schemas"]["TestClockOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    advance_test_clock: {
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
                "application/json": components["schemas"]["AdvanceTestClock"];
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TestClockOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    list_webhooks: {
        parameters: {
            query?: {
                /** @description Only of this connector. */
                connector_id?: string;
                /** @description From `next_cursor`. */
                cursor?: string;
                /** @description 1 to 100; 20 when left out. */
                limit?: number;
                /** @description Wait until this position can be read. */
                min_position?: string;
                /** @description Only those that name this payment. */
                payment_id?: string;
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
                    "application/json": components["schemas"]["Page_WebhookOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
    receive_webhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                connector_id: string;
            };
            cookie?: never;
        };
        /** @description as the provider sends and signs it */
        requestBody: {
            content: {
                "application/json": string;
            };
        };
        responses: {
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookTakenOut"];
                };
            };
            default: components["responses"]["ProblemResponse"];
        };
    };
}
