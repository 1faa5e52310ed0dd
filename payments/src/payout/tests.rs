use proptest::prelude::*;

use super::*;

const STRIPE: &str = "automatic_payout_id,automatic_payout_effective_at_utc,balance_transaction_id,created_utc,\
                      currency,gross,fee,net,reporting_category,source_id,description,charge_id,payment_intent_id\n";
const GENERAL: &str = "line_id,source_id,category,currency,gross,fee,net,paid_out_at\n";

fn lines(first: &str, lines: &[&str]) -> Result<PayoutFile, PayoutFileError> {
    read(format!("{first}{}\n", lines.join("\n")).as_bytes())
}

fn shown(line: &PayoutLine) -> String {
    let PayoutLine { provider_line_id, source_id, payment_source_id, category, currency, gross, fee, net } = line;
    let source_id = source_id.as_deref().unwrap_or("-");
    let of = payment_source_id.as_ref().map(|payment| format!(" of {payment}")).unwrap_or_default();
    format!("{provider_line_id} {source_id}{of} {category} {currency} {gross} {fee} {net}")
}

fn all_shown(file: &PayoutFile) -> Vec<String> {
    file.lines.iter().map(shown).collect()
}

#[test]
fn stripes_report_is_read() {
    let file = lines(
        STRIPE,
        &[
            "po_1,2026-09-17 00:00:00,txn_1,2026-09-15 10:22:31,usd,45.99,1.63,44.36,charge,ch_1,\"A, B\",ch_1,pi_1",
            "po_1,2026-09-17 00:00:00,txn_2,2026-09-15 12:00:00,usd,-5.00,0.00,-5.00,refund,re_1,,ch_1,pi_1",
            "po_1,2026-09-17 00:00:00,txn_3,2026-09-16 09:00:00,eur,-20.00,15.00,-35.00,dispute,dp_1,,ch_2,pi_2",
            "po_1,2026-09-17 00:00:00,txn_4,2026-09-16 09:00:00,jpy,-200,0,-200,fee,,,,",
            "po_1,2026-09-17 00:00:00,txn_5,2026-09-16 09:00:00,usd,1.00,0.00,1.00,charge,py_1,,py_1,",
        ],
    )
    .unwrap();
    assert_eq!(
        all_shown(&file),
        [
            "txn_1 pi_1 charge USD 45.99 1.63 44.36",
            "txn_2 re_1 refund USD -5 0 -5",
            "txn_3 dp_1 of pi_2 dispute EUR -20 15 -35",
            "txn_4 - fee JPY -200 0 -200",
            // Of no payment intent: there is nothing better than this.
            "txn_5 py_1 charge USD 1 0 1",
        ]
    );
    assert_eq!(file.paid_out_at, Some("2026-09-17T00:00:00Z".parse().unwrap()));
}

#[test]
fn the_general_form_is_read() {
    let file = lines(
        GENERAL,
        &[
            "1,pay-1,charge,USD,10.00,0.59,9.41,2026-09-17T12:00:00+02:00",
            "2,,adjustment,usd,-0.10,0,-0.10,2026-09-17T10:00:00Z",
        ],
    )
    .unwrap();
    assert_eq!(all_shown(&file), ["1 pay-1 charge USD 10 0.59 9.41", "2 - adjustment USD -0.1 0 -0.1"]);
    assert_eq!(file.paid_out_at, Some("2026-09-17T10:00:00Z".parse().unwrap()));
    // In another order, with a mark before them, spaces, other ends of lines, and columns that nobody asked for.
    let other = "\u{feff}net, fee ,gross,currency,category,source_id,more,line_id\r\n\r\n9,1, 10 ,EUR,charge,a,?,1\r\n";
    let file = read(other.as_bytes()).unwrap();
    assert_eq!((all_shown(&file), file.paid_out_at), (vec!["1 a charge EUR 10 1 9".to_owned()], None));
    // With the payments that charges and disputes belong to.
    let first = "line_id,source_id,payment_source_id,category,currency,gross,fee,net\n";
    let file = lines(
        first,
        &[
            "1,ch_1,pay_1,charge,USD,10,1,9",
            "2,re_1,pay_1,refund,USD,-1,0,-1",
            "3,dp_1,pay_1,dispute,USD,-9,15,-24",
            "4,dp_1,pay_1,dispute_reversal,USD,9,-15,24",
            "5,dp_2,,dispute,USD,-9,0,-9",
        ],
    );
    assert_eq!(
        all_shown(&file.unwrap()),
        [
            "1 pay_1 charge USD 10 1 9",
            "2 re_1 refund USD -1 0 -1",
            "3 dp_1 of pay_1 dispute USD -9 15 -24",
            "4 dp_1 of pay_1 dispute_reversal USD 9 -15 24",
            "5 dp_2 dispute USD -9 0 -9",
        ]
    );
}

