//! Which path leads where, and what is shown with an object.

use axum::http::Method;
use serde_json::{Value, json};

use super::answer::Refused;
use super::books::{Books, Kind, text};
use super::form::Params;
use super::{balance, intents, methods, refunds, search, webhooks};

/// How deep an answer can be expanded.
const EXPAND_MAX: usize = 4;

/// Does what a request asks for.
pub fn carry_out(
    books: &mut Books,
    method: &Method,
    path: &[&str],
    whole: &str,
    params: &Params,
) -> Result<Value, Refused> {
    let mut answer = match method.as_str() {
        "POST" => post(books, path, params),
        "GET" => get(books, path, whole, params),
        "DELETE" => match path {
            ["webhook_endpoints", id] => Some(webhooks::delete(books, id)),
            _ => None,
        },
        _ => None,
    }
    .unwrap_or_else(|| Err(Refused::no_such_path(method, whole)))?;
    for path in params.list("expand") {
        let parts: Vec<&str> = path.split('.').collect();
        if parts.len() > EXPAND_MAX || !expand(books, &mut answer, &parts) {
            return Err(Refused::param("expand", format!("This property cannot be expanded ({path}).")));
        }
    }
    Ok(answer)
}

/// `None` when there is no such path.
fn post(books: &mut Books, path: &[&str], params: &Params) -> Option<Result<Value, Refused>> {
    Some(match path {
        ["payment_intents"] => intents::create(books, params),
        ["payment_intents", id, "confirm"] => intents::confirm(books, id, params),
        ["payment_intents", id, "capture"] => intents::capture(books, id, params),
        ["payment_intents", id, "cancel"] => intents::cancel(books, id, params),
        ["refunds"] => refunds::create(books, params),
        ["customers"] => methods::create_customer(books, params),
        ["payment_methods"] => methods::create(books, params),
        ["payment_methods", id, "attach"] => methods::attach(books, id, params),
        ["webhook_endpoints"] => webhooks::create(books, params),
        _ => return None,
    })
}

/// What refunds are asked of must be there.
fn named(books: &Books, params: &Params) -> Result<(), Refused> {
    for (param, kind) in [("charge", Kind::Charge), ("payment_intent", Kind::Intent)] {
        if let Some(id) = params.text(param) {
            books.get(kind, id, param)?;
        }
    }
    Ok(())
}

fn get(books: &mut Books, path: &[&str], whole: &str, params: &Params) -> Option<Result<Value, Refused>> {
    // A member that must be what a parameter says, when there is such a parameter.
    let fits = |object: &Value, name: &str| params.text(name).is_none_or(|wanted| text(object, name) == wanted);
    Some(match path {
        ["payment_intents"] => books.list(whole, params, Kind::Intent, |intent| fits(intent, "customer")),
        ["payment_intents", "search"] => search::intents(books, whole, params),
        ["payment_intents", id] => books.get(Kind::Intent, id, "intent"),
        ["charges"] => {
            books.list(whole, params, Kind::Charge, |charge| fits(charge, "customer") && fits(charge, "payment_intent"))
        }
        ["charges", id] => books.get(Kind::Charge, id, "id"),
        ["refunds"] => named(books, params).and_then(|()| {
            books.list(whole, params, Kind::Refund, |refund| fits(refund, "charge") && fits(refund, "payment_intent"))
        }),
        ["refunds", id] => books.get(Kind::Refund, id, "id"),
        ["customers"] => books.list(whole, params, Kind::Customer, |customer| fits(customer, "email")),
        ["customers", id] => books.get(Kind::Customer, id, "id"),
        ["customers", id, "payment_methods"] => books
            .get(Kind::Customer, id, "id")
            .and_then(|_| books.list(whole, params, Kind::Method, |method| text(method, "customer") == *id)),
        ["payment_methods"] => books.list(whole, params, Kind::Method, |method| {
            // Those that are nobody's are not shown.
            fits(method, "customer") && fits(method, "type") && !method["customer"].is_null()
        }),
        ["payment_methods", id] => books.get(Kind::Method, id, "id"),
        ["disputes"] => books
            .list(whole, params, Kind::Dispute, |dispute| fits(dispute, "charge") && fits(dispute, "payment_intent")),
        ["disputes", id] => books.get(Kind::Dispute, id, "id"),
        ["balance_transactions"] => books.list(whole, params, Kind::Transaction, |transaction| {
            let payout = || balance::payout_of(books, transaction).map_or("", |payout| text(payout, "id"));
            fits(transaction, "source")
                && fits(transaction, "type")
                && fits(transaction, "currency")
                && params.text("payout").is_none_or(|wanted| payout() == wanted)
        }),
        ["balance_transactions", id] => books.get(Kind::Transaction, id, "id"),
        ["payouts"] => books.list(whole, params, Kind::Payout, |payout| fits(payout, "status")),
        ["payouts", id] => books.get(Kind::Payout, id, "id"),
        ["events"] => {
            let kinds = params.list("types");
            books.list(whole, params, Kind::Event, |event| {
                fits(event, "type") && (kinds.is_empty() || kinds.contains(&text(event, "type")))
            })
        }
        ["events", id] => books.get(Kind::Event, id, "id"),
        ["webhook_endpoints"] => Ok(webhooks::list(books)),
        ["webhook_endpoints", id] => webhooks::get(books, id),
        _ => return None,
    })
}

/// Puts objects in the place of their ids, along a path; `false` when it leads nowhere.
fn expand(books: &Books, at: &mut Value, path: &[&str]) -> bool {
    let Some((name, rest)) = path.split_first() else { return true };
    match at {
        Value::Null => true,
        Value::Array(items) => items.iter_mut().all(|item| expand(books, item, path)),
        Value::Object(members) => {
            // The only list that is not shown unless it is asked for.
            if *name == "refunds" && members.get("object").is_some_and(|object| object == "charge") {
                let id = members["id"].clone();
                let refunds: Vec<&Value> = books.newest(Kind::Refund).filter(|refund| refund["charge"] == id).collect();
                let url = format!("/v1/charges/{}/refunds", id.as_str().unwrap_or_default());
                let list = json!({ "object": "list", "url": url, "has_more": false, "data": refunds });
                members.insert("refunds".to_owned(), list);
            }
            let Some(member) = members.get_mut(*name) else { return false };
            let found = member.as_str().and_then(|id| books.find(id)).cloned();
            if let Some(object) = found {
                *member = object;
            }
            expand(books, member, rest)
        }
        _ => false,
    }
}
