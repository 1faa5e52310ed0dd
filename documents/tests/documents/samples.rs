//! Documents to look at and to test with.

use chrono::{DateTime, NaiveDate};
use documents::{Document, Kind, Language, Line, Party, Status, TaxLine};
use rust_decimal::Decimal;

/// Every sample with its name.
pub fn all() -> Vec<(&'static str, Document)> {
    vec![
        ("english", english()),
        ("chinese", chinese()),
        ("long", long(120)),
        ("draft", draft()),
        ("credit-note", credit_note()),
        ("chinese-credit-note", Document { language: Language::Zh, ..credit_note() }),
        ("paid", paid()),
        ("void", Document { status: Status::Void, ..english() }),
        ("extreme", extreme()),
    ]
}

/// An amount.
pub fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

fn texts(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

fn line(description: &str, detail: &str, quantity: &str, price: &str, tax: &str, amount: &str) -> Line {
    Line {
        description: description.to_owned(),
        detail: Some(detail.to_owned()).filter(|detail| !detail.is_empty()),
        period: Some((day(2025, 1, 1), day(2025, 1, 31))),
        quantity: Some(decimal(quantity)),
        unit_price: Some(decimal(price)),
        tax_percent: Some(tax.to_owned()).filter(|tax| !tax.is_empty()),
        amount: decimal(amount),
    }
}

/// An open invoice with five lines.
pub fn english() -> Document {
    Document {
        kind: Kind::Invoice,
        language: Language::En,
        number: Some("INV-2025-0042".to_owned()),
        id: "inv_01jj7q3m8x5v2k9c4t6y0w1z2a".to_owned(),
        issued_at: DateTime::from_timestamp(1_738_368_000, 0),
        issue_date: Some(day(2025, 2, 1)),
        due_date: Some(day(2025, 2, 15)),
        status: Status::Open,
        paid_date: None,
        refers_to: None,
        seller: Party {
            name: "Northwind Models GmbH".to_owned(),
            lines: texts(&["Torstraße 140", "10119 Berlin", "Germany"]),
            tax_id: Some("DE 301 234 567".to_owned()),
            email: Some("billing@northwind.example".to_owned()),
        },
        buyer: Party {
            name: "Zażółć & Søn Robotics AVT".to_owned(),
            lines: texts(&["Attn. Accounts Payable", "12 Rue de l’Étoile", "75017 Paris", "France"]),
            tax_id: Some("FR 40 303 265 045".to_owned()),
            email: Some("ap@robotics.example".to_owned()),
        },
        currency: "EUR".to_owned(),
        decimals: 2,
        lines: vec![
            line("Team plan", "12 seats", "12", "49", "20 %", "588.00"),
            line("Input tokens, large model", "Per million tokens", "1834.25", "2.40", "20 %", "4402.20"),
            line("Output tokens, large model", "Per million tokens", "312.5", "9.60", "20 %", "3000.00"),
            line(
                "Dedicated capacity in the region Frankfurt with a guaranteed number of tokens per second, as agreed \
                 in the order form of 12 December 2024",
                "Two instances, reserved for the whole month; what was used above the reservation is in the lines above",
                "744",
                "1.125",
                "20 % + 5 %",
                "837.00",
            ),
            Line {
                period: None,
                quantity: None,
                unit_price: None,
                ..line("Goodwill credit for the incident of 9 January", "", "1", "1", "20 %", "-150.00")
            },
        ],
        taxes: vec![
            TaxLine {
                name: "VAT".to_owned(),
                percent: decimal("20"),
                inclusive: false,
                base: decimal("8677.20"),
                amount: decimal("1735.44"),
            },
            TaxLine {
                name: "City levy".to_owned(),
                percent: decimal("5.0"),
                inclusive: false,
                base: decimal("837.00"),
                amount: decimal("41.85"),
            },
        ],
        subtotal: decimal("8677.20"),
        tax: decimal("1777.29"),
        total: decimal("10454.49"),
        paid: decimal("454.49"),
        credited: decimal("0"),
        due: decimal("10000.00"),
        notes: texts(&[
            "Please put the number of the invoice on your transfer.",
            "Amounts of tokens are measured at the gateway; the statement with every event is in your account.",
        ]),
        footer: Some(
            "Northwind Models GmbH · Amtsgericht Charlottenburg HRB 123456 B · Managing directors: A. Adler, T. Vogel\n\
             IBAN DE89 3704 0044 0532 0130 00 · BIC COBADEFFXXX"
                .to_owned(),
        ),
    }
}

/// The same kind of invoice in Chinese.
pub fn chinese() -> Document {
    Document {
        language: Language::Zh,
        number: Some("INV-2025-0107".to_owned()),
        seller: Party {
            name: "上海北风智能科技有限公司".to_owned(),
            lines: texts(&["上海市浦东新区张江高科技园区", "博云路 2 号 8 楼", "邮编 201203"]),
            tax_id: Some("91310115MA1K3XXXXX".to_owned()),
            email: Some("billing@beifeng.example".to_owned()),
        },
        buyer: Party {
            name: "鑫晟数据（深圳）股份有限公司".to_owned(),
            lines: texts(&["广东省深圳市南山区科技园", "粤海街道科苑路 15 号"]),
            tax_id: Some("91440300MA5FXXXXXX".to_owned()),
            email: None,
        },
        currency: "CNY".to_owned(),
        lines: vec![
            line("团队套餐", "12 个席位", "12", "349", "6 %", "4188.00"),
            line("大语言模型输入 token", "每百万 token", "1834.25", "16.8", "6 %", "30815.40"),
            line("大语言模型输出 token", "每百万 token", "312.5", "67.2", "6 %", "21000.00"),
            line(
                "专属推理容量（上海区域），按照二〇二四年十二月十二日签署的订单约定保证每秒处理的“token”数量，超出部分另行计费，不足部分不予退还。",
                "两个实例，全月预留；API 调用在网关处计量，明细——包括每一笔事件——可在账户中查看",
                "744",
                "7.875",
                "6 %",
                "5859.00",
            ),
            Line {
                period: None,
                quantity: None,
                unit_price: None,
                ..line("一月九日故障补偿", "", "1", "1", "6 %", "-1000.00")
            },
        ],
        taxes: vec![TaxLine {
            name: "增值税".to_owned(),
            percent: decimal("6"),
            inclusive: false,
            base: decimal("60862.40"),
            amount: decimal("3651.74"),
        }],
        subtotal: decimal("60862.40"),
        tax: decimal("3651.74"),
        total: decimal("64514.14"),
        paid: decimal("0"),
        due: decimal("64514.14"),
        notes: texts(&["付款时请注明账单编号。", "如需增值税专用发票，请在付款后联系我们的财务部门。"]),
        footer: Some("上海北风智能科技有限公司　开户行：招商银行上海张江支行　账号：1219 0000 0000 000".to_owned()),
        ..english()
    }
}

/// An invoice with many lines.
pub fn long(lines: usize) -> Document {
    let lines: Vec<_> = (1..=lines)
        .map(|at| Line {
            detail: at.is_multiple_of(7).then(|| "Fine-tuned for the support desk".to_owned()),
            period: at.is_multiple_of(5).then(|| (day(2025, 1, 1), day(2025, 1, 31))),
            ..line(&format!("Model no. {at}, calls"), "", &format!("{}", at * 137), "0.0025", "20 %", "12.50")
        })
        .collect();
    let subtotal = lines.iter().map(|line| line.amount).sum::<Decimal>();
    let tax = subtotal * decimal("0.2");
    let vat = TaxLine { name: "VAT".to_owned(), percent: decimal("20"), inclusive: false, base: subtotal, amount: tax };
    let total = subtotal + tax;
    Document { lines, taxes: vec![vat], subtotal, tax, total, paid: Decimal::ZERO, due: total, ..english() }
}

fn draft() -> Document {
    Document {
        number: None,
        status: Status::Draft,
        issued_at: None,
        issue_date: None,
        paid: Decimal::ZERO,
        due: decimal("10454.49"),
        ..english()
    }
}

fn credit_note() -> Document {
    Document {
        kind: Kind::CreditNote,
        number: Some("CN-2025-0003".to_owned()),
        due_date: None,
        refers_to: Some("INV-2025-0042".to_owned()),
        lines: vec![line("Output tokens, large model", "Counted twice", "31.25", "9.60", "20 %", "300.00")],
        taxes: vec![TaxLine {
            name: "VAT".to_owned(),
            percent: decimal("20"),
            inclusive: true,
            base: decimal("250.00"),
            amount: decimal("50.00"),
        }],
        subtotal: decimal("250.00"),
        tax: decimal("50.00"),
        total: decimal("300.00"),
        paid: Decimal::ZERO,
        due: Decimal::ZERO,
        notes: Vec::new(),
        ..english()
    }
}

fn paid() -> Document {
    Document {
        status: Status::Paid,
        paid_date: Some(day(2025, 2, 10)),
        currency: "JPY".to_owned(),
        decimals: 0,
        lines: vec![Line { tax_percent: None, ..line("API の利用", "", "1000000", "0.12", "", "120000") }],
        taxes: Vec::new(),
        subtotal: decimal("120000"),
        tax: Decimal::ZERO,
        total: decimal("120000"),
        paid: decimal("110000"),
        credited: decimal("10000"),
        due: Decimal::ZERO,
        notes: texts(&["Reverse charge: the customer owes the tax."]),
        footer: None,
        ..english()
    }
}

/// What nobody should send: everything too long, too big or unknown to the fonts.
fn extreme() -> Document {
    let big = "-79228162514264337593543950335";
    Document {
        number: Some("N".repeat(120)),
        seller: Party {
            name: "Société ".repeat(40),
            lines: texts(&["नमस्ते مرحبا 😀 龘 \u{202e}abc\u{0}"; 30]),
            tax_id: Some("X".repeat(200)),
            email: Some("a@b.example".repeat(20)),
        },
        currency: "CURRENCY".repeat(6),
        lines: vec![
            line(&"word ".repeat(2500), &"无空格的长文本。".repeat(100), big, big, &"20 % + ".repeat(8), big),
            line(&"x".repeat(3000), "\n\n\n", "1", "0.0000000000000000000000000001", "", "1"),
        ],
        taxes: (1..=60)
            .map(|at| TaxLine {
                name: "A tax with a very long name that needs more than one line".to_owned(),
                percent: Decimal::from(at),
                inclusive: at % 2 == 0,
                base: decimal(big),
                amount: decimal(big),
            })
            .collect(),
        total: decimal(big),
        notes: vec!["note ".repeat(3000)],
        footer: Some("footer ".repeat(200)),
        ..english()
    }
}