#[test]
fn a_time_is_kept_when_all_lines_have_the_same() {
    let at = |times: [&str; 2]| {
        let [first, second] = times.map(|time| format!(",,charge,USD,1,0,1,{time}"));
        lines(GENERAL, &[&format!("1{first}"), &format!("2{second}")]).map(|file| file.paid_out_at)
    };
    assert_eq!(at(["2026-01-31", "2026-01-31 00:00:00"]), Ok(Some("2026-01-31T00:00:00Z".parse().unwrap())));
    assert_eq!(at(["2026-01-31", "2026-02-01"]), Ok(None));
    assert_eq!(at(["2026-01-31", ""]), Ok(None));
    assert_eq!(at(["", ""]), Ok(None));
}

#[test]
fn what_is_wrong_is_named_by_line_and_column() {
    let good = "1,a,charge,USD,10,1,9,";
    for (line, column, why) in [
        (",a,charge,USD,10,1,9,", "line_id", "empty"),
        ("2,a,,USD,10,1,9,", "category", "empty"),
        ("2,a,charge,XXX,10,1,9,", "currency", "does not know"),
        ("2,a,charge,USD,ten,1,9,", "gross", "decimal"),
        ("2,a,charge,USD,\"1,000\",1,999,", "gross", "decimal"),
        ("2,a,charge,USD,1e1,1,9,", "gross", "decimal"),
        ("2,a,charge,USD,10,,10,", "fee", "empty"),
        ("2,a,charge,USD,10,1,8.99,", "net", "gross less fee"),
        ("2,a,charge,USD,10,0.0000000000001,9,", "fee", "decimals"),
        ("2,a,charge,USD,10000000000000000,0,10000000000000000,", "gross", "too large"),
        ("2,a,charge,USD,10,1,9,yesterday", "paid_out_at", "time"),
        ("2,a,charge,USD,10,1,9,2026-02-30", "paid_out_at", "time"),
        ("1,b,charge,USD,10,1,9,", "line_id", "another line"),
        ("2,\"a\nb\",charge,USD,10,1,9,", "source_id", "control"),
    ] {
        let error = lines(GENERAL, &[good, line]).unwrap_err();
        let PayoutFileError::Cell { line: 3, column: named, why: said } = &error else { panic!("{line}: {error}") };
        assert!(*named == column && said.contains(why), "{line}: {error}");
    }
    let long = format!("2,{},charge,USD,10,1,9,", "a".repeat(256));
    assert!(matches!(lines(GENERAL, &[&long]), Err(PayoutFileError::Cell { line: 2, column: "source_id", .. })));
    let latin = [GENERAL.as_bytes(), b"1,\xe9,charge,USD,10,1,9,\n"].concat();
    assert!(matches!(read(&latin), Err(PayoutFileError::Cell { line: 2, column: "source_id", .. })));
}

