//! The test cards that Stripe documents, by the names of their payment methods and tokens and by their numbers, and
//! what becomes of payments with them.

use serde_json::Value;

/// A test card.
#[derive(Debug)]
pub struct Card {
    /// Its payment method is `pm_card_…` with this, its token `tok_…`.
    name: &'static str,
    /// Its number, whose last four digits are those of no other.
    number: &'static str,
    /// Whose it is.
    pub brand: &'static str,
    /// `credit`, `debit` or `prepaid`.
    pub funding: &'static str,
    /// What becomes of a payment.
    pub fate: Fate,
}

/// What becomes of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It succeeds.
    Pays,
    /// It succeeds, and is disputed later.
    Disputed {
        /// Why.
        reason: &'static str,
        /// The bank asks first, and takes no money.
        is_inquiry: bool,
    },
    /// It succeeds; a refund is pending for a while.
    RefundPends,
    /// It succeeds; a refund succeeds at first, and fails later.
    RefundFails,
    /// It fails, and the card cannot be attached to a customer.
    Declined(Decline),
    /// It fails, but the card can be attached.
    DeclinedOnceAttached(Decline),
    /// It succeeds once the customer has authenticated it, off session not at all.
    Authenticated,
    /// The same, but off session it succeeds: the customer did so when the card was set up.
    AuthenticatedBefore,
}

/// Why a card pays nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decline {
    /// What integrations act on.
    pub code: &'static str,
    /// What the bank said.
    pub decline_code: &'static str,
    /// What the customer may read.
    pub message: &'static str,
}

/// A decline of the kind that has only a decline code.
const fn declined(decline_code: &'static str, message: &'static str) -> Decline {
    Decline { code: "card_declined", decline_code, message }
}

/// A decline that has a code of its own.
const fn failed(code: &'static str, message: &'static str) -> Decline {
    Decline { code, decline_code: code, message }
}

const GENERIC: Decline = declined("generic_decline", "Your card was declined.");
/// Off session, of a card that needs the customer.
pub const AUTHENTICATION_REQUIRED: Decline =
    failed("authentication_required", "Your card was declined. This transaction requires authentication.");
/// Of a card that is none of these.
pub const NO_TEST_CARD: Decline =
    declined("test_mode_live_card", "Your card was declined. Your request was in test mode, but used a non test card.");
/// Of a number that no card has.
pub const INCORRECT_NUMBER: Decline = failed("incorrect_number", "Your card number is incorrect.");

const fn card(name: &'static str, number: &'static str, brand: &'static str, fate: Fate) -> Card {
    Card { name, number, brand, funding: "credit", fate }
}

const fn visa(name: &'static str, number: &'static str, fate: Fate) -> Card {
    card(name, number, "visa", fate)
}

static CARDS: [Card; 27] = [
    visa("visa", "4242424242424242", Fate::Pays),
    Card { funding: "debit", ..visa("visa_debit", "4000056655665556", Fate::Pays) },
    card("mastercard", "5555555555554444", "mastercard", Fate::Pays),
    Card { funding: "debit", ..card("mastercard_debit", "5200828282828210", "mastercard", Fate::Pays) },
    Card { funding: "prepaid", ..card("mastercard_prepaid", "5105105105105100", "mastercard", Fate::Pays) },
    card("amex", "378282246310005", "amex", Fate::Pays),
    card("discover", "6011111111111117", "discover", Fate::Pays),
    card("diners", "3056930009020004", "diners", Fate::Pays),
    card("jcb", "3566002020360505", "jcb", Fate::Pays),
    visa("bypassPending", "4000000000000077", Fate::Pays),
    visa("chargeDeclined", "4000000000000002", Fate::Declined(GENERIC)),
    visa(
        "chargeDeclinedInsufficientFunds",
        "4000000000009995",
        Fate::Declined(declined("insufficient_funds", "Your card has insufficient funds.")),
    ),
    visa(
        "chargeDeclinedLostCard",
        "4000000000009987",
        Fate::Declined(declined("lost_card", "Your card was declined.")),
    ),
    visa(
        "chargeDeclinedStolenCard",
        "4000000000009979",
        Fate::Declined(declined("stolen_card", "Your card was declined.")),
    ),
    visa(
        "chargeDeclinedVelocityLimitExceeded",
        "4000000000006975",
        Fate::Declined(declined(
            "card_velocity_exceeded",
            "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
        )),
    ),
    visa(
        "chargeDeclinedExpiredCard",
        "4000000000000069",
        Fate::Declined(failed("expired_card", "Your card has expired.")),
    ),
    visa(
        "chargeDeclinedIncorrectCvc",
        "4000000000000127",
        Fate::Declined(failed("incorrect_cvc", "Your card's security code is incorrect.")),
    ),
    visa(
        "chargeDeclinedProcessingError",
        "4000000000000119",
        Fate::Declined(failed(
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        )),
    ),
    visa("chargeCustomerFail", "4000000000000341", Fate::DeclinedOnceAttached(GENERIC)),
    visa("authenticationRequired", "4000002760003184", Fate::Authenticated),
    visa("threeDSecure2Required", "4000000000003220", Fate::Authenticated),
    visa("authenticationRequiredSetupForOffSession", "4000003800000446", Fate::AuthenticatedBefore),
    visa("createDispute", "4000000000000259", Fate::Disputed { reason: "fraudulent", is_inquiry: false }),
    visa(
        "createDisputeProductNotReceived",
        "4000000000002685",
        Fate::Disputed { reason: "product_not_received", is_inquiry: false },
    ),
    visa("createDisputeInquiry", "4000000000001976", Fate::Disputed { reason: "general", is_inquiry: true }),
    visa("pendingRefund", "4000000000007726", Fate::RefundPends),
    visa("refundFail", "4000000000005126", Fate::RefundFails),
];

