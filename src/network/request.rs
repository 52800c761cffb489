//! A request of a definition, filled in for a window and a page, and signed.
//!
//! `{start}` and `{end}` are the ends of the window in the network's form of time, `{now}` the time of the call;
//! `{page}`, `{page_size}` and `{cursor}` are the page, `{counting}` is true for the call that only asks how many there are.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset};
use md5::{Digest, Md5};
use serde::Deserialize;

use super::fetch::hex;
use super::form::encode_form;
use crate::error::{Error, Result};

/// Characters of a cursor; they come from the network and go into the next request.
const CURSOR_MAX: usize = 1_024;

/// How the network's calls look.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: Method,
    pub url: String,
    /// In the URL of a GET, in the form of a POST.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body of a POST, in place of a form.
    pub body: Option<String>,
    pub basic: Option<Basic>,
    pub sign: Option<Sign>,
    pub time: Time,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
}

/// A user and password in the header Authorization.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    user: String,
    password: String,
}

/// One more parameter, made of the others and a secret: MD5 of secret, names and values in the order of their names, and
/// the secret again, in upper case digits. So do Taobao, JD and Pinduoduo.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    parameter: String,
    secret: String,
}

/// How the network writes times.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// As of strftime; `%s` is seconds since 1970-01-01 UTC.
    format: String,
    /// Offset of the zone, such as `+08:00`.
    zone: String,
}

impl std::fmt::Debug for Basic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a user and password")
    }
}

impl std::fmt::Debug for Sign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "signed in {}", self.parameter)
    }
}

/// What is asked for. Times in microseconds since 1970-01-01 UTC.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    pub start_us: i64,
    pub end_us: i64,
    pub page: usize,
    pub page_size: usize,
    pub cursor: &'a str,
    pub counting: bool,
}

/// A call, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
}

impl Request {
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        if StrftimeItems::new(&self.time.format).any(|item| item == Item::Error) {
            return Err(format!("{} is no form of time", self.time.format));
        }
        if self.time.zone.parse::<FixedOffset>().is_err() {
            return Err(format!("{} is no zone: write it like +08:00", self.time.zone));
        }
        if self.body.is_some() && (self.method == Method::Get || self.sign.is_some()) {
            return Err("a body is for a POST without a signature".to_string());
        }
        if !self.url.starts_with("https://") && !self.url.starts_with("http://") {
            return Err(format!("{} is no URL", self.url));
        }
        Ok(())
    }

    /// The call for a place, with the parameters of a sweep added. `now_us`: the time of the call.
    ///
    /// Errors: `Data` for a cursor that cannot be sent.
    pub fn call(&self, place: &Place<'_>, sweep: &BTreeMap<String, String>, now_us: i64) -> Result<Call> {
        let harmless = |c: char| !c.is_control() && !"\"\\{}".contains(c);
        if place.cursor.len() > CURSOR_MAX || !place.cursor.chars().all(harmless) {
            return Err(Error::data("the network's cursor of the next page cannot be sent back"));
        }
        let values = self.values(place, now_us)?;
        let fill = |text: &String| values.iter().fold(text.clone(), |text, (name, value)| text.replace(name, value));
        let mut parameters: BTreeMap<String, String> = self.parameters.clone();
        parameters.extend(sweep.clone());
        parameters.values_mut().for_each(|value| *value = fill(value));
        // An empty value is a parameter that is left out: the cursor of a first page.
        parameters.retain(|_, value| !value.is_empty());
        if let Some(sign) = &self.sign {
            parameters.insert(sign.parameter.clone(), sign.of(&parameters));
        }
        let mut headers: Vec<(String, String)> = self.headers.iter().map(|(k, v)| (k.clone(), fill(v))).collect();
        if let Some(Basic { user, password }) = &self.basic {
            let both = STANDARD.encode(format!("{user}:{password}"));
            headers.push(("authorization".to_string(), format!("Basic {both}")));
        }
        let form = encode_form(&parameters.into_iter().collect::<Vec<_>>());
        let in_url = self.method == Method::Get || self.body.is_some();
        let mut url = fill(&self.url);
        if in_url && !form.is_empty() {
            url = format!("{url}{}{form}", if url.contains('?') { '&' } else { '?' });
        }
        let body = (self.method == Method::Post).then(|| self.body.as_ref().map_or(form, fill));
        if body.is_some() && self.body.is_none() {
            headers.push(("content-type".to_string(), "application/x-www-form-urlencoded".to_string()));
        }
        Ok(Call { method: self.method, url, headers, body })
    }

    fn values(&self, place: &Place<'_>, now_us: i64) -> Result<[(&'static str, String); 7]> {
        Ok([
            ("{start}", self.time.text(place.start_us)?),
            ("{end}", self.time.text(place.end_us)?),
            ("{now}", self.time.text(now_us)?),
            ("{page}", place.page.to_string()),
            ("{page_size}", place.page_size.to_string()),
            ("{counting}", place.counting.to_string()),
            ("{cursor}", place.cursor.to_string()),
        ])
    }
}

