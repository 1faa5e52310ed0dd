//! Looking for payment intents, in as much of Stripe's query language as integrations need: `status:'succeeded'`,
//! `metadata['order']:'7'`, `amount>=1000`; `AND` between them or nothing, or `OR`; `-` before what is not to hold.

use serde_json::{Value, json};

use super::answer::Refused;
use super::books::{Books, Kind, number, text};
use super::form::Params;

/// Members that can be asked for, beside metadata.
const TEXTS: [&str; 3] = ["currency", "customer", "status"];
const NUMBERS: [&str; 2] = ["amount", "created"];
/// The longer ones before what they begin with.
const SIGNS: [&str; 5] = [">=", "<=", ">", "<", ":"];

/// `GET /v1/payment_intents/search`.
pub fn intents(books: &Books, url: &str, params: &Params) -> Result<Value, Refused> {
    let query = Query::read(params.needed("query")?)
        .ok_or_else(|| Refused::param("query", "We were unable to parse your search query."))?;
    let limit = params.integer("limit")?.unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return Err(Refused::param("limit", "Invalid limit: must be 1 to 100"));
    }
    // What `next_page` said: how many came before.
    let from = params.integer("page")?.unwrap_or_default();
    let [limit, from] = [limit, from].map(|count| usize::try_from(count).unwrap_or_default());
    let found: Vec<&Value> = if books.finds_nothing {
        Vec::new()
    } else {
        books.newest(Kind::Intent).filter(|intent| query.is_met(intent)).collect()
    };
    let data: Vec<&Value> = found.iter().copied().skip(from).take(limit).collect();
    let next = (found.len() > from + data.len()).then(|| (from + data.len()).to_string());
    Ok(json!({
        "object": "search_result", "url": url, "has_more": next.is_some(), "next_page": next, "data": data,
    }))
}

/// What is looked for.
#[derive(Debug, PartialEq, Eq)]
struct Query<'a> {
    clauses: Vec<Clause<'a>>,
    /// One of them is enough.
    any: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Clause<'a> {
    is_not: bool,
    is_metadata: bool,
    name: &'a str,
    sign: &'a str,
    value: &'a str,
}

impl<'a> Query<'a> {
    /// `None` when it is not in the language.
    fn read(query: &'a str) -> Option<Self> {
        let words = words(query);
        let any = words.contains(&"OR");
        if any && words.contains(&"AND") {
            return None;
        }
        let clauses = words.into_iter().filter(|word| !matches!(*word, "AND" | "OR")).map(Clause::read);
        let clauses: Vec<Clause<'_>> = clauses.collect::<Option<_>>()?;
        (!clauses.is_empty()).then_some(Self { clauses, any })
    }

    fn is_met(&self, intent: &Value) -> bool {
        let mut clauses = self.clauses.iter();
        if self.any { clauses.any(|clause| clause.is_met(intent)) } else { clauses.all(|clause| clause.is_met(intent)) }
    }
}

/// What stands between spaces, but not within quotes.
fn words(query: &str) -> Vec<&str> {
    let mut quote = None;
    let words = query.split(|sign| match (quote, sign) {
        (None, ' ') => true,
        (None, '\'' | '"') => {
            quote = Some(sign);
            false
        }
        (Some(open), _) if open == sign => {
            quote = None;
            false
        }
        _ => false,
    });
    words.filter(|word| !word.is_empty()).collect()
}

impl<'a> Clause<'a> {
    fn read(word: &'a str) -> Option<Self> {
        let (is_not, word) = match word.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        let (is_metadata, name, rest) = if let Some(rest) = word.strip_prefix("metadata[") {
            let quote = rest.chars().next().filter(|sign| matches!(sign, '\'' | '"'))?;
            let (name, rest) = rest[1..].split_once(quote)?;
            (true, name, rest.strip_prefix(']')?)
        } else {
            let (name, rest) = word.split_at(word.find([':', '<', '>'])?);
            (false, name, rest)
        };
        let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign))?;
        let value = &rest[sign.len()..];
        let quoted = |quote: char| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
        let value = quoted('\'').or_else(|| quoted('"')).unwrap_or(value);
        let is_known = match name {
            _ if is_metadata => sign == ":",
            name if NUMBERS.contains(&name) => value.parse::<i64>().is_ok(),
            name => TEXTS.contains(&name) && sign == ":",
        };
        is_known.then_some(Self { is_not, is_metadata, name, sign, value })
    }

    fn is_met(&self, intent: &Value) -> bool {
        let holds = if self.is_metadata {
            intent["metadata"][self.name] == self.value
        } else if NUMBERS.contains(&self.name) {
            let (number, bound) = (number(intent, self.name), self.value.parse::<i64>().unwrap_or_default());
            match self.sign {
                ">=" => number >= bound,
                "<=" => number <= bound,
                ">" => number > bound,
                "<" => number < bound,
                _ => number == bound,
            }
        } else {
            text(intent, self.name) == self.value
        };
        holds != self.is_not
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_met() {
        let intent = json!({ "status": "succeeded", "amount": 1_000, "metadata": { "order": "a 7", "x": "y" } });
        for (query, is_met) in [
            ("metadata['order']:'a 7'", true),
            ("metadata[\"order\"]:\"a 7\" AND status:'succeeded'", true),
            ("metadata['order']:'a 8'", false),
            ("-metadata['order']:'a 8' amount>=1000", true),
            ("amount<1000 OR amount:1000", true),
            ("status:'canceled' OR metadata['x']:'z'", false),
            ("status:succeeded amount>1000", false),
            ("-status:'succeeded'", false),
        ] {
            assert_eq!(Query::read(query).unwrap().is_met(&intent), is_met, "{query}");
        }
        for wrong in
            ["", "status", "id:'pi_1'", "amount>'x'", "status>'a'", "a:'b' AND c:'d' OR e:'f'", "metadata[x]:'y'"]
        {
            assert_eq!(Query::read(wrong), None, "{wrong}");
        }
    }
}
