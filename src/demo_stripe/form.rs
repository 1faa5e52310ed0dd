//! Parameters as they come: form-encoded, with names like `metadata[order]`, `card[number]` and `expand[]`. They are
//! put into a small tree by hand; of a form library there would be more than of this. What is not known is passed over.

use reqwest::Url;
use serde_json::Value;

use super::answer::Refused;

/// The most parameters of a request, and how deep they may be.
const PAIRS_MAX: usize = 1_000;
const DEPTH_MAX: usize = 8;
/// As Stripe has it: how many members metadata may have, and how long they may be.
const METADATA_MAX: usize = 50;
const METADATA_NAME_MAX: usize = 40;
const METADATA_VALUE_MAX: usize = 500;

/// Names and values, in the order in which they came.
pub fn pairs(encoded: &str) -> Vec<(String, String)> {
    // What reads URLs also reads forms, and is at hand by way of reqwest.
    let Ok(mut url) = Url::parse("http://form") else { return Vec::new() };
    url.set_query(Some(encoded));
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The parts of a name: `metadata[order]` has two.
fn parts(name: &str) -> Vec<&str> {
    name.split('[').map(|part| part.strip_suffix(']').unwrap_or(part)).collect()
}

/// Parameters: each is a text, or has further ones within.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    text: Option<String>,
    within: Vec<(String, Params)>,
}

impl Params {
    /// From a query or a body.
    pub fn parse(encoded: &str) -> Result<Self, Refused> {
        let pairs = pairs(encoded);
        if pairs.len() > PAIRS_MAX {
            return Err(Refused::invalid(format!("There are more than {PAIRS_MAX} parameters.")));
        }
        let mut params = Self::default();
        for (name, value) in pairs {
            let path = parts(&name);
            if path.len() > DEPTH_MAX {
                return Err(Refused::param(&name, "This parameter is too deep."));
            }
            params.put(&path, value);
        }
        Ok(params)
    }

    fn put(&mut self, path: &[&str], value: String) {
        let Some((name, rest)) = path.split_first() else {
            self.text = Some(value);
            return;
        };
        // A list without numbers.
        let name = if name.is_empty() { self.within.len().to_string() } else { (*name).to_owned() };
        let place = match self.within.iter().position(|(other, _)| *other == name) {
            Some(place) => place,
            None => {
                self.within.push((name, Self::default()));
                self.within.len() - 1
            }
        };
        self.within[place].1.put(rest, value);
    }

    fn at(&self, name: &str) -> Option<&Self> {
        let mut params = self;
        for part in parts(name) {
            params = params.within.iter().find(|(other, _)| other.as_str() == part).map(|(_, within)| within)?;
        }
        Some(params)
    }

    /// A text, if it is there and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.at(name)?.text.as_deref().filter(|text| !text.is_empty())
    }

    /// A text that must be there.
    pub fn needed(&self, name: &str) -> Result<&str, Refused> {
        self.text(name).ok_or_else(|| Refused::needed(name))
    }

    /// A whole number, if it is there.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Refused> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Refused::param(name, format!("Invalid integer: {text}")).code("parameter_invalid_integer")),
        }
    }

    /// A flag; `false` when there is none.
    pub fn flag(&self, name: &str) -> Result<bool, Refused> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Refused::param(name, format!("Invalid boolean: {other}"))),
        }
    }

    /// One of these texts, if it is there.
    pub fn one_of(&self, name: &str, known: &[&'static str]) -> Result<Option<&'static str>, Refused> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match known.iter().find(|known| **known == text) {
            Some(known) => Ok(Some(*known)),
            None => Err(Refused::param(name, format!("Invalid {name}: must be one of {}", known.join(", ")))),
        }
    }

    /// All texts of a list.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let within = self.at(name).map_or(&[][..], |params| params.within.as_slice());
        within.iter().filter_map(|(_, item)| item.text.as_deref()).collect()
    }

    /// `metadata` of a new object: texts by name.
    pub fn metadata(&self) -> Result<Value, Refused> {
        self.metadata_over(&Value::Null)
    }

    /// `metadata` of an object that had other metadata before: an empty text takes one away.
    pub fn metadata_over(&self, had: &Value) -> Result<Value, Refused> {
        let mut metadata = had.as_object().cloned().unwrap_or_default();
        for (name, value) in self.given_metadata()? {
            if value.is_empty() {
                metadata.remove(name);
            } else {
                metadata.insert(name.to_owned(), Value::from(value));
            }
        }
        if metadata.len() > METADATA_MAX {
            return Err(Refused::param("metadata", format!("You can have up to {METADATA_MAX} keys.")));
        }
        Ok(Value::Object(metadata))
    }

    fn given_metadata(&self) -> Result<Vec<(&str, &str)>, Refused> {
        let mut given = Vec::new();
        for (name, value) in self.at("metadata").map_or(&[][..], |params| params.within.as_slice()) {
            let param = format!("metadata[{name}]");
            let Some(text) = value.text.as_deref() else {
                return Err(Refused::param(&param, "Metadata values must be strings, but you passed in a hash."));
            };
            if name.chars().count() > METADATA_NAME_MAX || text.chars().count() > METADATA_VALUE_MAX {
                let bounds = format!("{METADATA_NAME_MAX} characters for a name, {METADATA_VALUE_MAX} for a value");
                return Err(Refused::param(&param, format!("Metadata is too long: at most {bounds}.")));
            }
            given.push((name.as_str(), text));
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn params(encoded: &str) -> Params {
        Params::parse(encoded).unwrap()
    }

    #[test]
    fn names_nest() {
        let params =
            params("amount=1000&metadata[a b]=1+2&metadata%5Bc%5D=%26%23&expand[]=x&expand[]=y.z&card[token]=t&e=");
        assert_eq!(params.integer("amount").unwrap(), Some(1_000));
        assert_eq!(params.metadata().unwrap(), json!({ "a b": "1 2", "c": "&#" }));
        assert_eq!(params.list("expand"), ["x", "y.z"]);
        assert_eq!(Params::parse("l[0]=x&l[1]=y").unwrap().list("l"), ["x", "y"]);
        assert_eq!(
            (params.text("card[token]"), params.text("card"), params.text("card[other]")),
            (Some("t"), None, None)
        );
        assert_eq!((params.text("e"), params.text("f")), (None, None));
        assert_eq!(Params::parse("").unwrap(), Params::default());
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert!(params("amount=1.5").integer("amount").is_err());
        assert!(params("confirm=1").flag("confirm").is_err());
        assert!(params("a=").needed("a").is_err());
        assert!(params("reason=none").one_of("reason", &["duplicate"]).is_err());
        assert!(params("metadata[a][b]=1").metadata().is_err());
        assert!(params(&format!("metadata[a]={}", "x".repeat(501))).metadata().is_err());
        assert!(Params::parse("a[b][c][d][e][f][g][h][i]=1").is_err());
        assert!(Params::parse(&"a=1&".repeat(1_001)).is_err());
    }

    #[test]
    fn empty_metadata_goes() {
        let given = params("metadata[a]=&metadata[c]=3");
        assert_eq!(given.metadata_over(&json!({ "a": "1", "b": "2" })).unwrap(), json!({ "b": "2", "c": "3" }));
        assert_eq!(given.metadata().unwrap(), json!({ "c": "3" }));
    }
}