impl Time {
    fn text(&self, us: i64) -> Result<String> {
        let zone: FixedOffset =
            self.zone.parse().map_err(|e| Error::invalid(format!("{} is no zone", self.zone)).caused_by(e))?;
        let time = DateTime::from_timestamp_micros(us).unwrap_or_default().with_timezone(&zone);
        Ok(time.format(&self.format).to_string())
    }
}

impl Sign {
    fn of(&self, parameters: &BTreeMap<String, String>) -> String {
        let mut hash = Md5::new();
        hash.update(&self.secret);
        for (name, value) in parameters {
            hash.update(name);
            hash.update(value);
        }
        hash.update(&self.secret);
        hex(&hash.finalize()).to_uppercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-10T16:00:26Z.
    const START_US: i64 = 1_794_326_426_000_000;

    fn request(text: &str) -> Request {
        let request: Request = toml::from_str(text).expect("a request");
        request.check().expect("right");
        request
    }

    fn place(cursor: &str) -> Place<'_> {
        Place { start_us: START_US, end_us: START_US + 60_000_000, page: 2, page_size: 50, cursor, counting: false }
    }

    #[test]
    fn a_signed_call_has_local_times() {
        let request = request(
            r#"
            method = "GET"
            url = "https://example.com/rest"
            parameters = { start_time = "{start}", page_no = "{page}", position_index = "{cursor}" }
            sign = { parameter = "sign", secret = "s" }
            time = { format = "%Y-%m-%d %H:%M:%S", zone = "+08:00" }"#,
        );
        let sweep = BTreeMap::from([("query_type".to_string(), "4".to_string())]);
        let call = request.call(&place(""), &sweep, START_US).expect("a call");
        // MD5 of spage_no2query_type4start_time2026-11-11 00:00:26s
        let expected =
            "page_no=2&query_type=4&sign=7F34B10FF37C2733DB441934568741DD&start_time=2026-11-11%2000%3A00%3A26";
        assert_eq!(call.url, format!("https://example.com/rest?{expected}"));
        let call = request.call(&place("1_2|3"), &sweep, START_US).expect("a call");
        assert!(call.url.contains("&position_index=1_2%7C3&"), "{}", call.url);
        assert!(request.call(&place("\"}"), &sweep, START_US).is_err());
    }

    #[test]
    fn a_body_and_a_password_are_sent() {
        let request = request(
            r#"
            method = "POST"
            url = "https://example.com/query"
            headers = { content-type = "application/json" }
            body = '{"query":"since {start} after {cursor} {unknown}"}'
            basic = { user = "sid", password = "token" }
            time = { format = "%s", zone = "+00:00" }"#,
        );
        let call = request.call(&place("9"), &BTreeMap::new(), START_US).expect("a call");
        assert_eq!(call.body.as_deref(), Some(r#"{"query":"since 1794326426 after 9 {unknown}"}"#));
        assert_eq!(call.headers[1], ("authorization".to_string(), "Basic c2lkOnRva2Vu".to_string()));
        assert_eq!(call.url, "https://example.com/query");
    }
}
