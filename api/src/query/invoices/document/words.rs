//! Our own words on invoices and credit notes, beside the labels that documents have.

use documents::Language;
use domain::invoice::LineKind;

/// Our own words on a document, beside its labels.
pub(super) struct Words {
    pub(super) included: &'static str,
    pub(super) paid_by_credits: &'static str,
    pub(super) reverse_charge: &'static str,
    pub(super) reverse_charge_note: &'static str,
    pub(super) customer: &'static str,
}

const EN: Words = Words {
    included: "included",
    paid_by_credits: "paid by credits",
    reverse_charge: "reverse charge",
    reverse_charge_note: "Reverse charge: the customer owes the tax.",
    customer: "Customer",
};

const ZH: Words = Words {
    included: "包含在内",
    paid_by_credits: "已由额度支付",
    reverse_charge: "反向征税",
    reverse_charge_note: "反向征税：税款由购买方自行申报缴纳。",
    customer: "客户",
};

/// The words of a language.
pub(super) const fn words(language: Language) -> &'static Words {
    match language {
        Language::En => &EN,
        Language::Zh => &ZH,
    }
}

/// What kind of line it is, where its description does not say so.
pub(super) const fn kind(kind: LineKind, language: Language) -> Option<&'static str> {
    let (en, zh) = match kind {
        LineKind::Proration => ("Part of a period", "按时间比例计算"),
        LineKind::Minimum => ("Up to the minimum", "补足最低消费"),
        LineKind::LateUsage => ("Used in an earlier period", "此前周期的用量"),
        LineKind::Adjustment => ("Given back", "退还"),
        LineKind::ToCredits => ("Becomes credits", "转为额度"),
        LineKind::Fee | LineKind::Usage | LineKind::Custom => return None,
    };
    Some(match language {
        Language::En => en,
        Language::Zh => zh,
    })
}
