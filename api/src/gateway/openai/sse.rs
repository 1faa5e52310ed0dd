//! Server-sent events, cut out of a stream of bytes whose chunks end anywhere.
//!
//! An event is given back as the bytes that it came as, with the empty line that ends it, so that what is not
//! understood passes unchanged. Lines end in LF, CR LF or CR (WHATWG HTML, section 9.2.6).

use axum::body::Bytes;

/// The largest event: the last one of a response has all of it once more.
pub(crate) const EVENT_BYTES_MAX: usize = 16 << 20;

/// The stream has an event that is larger than [`EVENT_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream has more than {EVENT_BYTES_MAX} bytes")]
pub(crate) struct EventTooLarge;

/// Takes chunks in and gives events out.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// What is not yet given out.
    buffer: Vec<u8>,
    /// Up to here there is no end of an event.
    scanned: usize,
    /// Where the line begins that is being looked at.
    line_start: usize,
}

impl Splitter {
    /// Takes a chunk in.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), EventTooLarge> {
        if self.buffer.len() + chunk.len() > EVENT_BYTES_MAX {
            return Err(EventTooLarge);
        }
        self.buffer.extend_from_slice(chunk);
        Ok(())
    }

    /// The next event, when all of it is here.
    pub(crate) fn next_event(&mut self) -> Option<Bytes> {
        while let Some(byte) = self.buffer.get(self.scanned) {
            let line_end = match (byte, self.buffer.get(self.scanned + 1)) {
                (b'\n', _) => self.scanned + 1,
                (b'\r', Some(b'\n')) => self.scanned + 2,
                // Whether a line feed belongs to it, the next chunk says.
                (b'\r', None) => return None,
                (b'\r', Some(_)) => self.scanned + 1,
                _ => {
                    self.scanned += 1;
                    continue;
                }
            };
            let is_empty = self.scanned == self.line_start;
            (self.scanned, self.line_start) = (line_end, line_end);
            if is_empty {
                let rest = self.buffer.split_off(line_end);
                (self.scanned, self.line_start) = (0, 0);
                return Some(std::mem::replace(&mut self.buffer, rest).into());
            }
        }
        None
    }

    /// What is left when the stream has ended; an event that is not ended counts as none.
    pub(crate) fn rest(&mut self) -> Bytes {
        (self.scanned, self.line_start) = (0, 0);
        std::mem::take(&mut self.buffer).into()
    }
}

/// The data of an event: its `data` lines, joined; `None` when it has none.
pub(crate) fn data(event: &[u8]) -> Option<std::borrow::Cow<'_, [u8]>> {
    let lines = event.split(|byte| matches!(byte, b'\n' | b'\r'));
    let mut values = lines.filter_map(|line| {
        let value = line.strip_prefix(b"data")?;
        match value {
            [] => Some(value),
            [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
            _ => None,
        }
    });
    let first = values.next()?;
    let mut joined: Option<Vec<u8>> = None;
    for value in values {
        let joined = joined.get_or_insert_with(|| first.to_vec());
        joined.push(b'\n');
        joined.extend_from_slice(value);
    }
    Some(joined.map_or(first.into(), Into::into))
}

/// The event with other data: its other fields stay as they are.
pub(crate) fn with_data(event: &[u8], data: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(event.len() + data.len());
    let others = event.split(|byte| matches!(byte, b'\n' | b'\r'));
    let is_data = |line: &[u8]| matches!(line.strip_prefix(b"data"), Some([] | [b':', ..]));
    for line in others.filter(|line| !line.is_empty() && !is_data(line)) {
        written.extend_from_slice(line);
        written.push(b'\n');
    }
    for line in data.split(|byte| *byte == b'\n') {
        written.extend_from_slice(b"data: ");
        written.extend_from_slice(line);
        written.push(b'\n');
    }
    written.push(b'\n');
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(chunks: &[&[u8]]) -> (Vec<Bytes>, Bytes) {
        let mut splitter = Splitter::default();
        let mut events = Vec::new();
        for chunk in chunks {
            splitter.push(chunk).unwrap();
            while let Some(event) = splitter.next_event() {
                events.push(event);
            }
        }
        (events, splitter.rest())
    }

    #[test]
    fn an_empty_line_ends_an_event() {
        let (found, rest) = events(&[b"data: a\n\ndata: b\r\n\r\nevent: x\rdata: c\r\r: comment\n"]);
        assert_eq!(found, [&b"data: a\n\n"[..], b"data: b\r\n\r\n", b"event: x\rdata: c\r\r"]);
        assert_eq!(&rest[..], b": comment\n");
        assert_eq!(events(&[b"\n", b"\r\n"]).0, [&b"\n"[..], b"\r\n"]);
        let (found, rest) = events(&[b"data: a\r\n\r", b"\ndata: b\n\n"]);
        assert_eq!(
            (found, rest.len()),
            (vec![Bytes::from_static(b"data: a\r\n\r\n"), Bytes::from_static(b"data: b\n\n")], 0)
        );
    }

    #[test]
    fn data_is_joined() {
        let joined =
            |event: &'static str| data(event.as_bytes()).map(|data| String::from_utf8_lossy(&data).into_owned());
        assert_eq!(joined("data: a\n\n").as_deref(), Some("a"));
        assert_eq!(joined("data:a\r\n\r\n").as_deref(), Some("a"));
        assert_eq!(joined("event: e\ndata:  a\ndata: b\nid: 1\n\n").as_deref(), Some(" a\nb"));
        assert_eq!(joined("data\ndata\n\n").as_deref(), Some("\n"));
        for none in ["\n", ": data\n\n", "event: data\n\n", "database: 1\n\n"] {
            assert_eq!(joined(none), None, "{none}");
        }
        let changed = with_data(b"event: done\r\ndata: a\r\ndata: b\r\n\r\n", b"{}");
        assert_eq!(changed, b"event: done\ndata: {}\n\n");
    }

    #[test]
    fn there_is_a_largest_event() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.push(&vec![b'a'; EVENT_BYTES_MAX]), Ok(()));
        assert_eq!(splitter.push(b"a"), Err(EventTooLarge));
    }

    proptest! {
        #[test]
        fn chunks_may_end_anywhere(
            text in "(data: [a-c]{0,3}|event: x|: c|)((\n|\r\n|\r)(data: [a-c]{0,3}|event: x|))*(\n|\r\n)",
            cuts in prop::collection::vec(0usize..40, 0..6),
        ) {
            let bytes = text.as_bytes();
            let (whole, rest) = events(&[bytes]);
            let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            ends.sort_unstable();
            ends.push(bytes.len());
            let mut start = 0;
            let mut chunks = Vec::new();
            for end in ends {
                chunks.push(&bytes[start..end]);
                start = end;
            }
            let (cut, cut_rest) = events(&chunks);
            prop_assert_eq!(&whole, &cut);
            prop_assert_eq!(&rest, &cut_rest);
            let joined: Vec<u8> = whole.iter().chain([&rest]).flat_map(|part| part.to_vec()).collect();
            prop_assert_eq!(joined, bytes, "nothing is lost");
        }

        #[test]
        fn garbage_passes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (found, rest) = events(&[&bytes]);
            let joined: Vec<u8> = found.iter().chain([&rest]).flat_map(|part| part.to_vec()).collect();
            prop_assert_eq!(joined, bytes);
            for event in &found {
                let _ = data(event);
            }
        }
    }
}
