//! Customers and payment methods.

use serde_json::{Value, json};

use super::answer::{Refused, doc_url};
use super::books::{Books, Kind, text};
use super::cards::{Card, Decline, Fate};
use super::form::Params;
use super::ids;

/// When cards given by name run out.
const EXPIRES: (i64, i64) = (12, 2034);

/// `POST /v1/customers`.
pub fn create_customer(books: &mut Books, params: &Params) -> Result<Value, Refused> {
    let metadata = params.metadata()?;
    let id = ids::new(Kind::Customer.prefix());
    let method = params.text("payment_method").map(|given| resolve(books, given)).transpose()?;
    let default = params.text("invoice_settings[default_payment_method]");
    let customer = json!({
        "id": id, "object": "customer", "address": null, "balance": 0, "created": books.now(), "currency": null,
        "customer_account": null, "default_source": null, "delinquent": false,
        "description": params.text("description"), "discount": null, "email": params.text("email"),
        "invoice_prefix": id.get(4..12), "invoice_settings": {
            "custom_fields": null, "default_payment_method": default, "footer": null, "rendering_options": null,
        },
        "livemode": false, "metadata": metadata, "name": params.text("name"), "next_invoice_sequence": 1,
        "phone": params.text("phone"), "preferred_locales": [], "shipping": null, "tax_exempt": "none",
        "test_clock": null,
    });
    books.add(customer.clone());
    books.emit("customer.created", &customer);
    if let Some(method) = method {
        attach_to(books, &method, &id)?;
    }
    Ok(customer)
}

/// `POST /v1/payment_methods`.
pub fn create(books: &mut Books, params: &Params) -> Result<Value, Refused> {
    match params.needed("type")? {
        "card" => {}
        other => return Err(Refused::param("type", format!("Invalid type: must be card, here it is {other}"))),
    }
    let metadata = params.metadata()?;
    let (card, expires) = if let Some(token) = params.text("card[token]") {
        let card = Card::of_token(token).ok_or_else(|| {
            Refused::param("card[token]", format!("No such token: '{token}'")).code("resource_missing")
        })?;
        (card, EXPIRES)
    } else {
        let card = Card::of_number(params.needed("card[number]")?).map_err(|decline| refused(&decline, None))?;
        let month = params.integer("card[exp_month]")?.ok_or_else(|| Refused::needed("card[exp_month]"))?;
        let year = params.integer("card[exp_year]")?.ok_or_else(|| Refused::needed("card[exp_year]"))?;
        // A year of two digits is of this century.
        (card, (month, if year < 100 { year + 2_000 } else { year }))
    };
    if !(1..=12).contains(&expires.0) {
        return Err(wrong_expiry("invalid_expiry_month", "card[exp_month]", "month"));
    }
    if !(2_000..2_100).contains(&expires.1) {
        return Err(wrong_expiry("invalid_expiry_year", "card[exp_year]", "year"));
    }
    let mut method = of_card(books, card, expires);
    method["metadata"] = metadata;
    for name in ["email", "name", "phone"] {
        if let Some(told) = params.text(&format!("billing_details[{name}]")) {
            method["billing_details"][name] = json!(told);
        }
    }
    books.add(method.clone());
    Ok(method)
}

fn wrong_expiry(code: &str, param: &str, part: &str) -> Refused {
    Refused::param(param, format!("Your card's expiration {part} is invalid.")).code(code)
}

/// `POST /v1/payment_methods/{id}/attach`.
pub fn attach(books: &mut Books, id: &str, params: &Params) -> Result<Value, Refused> {
    let customer = params.needed("customer")?;
    books.get(Kind::Customer, customer, "customer")?;
    let method = match Card::of_method(id) {
        Some(_) => resolve(books, id)?,
        None => text(&books.get(Kind::Method, id, "id")?, "id").to_owned(),
    };
    attach_to(books, &method, customer)
}

fn attach_to(books: &mut Books, id: &str, customer: &str) -> Result<Value, Refused> {
    let method = books.get(Kind::Method, id, "payment_method")?;
    match text(&method, "customer") {
        "" => {}
        owner if owner == customer => return Ok(method),
        _ => {
            let message = "The payment method you provided has already been attached to a customer.";
            return Err(Refused::state("payment_method_unexpected_state", message));
        }
    }
    if let Fate::Declined(decline) = Card::of(&method).fate {
        return Err(refused(&decline, Some(&method)));
    }
    let method = books.change(id, json!({ "customer": customer }));
    books.emit("payment_method.attached", &method);
    Ok(method)
}

/// Makes a payment method the customer's, where it can be.
pub fn keep_for(books: &mut Books, method: &str, customer: &str) {
    // One that cannot be attached has paid nothing either.
    let _ = attach_to(books, method, customer);
}

/// The id of the payment method that a parameter names. A name of Stripe's, like `pm_card_visa`, stands for a new one.
pub fn resolve(books: &mut Books, given: &str) -> Result<String, Refused> {
    match Card::of_method(given) {
        Some(card) => {
            let method = of_card(books, card, EXPIRES);
            Ok(books.add(method))
        }
        None => books.get(Kind::Method, given, "payment_method").map(|_| given.to_owned()),
    }
}

/// A new payment method.
fn of_card(books: &Books, card: &Card, (exp_month, exp_year): (i64, i64)) -> Value {
    json!({
        "id": ids::new(Kind::Method.prefix()), "object": "payment_method", "allow_redisplay": "unspecified",
        "billing_details": { "address": {
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
        }, "email": null, "name": null, "phone": null, "tax_id": null },
        "card": {
            "brand": card.brand, "checks": {
                "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "unchecked",
            },
            "country": "US", "display_brand": card.brand, "exp_month": exp_month, "exp_year": exp_year,
            "fingerprint": format!("fingerprint{}", card.last4()), "funding": card.funding, "generated_from": null,
            "last4": card.last4(), "networks": { "available": [card.brand], "preferred": null },
            "regulated_status": "unregulated", "three_d_secure_usage": { "supported": true }, "wallet": null,
        },
        "created": books.now(), "customer": null, "customer_account": null, "livemode": false, "metadata": {},
        "type": "card",
    })
}

/// A card's refusal, where there is no payment.
fn refused(decline: &Decline, method: Option<&Value>) -> Refused {
    Refused::card(error(decline, method))
}

/// What a decline says of itself.
pub fn error(decline: &Decline, method: Option<&Value>) -> serde_json::Map<String, Value> {
    let told = [
        ("type", json!("card_error")),
        ("code", json!(decline.code)),
        ("decline_code", json!(decline.decline_code)),
        ("doc_url", json!(doc_url(decline.code))),
        ("message", json!(decline.message)),
    ];
    let mut error: serde_json::Map<String, Value> =
        told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if let Some(method) = method {
        error.insert("payment_method".to_owned(), method.clone());
    }
    error
}
