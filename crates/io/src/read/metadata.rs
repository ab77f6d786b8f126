//! GDAL_METADATA (tag 42112): items of the file and of its bands, as GDAL reads its own XML.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};

/// Names and values by domain, as GDAL's metadata; its default domain is the empty one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata(BTreeMap<String, BTreeMap<String, String>>);

impl Metadata {
    /// The value of `name` in `domain`.
    ///
    /// ```
    /// # use swath_io::read::Metadata;
    /// let metadata: Metadata = [("", "AUTHOR", "me"), ("RPC", "LINE_OFF", "5")].into_iter().collect();
    /// assert_eq!(metadata.get("RPC", "LINE_OFF"), Some("5"));
    /// ```
    pub fn get(&self, domain: &str, name: &str) -> Option<&str> {
        self.0.get(domain)?.get(name).map(String::as_str)
    }

    /// Names and values of a domain, in the order of names.
    pub fn domain(&self, domain: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0.get(domain).into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The domains that have items, in order.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether it has no item.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, domain: &str, name: impl Into<String>, value: impl Into<String>) {
        let mut value = value.into();
        // As GDAL, where a line of a name and a value is read: documents stay as they are.
        if !domain.starts_with("xml:") {
            value.drain(..value.len() - value.trim_start_matches([' ', '\t']).len());
        }
        self.0.entry(domain.to_owned()).or_default().insert(name.into(), value);
    }
}

impl<'a> FromIterator<(&'a str, &'a str, &'a str)> for Metadata {
    /// Of domain, name and value; the last of equal names counts.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str, &'a str)>>(items: I) -> Self {
        let mut metadata = Self::default();
        items.into_iter().for_each(|(domain, name, value)| metadata.insert(domain, name, value));
        metadata
    }
}

/// An `Item` element.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) value: String,
    /// The band it belongs to, counted from 0; none for one of the file.
    pub(super) band: Option<usize>,
    /// Such as `scale`, or empty.
    pub(super) role: String,
    pub(super) domain: String,
}

/// The items in the order of the XML; none where it is no XML, as GDAL then has none.
pub(super) fn parse(xml: &str) -> Vec<Item> {
    read(xml).unwrap_or_default()
}

fn read(xml: &str) -> Option<Vec<Item>> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().allow_dangling_amp = true;
    let (mut items, mut open, mut depth, mut in_root) = (Vec::new(), None, 0_usize, false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) => {
                depth += 1;
                in_root |= depth == 1 && element.name().as_ref() == b"GDALMetadata";
                if in_root && depth == 2 && element.name().as_ref().eq_ignore_ascii_case(b"item") {
                    open = item(&element)?;
                }
            }
            Event::Text(text) => push(&mut open, depth, &text.decode().ok()?),
            Event::CData(text) => push(&mut open, depth, &text.decode().ok()?),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(char) => push(&mut open, depth, char.encode_utf8(&mut [0; 4])),
                None => {
                    let name = reference.decode().ok()?;
                    match resolve_predefined_entity(&name) {
                        Some(text) => push(&mut open, depth, text),
                        None => push(&mut open, depth, &format!("&{name};")),
                    }
                }
            },
            Event::End(_) => {
                if depth == 2 {
                    items.extend(open.take().and_then(closed));
                }
                depth = depth.checked_sub(1)?;
                in_root &= depth > 0;
            }
            Event::Eof => return (depth == 0).then_some(items),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn push(open: &mut Option<Item>, depth: usize, text: &str) {
    if let Some(item) = open.as_mut().filter(|_| depth == 2) {
        item.value.push_str(text);
    }
}

/// An item without its value; none without a name, or of a band that no TIFF has.
fn item(element: &BytesStart<'_>) -> Option<Option<Item>> {
    let mut out = Item::default();
    let (mut named, mut sample) = (false, -1);
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.ok()?;
        let raw = str::from_utf8(&attribute.value).ok()?;
        let value = unescape(raw).unwrap_or(raw.into()).into_owned();
        match attribute.key.as_ref() {
            b"name" => (out.name, named) = (value, true),
            b"sample" => sample = integer(&value),
            b"role" => out.role = value,
            b"domain" => out.domain = value,
            _ => {}
        }
    }
    out.band = usize::try_from(sample).ok();
    Some((named && (-1..=65535).contains(&sample)).then_some(out))
}

/// As C's `atoi`: the digits that a text starts with, 0 without any.
fn integer(text: &str) -> i64 {
    let text = text.trim_start();
    let end = text.char_indices().find(|(at, char)| !(char.is_ascii_digit() || *at == 0 && "+-".contains(*char)));
    text[..end.map_or(text.len(), |(at, _)| at)].parse().unwrap_or(0)
}

/// With its value as GDAL gives it; an item without a value is none.
fn closed(mut item: Item) -> Option<Item> {
    // GDAL escapes values twice when it writes, and undoes both.
    if let Some(plain) = item.value.contains('&').then(|| unescape(&item.value)).and_then(Result::ok) {
        item.value = plain.into_owned();
    }
    (!item.value.is_empty()).then_some(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_their_band_role_and_domain() {
        let xml = r#"<GDALMetadata>
            <Item name="OVR_RESAMPLING_ALG">NEAREST</Item>
            <Item name="SCALE" sample="1" role="scale">0.0001</Item>
            <Item name="LINE_OFF" domain="RPC">5</Item>
            <!-- no item --><Other name="x">y</Other><Item sample="0">nameless</Item><Item name="empty"/>
        </GDALMetadata>"#;
        let item = |name: &str, value: &str| Item { name: name.into(), value: value.into(), ..Item::default() };
        let expected = vec![
            item("OVR_RESAMPLING_ALG", "NEAREST"),
            Item { band: Some(1), role: "scale".into(), ..item("SCALE", "0.0001") },
            Item { domain: "RPC".into(), ..item("LINE_OFF", "5") },
        ];
        assert_eq!(parse(xml), expected);
    }

    #[test]
    fn escaped_once_or_twice_is_the_same_text() {
        let of = |value: &str| parse(&format!("<GDALMetadata><Item name=\"a\">{value}</Item></GDALMetadata>"));
        for value in ["a&lt;b", "a&amp;lt;b", "<![CDATA[a<b]]>", "a&#60;b"] {
            assert_eq!(of(value)[0].value, "a<b", "{value}");
        }
        assert_eq!(of("Q & A")[0].value, "Q & A");
    }

    #[test]
    fn what_is_no_xml_has_no_items() {
        for xml in [
            "",
            "text",
            "<GDALMetadata><Item name=\"a\">b</Item>",
            "<GDALMetadata><Item name=\"a\">b</Wrong></GDALMetadata>",
            "<Other><Item name=\"a\">b</Item></Other>",
            "<GDALMetadata><Item name=\"a\" sample=\"70000\">b</Item></GDALMetadata>",
            "</GDALMetadata>",
        ] {
            assert_eq!(parse(xml), [], "{xml}");
        }
        // Nesting is counted, not followed: deep files cost no stack.
        assert_eq!(parse(&"<a>".repeat(100_000)), []);
    }
}