#[test]
fn lines_are_counted_as_they_stand_in_the_file() {
    let wrong = "x,a,charge,USD,1,0,2,";
    for (file, line) in [
        (format!("{GENERAL}{wrong}\n"), 2),
        (format!("{GENERAL}\n\n{wrong}"), 4),
        (format!("{GENERAL}1,\"a\",charge,USD,1,0,1,\n{wrong}"), 3),
        (format!("{}1,a,charge,USD,1,0,1,\r\n\r\n{wrong}\r\n", GENERAL.replace('\n', "\r\n")), 4),
    ] {
        let error = read(file.as_bytes()).unwrap_err();
        assert!(matches!(error, PayoutFileError::Cell { line: named, column: "net", .. } if named == line), "{error}");
    }
}

#[test]
fn other_files_are_refused() {
    use PayoutFileError::*;
    let good = "1,a,charge,USD,10,1,9,";
    for (file, expected) in [
        (String::new(), Empty),
        ("\n\n".to_owned(), Empty),
        (GENERAL.to_owned(), Empty),
        ("date,amount\n2026-01-01,1\n".to_owned(), UnknownForm),
        (GENERAL.replace("net,", ""), NoColumn { column: "net" }),
        (STRIPE.replace("payment_intent_id", "more"), NoColumn { column: "payment_intent_id" }),
        (GENERAL.replace("source_id", "fee"), NoColumn { column: "source_id" }),
        (GENERAL.replace("paid_out_at", "fee"), TwoColumns { column: "fee" }),
        (format!("{GENERAL}{good}\n1,2\n"), OtherLength { line: 3, cells: 2, columns: 8 }),
        (format!("{GENERAL}{good},\n"), OtherLength { line: 2, cells: 9, columns: 8 }),
    ] {
        assert_eq!(read(file.as_bytes()), Err(expected), "{file}");
    }
}

#[test]
fn there_are_limits() {
    let line = |number: usize| format!("{number},,charge,USD,1,0,1,");
    let many = |count: usize| {
        let all: Vec<String> = (0..count).map(line).collect();
        read(format!("{GENERAL}{}\n", all.join("\n")).as_bytes()).map(|file| file.lines.len())
    };
    assert_eq!(many(PAYOUT_LINES_MAX), Ok(PAYOUT_LINES_MAX));
    assert_eq!(many(PAYOUT_LINES_MAX + 1), Err(PayoutFileError::TooManyLines));
    assert_eq!(read(&vec![b'a'; FILE_BYTES_MAX + 1]), Err(PayoutFileError::TooLarge));
    assert_eq!(read(&vec![b'a'; FILE_BYTES_MAX]), Err(PayoutFileError::UnknownForm));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_lines_are_read_or_refused(text in "[0-9a-z.,\"\r\n -]{0,200}") {
        for first in [GENERAL, STRIPE] {
            if let Ok(file) = read(format!("{first}{text}").as_bytes()) {
                for line in file.lines {
                    prop_assert_eq!(line.gross.checked_add(line.fee.negated()), Ok(line.net));
                }
            }
        }
    }

    #[test]
    fn exact_amounts_come_back(gross in -1_000_000_000_000_i64..1_000_000_000_000, fee in 0_i64..1_000_000_000) {
        let cents = |cents: i64| {
            let sign = if cents < 0 { "-" } else { "" };
            let (whole, rest) = (cents.unsigned_abs() / 100, cents.unsigned_abs() % 100);
            format!("{sign}{whole}.{rest:02}")
        };
        let line = format!("1,a,charge,USD,{},{},{},", cents(gross), cents(fee), cents(gross - fee));
        let file = lines(GENERAL, &[&line]).unwrap();
        prop_assert_eq!(file.lines[0].gross.decimal(), rust_decimal::Decimal::new(gross, 2).normalize());
        prop_assert_eq!(file.lines[0].net.decimal(), rust_decimal::Decimal::new(gross - fee, 2).normalize());
    }
}
