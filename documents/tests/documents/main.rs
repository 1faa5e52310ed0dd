//! Documents as files: what is in them can be read again, and the same document gives the same bytes.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod reading;
mod samples;

use documents::{Document, DocumentError, Kind, Language, Line, Party, Status, csv, pdf};
use samples::{chinese, decimal, english, long};

fn pages(document: &Document) -> Vec<String> {
    reading::pages(&pdf(document).unwrap())
}

fn has(page: &str, words: &[&str]) {
    // Hanzi and letters are drawn one after another, in their own fonts.
    let text = page.replace('\n', "");
    for word in words {
        assert!(text.contains(word), "{word} is not in\n{page}");
    }
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    for (name, document) in samples::all() {
        assert!(pdf(&document).unwrap() == pdf(&document).unwrap(), "{name}");
        assert_eq!(csv(&document).unwrap(), csv(&document).unwrap(), "{name}");
    }
}

#[test]
fn time_and_id_come_from_the_document() {
    let bytes = pdf(&english()).unwrap();
    assert_eq!(reading::about(&bytes), ("Invoice INV-2025-0042".to_owned(), Some((2025, 2, 1))));
    let draft = pdf(&Document { issued_at: None, ..english() }).unwrap();
    assert_eq!(reading::about(&draft).1, None);
    assert!(pdf(&Document { id: "another".to_owned(), ..english() }).unwrap() != bytes);
}

#[test]
fn the_text_can_be_read_again() {
    let english = pages(&english());
    assert_eq!(english.len(), 1);
    let words = [
        "Invoice",
        "INV-2025-0042",
        "Northwind Models GmbH",
        "Zażółć & Søn Robotics AVT",
        "12 Rue de l’Étoile",
        "1 February 2025",
        "1 Jan 2025 – 31 Jan 2025",
        "1,834.25",
        "1.125",
        "−150.00",
        "VAT 20\u{a0}% on 8,677.20",
        "EUR\u{a0}10,454.49",
        "−454.49",
        "EUR\u{a0}10,000.00",
        "Due by 15 February 2025",
        "Page 1 of 1",
    ];
    has(&english[0], &words);

    let chinese = pages(&chinese());
    assert_eq!(chinese.len(), 1);
    let words = [
        "账单",
        "上海北风智能科技有限公司",
        "鑫晟数据（深圳）股份有限公司",
        "2025年2月1日",
        "增值税 6\u{a0}%（计税金额 60,862.40）",
        "CNY\u{a0}64,514.14",
        "应付金额",
        "大语言模型输入 token",
        "第 1 页，共 1 页",
    ];
    has(&chinese[0], &words);
}

#[test]
fn many_lines_take_pages_with_heads_and_numbers() {
    let pages = pages(&long(120));
    assert_eq!(pages.len(), 6);
    for (at, page) in pages.iter().enumerate() {
        has(page, &["Unit price", "Northwind Models GmbH", "INV-2025-0042", &format!("Page {} of 6", at + 1)]);
    }
    let all = pages.concat();
    for line in 1..=120 {
        assert_eq!(all.matches(&format!("Model no. {line}, calls\n")).count(), 1, "{line}");
    }
    has(&pages[5], &["Subtotal", "EUR\u{a0}1,800.00"]);
}

#[test]
fn long_descriptions_are_wrapped_and_nothing_is_lost() {
    for document in [english(), chinese()] {
        let page = pages(&document).concat();
        let spaceless = |text: &str| text.replace([' ', '\n'], "");
        for line in &document.lines {
            assert!(spaceless(&page).contains(&spaceless(&line.description)), "{}", line.description);
        }
        assert!(!page.contains(&document.lines[3].description), "{page}");
    }
}

#[test]
fn a_row_higher_than_a_page_goes_on_on_the_next() {
    let line = Line { description: "word ".repeat(4000), ..english().lines[0].clone() };
    let document = Document { lines: vec![line.clone(), line], ..english() };
    let pages = pages(&document);
    assert!(pages.len() > 4);
    assert_eq!(pages.concat().matches("word").count(), 8000);
    for page in pages.iter().filter(|page| page.contains("word")) {
        has(page, &["Description"]);
    }
}

#[test]
fn drafts_and_voids_say_so_on_every_page() {
    let draft = Document { number: None, ..long(120) };
    for page in pages(&draft) {
        has(&page, &["DRAFT", "Draft"]);
    }
    let void = Document { status: Status::Void, ..long(120) };
    for page in pages(&void) {
        has(&page, &["VOID"]);
        assert!(!page.contains("Amount due"));
    }
    has(&pages(&Document { number: None, language: Language::Zh, ..english() })[0], &["草稿"]);
}

#[test]
fn a_credit_note_names_its_invoice() {
    let note = Document { kind: Kind::CreditNote, refers_to: Some("INV-7".to_owned()), ..english() };
    has(&pages(&note)[0], &["Credit note", "For invoice INV-7", "Total credit", "Issued"]);
    assert!(!pages(&note)[0].contains("Amount due"));
}

#[test]
fn what_no_font_has_does_not_harm() {
    let all = samples::all();
    let (_, extreme) = all.iter().find(|(name, _)| *name == "extreme").unwrap();
    assert!(pages(extreme).len() > 5);
    assert!(csv(extreme).unwrap().lines().count() > 2);
    let buyer = Party { name: "龘 GmbH".to_owned(), ..english().buyer };
    has(&pages(&Document { buyer, ..english() })[0], &["龘 GmbH"]);
    let empty = Document { lines: Vec::new(), taxes: Vec::new(), notes: Vec::new(), ..english() };
    assert_eq!(pages(&empty).len(), 1);
}

#[test]
fn an_amount_that_would_be_rounded_is_refused() {
    let mut document = english();
    document.lines[0].amount = decimal("0.005");
    assert!(matches!(pdf(&document), Err(DocumentError::Precision { .. })));
    assert!(matches!(csv(&document), Err(DocumentError::Precision { .. })));
    let document = Document { decimals: 3, ..document };
    assert!(pdf(&document).is_ok());
}

#[test]
fn lines_as_csv() {
    let mut document = english();
    document.lines.truncate(1);
    document.lines[0].description = "=HYPERLINK(\"x\")".to_owned();
    document.lines[0].detail = Some("one, two\r\nthree".to_owned());
    let credit = Line { detail: Some("-5 %".to_owned()), ..english().lines[4].clone() };
    let plain = Line { description: "Plan - team".to_owned(), detail: Some("@home".to_owned()), ..credit.clone() };
    document.lines.extend([credit, plain]);
    let expected = "document,line,description,detail,period_start,period_end,quantity,unit_price,tax,amount,currency\r\n\
        INV-2025-0042,1,\"'=HYPERLINK(\"\"x\"\")\",\"one, two\r\nthree\",2025-01-01,2025-01-31,12,49,20 %,588.00,EUR\r\n\
        INV-2025-0042,2,Goodwill credit for the incident of 9 January,'-5 %,,,,,20 %,-150.00,EUR\r\n\
        INV-2025-0042,3,Plan - team,'@home,,,,,20 %,-150.00,EUR\r\n";
    assert_eq!(csv(&document).unwrap(), expected);
    has(&csv(&chinese()).unwrap(), &["团队套餐,12 个席位", "30815.40,CNY"]);
}
