//! Our own words, in every language.

use crate::{Kind, Language, Status};

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident: $en:literal, $zh:literal;)+) => {
        /// The words of one language.
        pub(crate) struct Labels {
            $($(#[$doc])* pub(crate) $name: &'static str,)+
        }

        static EN: Labels = Labels { $($name: $en,)+ };
        static ZH: Labels = Labels { $($name: $zh,)+ };

        #[cfg(test)]
        impl Labels {
            /// Each of them.
            pub(crate) fn all(&self) -> Vec<&'static str> {
                vec![$(self.$name,)+]
            }
        }
    };
}

labels! {
    invoice: "Invoice", "账单";
    credit_note: "Credit note", "贷项通知单";

    draft: "Draft", "草稿";
    open: "Open", "待支付";
    issued: "Issued", "已开具";
    paid: "Paid", "已支付";
    void: "Void", "已作废";
    uncollectible: "Uncollectible", "无法收回";
    /// Across the pages of a draft.
    draft_mark: "DRAFT", "草稿";
    /// Across the pages of what is void.
    void_mark: "VOID", "作废";

    number: "Number", "编号";
    issue_date: "Issue date", "开具日期";
    due_date: "Due date", "付款截止日";
    paid_date: "Paid on", "支付日期";
    refers_to: "For invoice", "对应账单";
    currency: "Currency", "币种";
    billed_to: "Billed to", "购买方";
    tax_id: "Tax ID", "税号";

    description: "Description", "项目";
    quantity: "Quantity", "数量";
    unit_price: "Unit price", "单价";
    tax_rate: "Tax", "税率";
    amount: "Amount ({currency})", "金额 ({currency})";

    subtotal: "Subtotal", "小计";
    tax_on_top: "{name} {percent} on {base}", "{name} {percent}（计税金额 {base}）";
    tax_included: "incl. {name} {percent} on {base}", "含 {name} {percent}（计税金额 {base}）";
    tax_total: "Tax in total", "税额合计";
    total: "Total", "合计";
    total_credit: "Total credit", "贷项合计";
    paid_amount: "Paid", "已付";
    credited: "Credited", "已抵扣";
    amount_due: "Amount due", "应付金额";

    due_by: "Due by {date}", "付款截止日：{date}";
    paid_on: "Paid on {date}", "已于{date}支付";
    for_invoice: "For invoice {number}", "对应账单 {number}";
    is_draft: "This is a draft and may still change.", "此为草稿，内容可能变动。";
    is_void: "This document is void. Nothing is to be paid.", "本单据已作废，无需付款。";

    notes: "Notes", "备注";
    page: "Page {page} of {pages}", "第 {page} 页，共 {pages} 页";
}

impl Labels {
    /// The words of this language.
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &EN,
            Language::Zh => &ZH,
        }
    }

    /// What the document is called.
    pub(crate) fn kind(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Invoice => self.invoice,
            Kind::CreditNote => self.credit_note,
        }
    }

    /// How it stands. A credit note waits for nothing: it is issued.
    pub(crate) fn status(&self, kind: Kind, status: Status) -> &'static str {
        match (kind, status) {
            (_, Status::Draft) => self.draft,
            (_, Status::Void) => self.void,
            (Kind::CreditNote, _) => self.issued,
            (Kind::Invoice, Status::Open) => self.open,
            (Kind::Invoice, Status::Paid) => self.paid,
            (Kind::Invoice, Status::Uncollectible) => self.uncollectible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::font::{Fonts, Weight};

    #[test]
    fn the_fonts_have_every_character_of_the_labels() {
        let fonts = Fonts::get().unwrap();
        let dates = ["0123456789年月日−,.%\u{a0}–…"];
        for text in Labels::of(Language::En).all().into_iter().chain(Labels::of(Language::Zh).all()).chain(dates) {
            for weight in [Weight::Regular, Weight::Bold] {
                assert!(fonts.has_all(text, weight), "{text} in {weight:?}");
            }
        }
    }

    #[test]
    fn both_languages_have_the_same_places_to_fill() {
        let places = |text: &str| {
            let mut names: Vec<_> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            names.sort_unstable();
            names.join(" ")
        };
        for (en, zh) in EN.all().into_iter().zip(ZH.all()) {
            assert_eq!(places(en), places(zh), "{en} and {zh}");
        }
    }
}
