//! One list of cases that every connector must pass, as far as it can do what they are about. The list says which: a
//! connector that is not named by a case is shown to refuse what it is about.
//!
//! Stripe is `tollbook demo stripe`, which speaks Stripe's wire format: each test starts one for itself. Another
//! connector comes with a [`Rig`](rig::Rig) of its own and its name behind the cases that it can pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed; helpers count as tests here")]

mod cases;
mod demo;
mod rig;

/// Each case is a module with a test for each connector that it is for.
macro_rules! conformance {
    ($($subject:ident { $($case:ident for $($connector:ident)+;)+ })+) => {$($(
        mod $case {
            $(
                #[tokio::test]
                async fn $connector() {
                    crate::cases::$subject::$case(crate::rig::$connector().await).await;
                }
            )+
        }
    )+)+};
}

conformance! {
    payments {
        a_payment_succeeds for stripe;
        a_payment_is_declined for stripe;
        a_customer_who_is_away_cannot_act for stripe;
        a_customer_who_is_there_has_to_act for stripe;
        a_payment_without_a_method_waits for stripe;
        a_payment_takes_its_time for stripe;
        a_part_is_captured for stripe;
        too_much_is_not_captured for stripe;
        a_payment_is_cancelled for stripe;
        what_has_come_is_not_cancelled for stripe;
        each_currency_has_its_own_units for stripe;
        what_is_not_exact_is_not_asked_for for stripe;
        there_is_a_least_amount_in_each_currency for stripe manual;
        what_has_failed_is_given_up for stripe;
        what_is_not_there_is_not_found for stripe;
        another_key_is_refused for stripe;
        nobody_can_be_asked_for_money_by_hand for manual;
    }
    refunds {
        a_payment_is_refunded for stripe manual;
        a_payment_is_refunded_in_parts for stripe manual;
        too_much_is_not_refunded for stripe;
        what_has_not_come_is_not_refunded for stripe;
        a_refund_takes_its_time for stripe;
        a_refund_fails_later for stripe;
        a_refund_is_found_by_our_id for stripe;
        refunds_by_hand_are_not_looked_for for manual;
    }
    lost {
        what_is_asked_twice_is_done_once for stripe;
        a_refund_that_is_asked_twice_is_made_once for stripe manual;
        a_refund_that_was_made_without_an_answer_is_found for stripe;
        what_was_refused_can_be_asked_for_again for stripe;
        what_was_made_without_an_answer_is_found for stripe;
        what_was_made_and_answered_with_an_error_is_found for stripe;
        what_was_not_made_is_not_found for stripe;
        who_asks_too_often_asks_again for stripe;
        every_step_can_lose_its_answer for stripe;
        the_same_twice_at_once_is_done_once for stripe;
        what_is_not_found_yet_is_not_given_up for stripe;
    }
    messages {
        a_message_says_how_a_payment_stands for stripe;
        a_message_with_another_signature_is_refused for stripe;
        a_message_that_was_changed_is_refused for stripe;
        a_message_of_another_time_is_refused for stripe;
        a_message_comes_twice_and_says_the_same for stripe;
        a_message_of_another_kind_says_nothing for stripe;
        a_dispute_is_found_by_the_providers_id for stripe;
        no_message_is_taken for manual;
    }
    payouts {
        a_payout_file_names_what_the_ledger_knows for stripe;
    }
}
