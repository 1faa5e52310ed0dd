//! The OpenAPI document, and a page to read it. The page is Swagger UI, whole in the binary: it
//! works without a network.

use axum::Router;
use serde::Serialize;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToResponse, ToSchema};
use utoipa_swagger_ui::SwaggerUi;

use crate::{chains, command, query};

/// What went wrong (RFC 9457). Some problems have more fields, for example `limit` and `remaining`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Always `about:blank`: `code` says more.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// For programs; never changes its meaning.
    #[schema(example = "insufficient_funds")]
    code: String,
    /// For people.
    detail: Option<String>,
    /// Names this request in the operator's log.
    request_id: String,
    /// Which part of the request.
    param: Option<String>,
    /// Seconds after which to send the same request again.
    retry_after: Option<u64>,
}

/// The request was not carried out, or nobody knows.
#[derive(ToResponse)]
#[response(description = "What went wrong", content_type = "application/problem+json")]
#[expect(dead_code, reason = "only names the response")]
pub struct ProblemResponse(ProblemBody);

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        if let Some(components) = &mut document.components {
            components.add_security_scheme("api_key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        }
    }
}

/// The whole interface.
#[derive(OpenApi)]
#[openapi(
    info(title = "Tollbook", description = "The billing ledger for AI and API services. Amounts are decimal strings, \
        times RFC 3339 in UTC. Every request that writes takes an `Idempotency-Key`: the same key and body give the \
        same answer. Commands answer with their `position` in the log; queries take it as `min_position`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")),
    modifiers(&Bearer),
    security(("api_key" = [])),
    components(responses(ProblemResponse), schemas(ProblemBody, query::journal::Axis)),
    paths(
        query::organization::get_organization,
        command::organization::set_payee,
        command::organization::set_settlement_rules,
        command::api_keys::create_api_key,
        query::organization::list_api_keys,
        command::api_keys::revoke_api_key,
        query::organization::list_meters,
        query::organization::get_meter,
        command::meters::set_meter,
        command::routes::create_route,
        query::routes::list_routes,
        query::routes::get_route,
        command::routes::replace_route,
        command::routes::remove_route,
        command::models::set_models,
        query::models::list_models,
        command::models::remove_model,
        command::gateway_keys::create_gateway_key,
        query::gateway_keys::list_gateway_keys,
        command::gateway_keys::revoke_gateway_key,
        command::gateway_keys::lookup_gateway_key,
        command::customers::create_customer,
        query::customers::list_customers,
        query::customers::get_customer,
        command::customers::set_postpaid_limit,
        command::credits::grant_credit,
        command::quotas::set_quota,
        command::organization_billing::set_organization_billing,
        query::organization_billing::get_organization_billing,
        command::tax_rates::create_tax_rate,
        query::tax_rates::list_tax_rates,
        query::tax_rates::get_tax_rate,
        command::tax_rates::replace_tax_rate,
        command::tax_rates::remove_tax_rate,
        command::customer_billing::set_customer_billing,
        query::customer_billing::get_customer_billing,
        command::customer_billing::set_payment_order,
        query::entitlements::get_entitlements,
        command::plans::create_plan,
        query::plans::list_plans,
        query::plans::get_plan,
        command::plans::draft_plan_version,
        command::plans::publish_plan,
        command::plans::retire_plan,
        command::prices::rate_price,
        command::subscriptions::create_subscription,
        query::subscriptions::list_subscriptions,
        query::subscriptions::get_subscription,
        command::subscriptions::change_subscription,
        command::subscriptions::drop_subscription_change,
        command::subscriptions::cancel_subscription,
        command::subscriptions::drop_subscription_cancel,
        command::subscriptions::end_subscription_trial,
        command::subscriptions::pause_subscription,
        command::subscriptions::resume_subscription,
        command::subscriptions::set_subscription_auto_renew,
        command::test_clocks::create_test_clock,
        query::test_clocks::list_test_clocks,
        query::test_clocks::get_test_clock,
        command::test_clocks::advance_test_clock,
        command::invoices::create::create_invoice,
        query::invoices::list_invoices,
        query::invoices::preview::preview_invoice,
        query::invoices::get_invoice,
        command::invoices::add_invoice_lines,
        command::invoices::remove_invoice_line,
        command::invoices::finalize_invoice,
        command::invoices::discard_invoice,
        command::invoices::void_invoice,
        command::invoices::mark_invoice_uncollectible,
        command::invoices::collect_invoice,
        command::invoices::pay::pay_invoice,
        command::credit_notes::create_credit_note,
        query::invoices::credit_notes::list_invoice_credit_notes,
        query::invoices::document::get_invoice_pdf,
        query::invoices::document::get_invoice_csv,
        query::invoices::explain::explain_invoice,
        query::invoices::credit_notes::list_credit_notes,
        query::invoices::document::get_credit_note_pdf,
        command::payments::create::create_payment,
        query::payments::list_payments,
        query::payments::get_payment,
        command::payments::capture_payment,
        command::payments::cancel_payment,
        command::payments::refund_payment,
        command::connectors::create_connector,
        query::connectors::list_connectors,
        query::connectors::get_connector,
        command::connectors::replace_connector_secrets,
        command::connectors::remove_connector,
        command::webhooks::receive_webhook,
        query::connectors::list_webhooks,
        command::payouts::import_payout,
        query::payouts::list_payouts,
        query::payouts::get_payout,
        command::payouts::close_payout_line,
        command::session_keys::create::create_session_key,
        query::session_keys::list_session_keys,
        command::session_keys::batch::create_session_keys,
        command::session_keys::batch::freeze_session_keys,
        command::session_keys::batch::unfreeze_session_keys,
        command::session_keys::batch::revoke_session_keys,
        query::session_keys::get_session_key,
        query::typed_data::get_typed_data,
        command::session_keys::fund::register_session_key,
        command::session_keys::fund::create_deposit,
        command::session_keys::stop::freeze_session_key,
        command::session_keys::stop::unfreeze_session_key,
        command::session_keys::stop::revoke_session_key,
        command::session_keys::rotate::prepare_session_key_rotation,
        command::session_keys::rotate::rotate_session_key,
        command::session_keys::stop::create_withdrawal,
        command::charges::create_charge,
        query::charges::list_charges,
        command::charges::create_charges,
        query::charges::get_charge,
        query::explain::explain_charge,
        query::proof::prove_charge,
        command::holds::create_hold,
        query::holds::list_holds,
        query::holds::get_hold,
        command::holds::capture_hold,
        command::holds::extend_hold,
        command::holds::void_hold,
        command::holds::batch::run_holds,
        command::settlements::create_settlement,
        query::settlements::list_settlements,
        query::settlements::get_settlement,
        command::settlements::retry_settlement,
        query::reconciliation::get_reconciliation,
        command::reconciliation::request_reconciliation,
        query::reconciliation::list_differences,
        query::reconciliation::get_difference,
        command::reconciliation::close_difference,
        query::exact_payments::list_exact_payments,
        query::exact_payments::get_exact_payment,
        query::explain::exact::explain_exact_payment,
        chains::list_chains,
        query::quotas::list_quotas,
        query::statements::list_statements,
        query::statements::get_statement,
        query::risk::list_risk,
        query::journal::list_balances,
        query::journal::list_postings,
        query::events::list_events,
        query::events::stream_events,
    )
)]
pub struct Document;

/// `/openapi.json` and `/docs`.
pub fn docs() -> Router {
    Router::new().merge(SwaggerUi::new("/docs").url("/openapi.json", Document::openapi()))
}