impl Card {
    /// By the name of its payment method, `pm_card_visa`.
    pub fn of_method(name: &str) -> Option<&'static Self> {
        Self::named(name.strip_prefix("pm_card_")?)
    }

    /// By its token, `tok_visa`.
    pub fn of_token(token: &str) -> Option<&'static Self> {
        Self::named(token.strip_prefix("tok_")?)
    }

    /// By its number, with spaces or without.
    pub fn of_number(number: &str) -> Result<&'static Self, Decline> {
        let digits: String = number.chars().filter(|sign| *sign != ' ').collect();
        match CARDS.iter().find(|card| card.number == digits) {
            Some(card) => Ok(card),
            None if is_number(&digits) => Err(NO_TEST_CARD),
            None => Err(INCORRECT_NUMBER),
        }
    }

    /// The card of a payment method, which shows only its last four digits.
    pub fn of(method: &Value) -> &'static Self {
        let last4 = method["card"]["last4"].as_str().unwrap_or_default();
        CARDS.iter().find(|card| card.last4() == last4).unwrap_or(&CARDS[0])
    }

    /// Stripe writes some names with the brand before them, and took them without it before.
    fn named(name: &str) -> Option<&'static Self> {
        let name = name.strip_prefix("visa_charge").map_or_else(|| name.to_owned(), |rest| format!("charge{rest}"));
        CARDS.iter().find(|card| card.name == name)
    }

    /// The last four digits.
    pub fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }
}

/// Whether these are digits of which the last fits the others, by Luhn.
fn is_number(digits: &str) -> bool {
    let numbers: Option<Vec<u32>> = digits.chars().rev().map(|digit| digit.to_digit(10)).collect();
    let Some(numbers) = numbers.filter(|numbers| numbers.len() >= 12) else { return false };
    let weighed = numbers.iter().enumerate().map(|(place, number)| match (place % 2, number * 2) {
        (0, _) => *number,
        (_, double) => double % 10 + double / 10,
    });
    weighed.sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::HashSet;

    #[test]
    fn cards_have_names_numbers_and_tokens() {
        let name = |card: Option<&Card>| card.map(|card| card.name);
        assert_eq!(name(Card::of_method("pm_card_visa")), Some("visa"));
        for declined in ["pm_card_visa_chargeDeclined", "pm_card_chargeDeclined"] {
            assert_eq!(name(Card::of_method(declined)), Some("chargeDeclined"));
        }
        assert_eq!(name(Card::of_token("tok_createDispute")), Some("createDispute"));
        assert_eq!(name(Card::of_number("4000 0027 6000 3184").ok()), Some("authenticationRequired"));
        assert_eq!(Card::of_number("4111111111111111").unwrap_err(), NO_TEST_CARD);
        assert_eq!(Card::of_number("4242424242424241").unwrap_err(), INCORRECT_NUMBER);
        assert_eq!(Card::of_number("visa").unwrap_err(), INCORRECT_NUMBER);
        for none in ["pm_card_", "pm_visa", "pm_1x", "visa"] {
            assert!(Card::of_method(none).is_none(), "{none}");
        }
    }

    #[test]
    fn a_card_is_known_by_its_last_digits() {
        let last4: HashSet<&str> = CARDS.iter().map(Card::last4).collect();
        assert_eq!(last4.len(), CARDS.len());
        for card in &CARDS {
            assert!(is_number(card.number), "{}", card.number);
            assert_eq!(Card::of(&json!({ "card": { "last4": card.last4() } })).name, card.name);
        }
    }
}
