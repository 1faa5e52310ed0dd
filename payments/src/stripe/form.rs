//! The bodies of requests: `application/x-www-form-urlencoded`, with names like `metadata[order]`.

use form_urlencoded::Serializer;

/// Names and values, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(&'static str, String)>);

impl Form {
    /// With another value.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// With another value, if there is one.
    #[must_use]
    pub(super) fn with_some(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// As it is sent.
    pub(super) fn encoded(&self) -> String {
        let mut serializer = Serializer::new(String::new());
        for (name, value) in &self.0 {
            serializer.append_pair(name, value);
        }
        serializer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded() {
        let form = Form::default()
            .with("amount", "1000")
            .with("metadata[a]", "b c&d=é+%")
            .with_some("none", None::<String>)
            .with_some("some", Some("x"));
        assert_eq!(form.encoded(), "amount=1000&metadata%5Ba%5D=b+c%26d%3D%C3%A9%2B%25&some=x");
        assert_eq!(Form::default().encoded(), "");
    }
}
