//! Forms: names and values in the encoding of URLs.

/// Writes `name=value&...`; everything but letters, digits and `-_.~` is encoded.
pub fn encode_form(fields: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        if !out.is_empty() {
            out.push('&');
        }
        encode(&mut out, name);
        out.push('=');
        encode(&mut out, value);
    }
    out
}

fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Reads `name=value&...`; None when it is not in that encoding, or not UTF-8.
pub fn decode_form(text: &str) -> Option<Vec<(String, String)>> {
    let fields = text.split('&').filter(|field| !field.is_empty());
    fields
        .map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let fields = vec![("a b".to_string(), "1&2=3+%".to_string()), ("订单".to_string(), "{\"x\":1}".to_string())];
        let text = encode_form(&fields);
        assert!(text.starts_with("a%20b=1%262%3D3%2B%25&%E8"), "{text}");
        assert_eq!(decode_form(&text), Some(fields));
        assert_eq!(decode_form("a+b=&c"), Some(vec![("a b".into(), String::new()), ("c".into(), String::new())]));
        assert_eq!(decode_form("a=%zz"), None);
        assert_eq!(decode_form("a=%ff"), None);
        assert_eq!(decode_form("a=%4"), None);
    }
}
