//! A local server that behaves like a network: its pages, its limits, its signature, its moods.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::NaiveDateTime;
use md5::{Digest, Md5};
use rebateflow::clock::Clock;
use rebateflow::network::decode_form;
use rebateflow::tasks::spawn_thread;
use serde_json::{Value, json};

use super::world::{BEGIN_US, Line, Network, SECOND_US};

pub const SECRET: &str = "a-secret-of-the-test";

/// What happened at the server.
#[derive(Debug, Default)]
pub struct Seen {
    pub calls: usize,
    pub failed: usize,
    pub narrowed: usize,
    /// Rules that the collector broke.
    pub broken: Vec<String>,
    /// Of the calls of the running collector.
    pub times: Vec<i64>,
}

/// A network, listening.
pub struct Server {
    pub url: String,
    pub seen: Arc<Mutex<Seen>>,
}

struct Site {
    network: Network,
    lines: Vec<Line>,
    clock: Clock,
    seen: Arc<Mutex<Seen>>,
    random: fastrand::Rng,
}

type Parameters = BTreeMap<String, String>;

impl Server {
    pub fn start(network: Network, lines: Vec<Line>, clock: Clock) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut site = Site { network, lines, clock, seen: seen.clone(), random: fastrand::Rng::with_seed(7) };
        // It ends with the process.
        spawn_thread("network", move || {
            for stream in listener.incoming() {
                site.serve(stream.expect("a connection"));
            }
        })
        .expect("a thread");
        Server { url, seen }
    }
}

impl Site {
    /// One request a connection. Whatever it is, time passes.
    fn serve(&mut self, mut stream: TcpStream) {
        let Some((target, body)) = read_request(&stream) else { return };
        self.clock.sleep(Duration::from_secs(1));
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let form = if query.is_empty() { body.as_str() } else { query };
        let parameters: Parameters = if form.starts_with('{') {
            graphql(form)
        } else {
            decode_form(form).expect("a form").into_iter().collect()
        };
        let (status, headers, mut answer) = self.answer(&parameters);
        let length = answer.len();
        if status == 0 {
            // A connection that breaks off.
            answer.truncate(length / 2);
        }
        let status = if status == 0 { 200 } else { status };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
        // The collector may be gone.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer.as_bytes()));
    }

    fn answer(&mut self, parameters: &Parameters) -> (u16, &'static str, String) {
        let now_us = self.clock.now_us();
        let page = self.page(parameters, now_us);
        let mut seen = self.seen.lock().expect("no panic");
        seen.calls += 1;
        seen.times.push(now_us);
        let (calls, per_us) = match self.network {
            Network::Awin => (20, 60 * SECOND_US),
            Network::Impact | Network::ImpactUpdates => (1_000, 3_600 * SECOND_US),
            _ => (120, 60 * SECOND_US),
        };
        if seen.times.iter().rev().take_while(|at| **at >= now_us - per_us).count() > calls {
            seen.broken.push(format!("more than {calls} calls in {} s", per_us / SECOND_US));
        }
        match page {
            Err(rule) => {
                seen.broken.push(rule.clone());
                (400, "", rule)
            }
            // One call in twenty fails, each time otherwise.
            Ok(_) if self.random.u8(0..20) == 0 => {
                seen.failed += 1;
                match self.random.u8(0..4) {
                    0 => (500, "", "<html>sorry</html>".to_string()),
                    1 => (429, "retry-after: 3\r\n", "{}".to_string()),
                    2 => (200, "", "{\"error_response\":{\"code\":15,\"msg\":\"remote service error\"}}".to_string()),
                    _ => (0, "", "{\"half\": \"an answer\"}".to_string()),
                }
            }
            Ok(None) => {
                seen.narrowed += 1;
                let answer = json!({"error_response": {"code": 15, "sub_code": "isv.invalid-time-span"}});
                (200, "", answer.to_string())
            }
            Ok(Some(answer)) => (200, "", answer.to_string()),
        }
    }

    /// The page that is asked for; None: the window is too long today. Errors: a rule that is broken.
    fn page(&self, parameters: &Parameters, now_us: i64) -> Result<Option<Value>, String> {
        match self.network {
            Network::Tbk => self.tbk(&Asked(parameters), now_us),
            Network::Jd => self.jd(&Asked(parameters), now_us),
            Network::Pdd => self.pdd(&Asked(parameters), now_us),
            Network::Awin => self.awin(&Asked(parameters), now_us),
            Network::Cj => self.cj(&Asked(parameters), now_us),
            Network::Impact | Network::ImpactUpdates => self.impact(&Asked(parameters), now_us),
        }
    }

    fn tbk(&self, asked: &Asked<'_>, now_us: i64) -> Result<Option<Value>, String> {
        signed(asked.0)?;
        let window = (local(&asked.text("start_time")?)?, local(&asked.text("end_time")?)?);
        within(window, 3 * 3_600)?;
        // The peak: the first hours of the day.
        if window.1 - window.0 > 1_200 * SECOND_US && now_us < BEGIN_US + 7_200 * SECOND_US {
            return Ok(None);
        }
        let (scene, size, page) = (asked.number("order_scene")?, asked.number("page_size")?, asked.number("page_no")?);
        let lines = self.lines.iter().enumerate().filter(|(i, _)| i % 3 + 1 == scene).map(|(_, line)| line);
        let records = self.between(lines, window, now_us);
        if page > 1 && asked.text("position_index")? != format!("at_{}", page - 1) {
            return Err("position_index is not echoed".to_string());
        }
        let more = page * size < records.len();
        let records = cut(records, page, size);
        let mut data =
            json!({"has_next": more, "page_no": page, "position_index": format!("at_{page}"), "results": {}});
        if !records.is_empty() {
            data["results"] = json!({"publisher_order_dto": records});
        }
        Ok(Some(json!({"tbk_order_details_get_response": {"data": data}})))
    }

    fn jd(&self, asked: &Asked<'_>, now_us: i64) -> Result<Option<Value>, String> {
        signed(asked.0)?;
        let request: Value = serde_json::from_str(&asked.text("360buy_param_json")?).map_err(|e| e.to_string())?;
        let at = |name: &str| local(request["orderReq"][name].as_str().unwrap_or_default());
        let window = (at("startTime")?, at("endTime")?);
        within(window, 3_600)?;
        let figure = |name: &str| request["orderReq"][name].as_u64().unwrap_or_default() as usize;
        let (page, size) = (figure("pageIndex"), figure("pageSize"));
        let records = self.between(self.lines.iter(), window, now_us);
        let more = page * size < records.len();
        let mut result = json!({"code": 200, "message": "success", "hasMore": more});
        let records = cut(records, page, size);
        if !records.is_empty() {
            result["data"] = json!(records);
        }
        Ok(Some(json!({"jd_union_open_order_row_query_responce": {"queryResult": result.to_string()}})))
    }

    fn pdd(&self, asked: &Asked<'_>, now_us: i64) -> Result<Option<Value>, String> {
        signed(asked.0)?;
        let at = |name: &str| asked.number(name).map(|seconds| seconds as i64 * SECOND_US);
        let window = (at("start_update_time")?, at("end_update_time")?);
        within(window, 86_400)?;
        let records = self.between(self.lines.iter(), window, now_us);
        let total = records.len();
        let mut answer = json!({"order_list": cut(records, asked.number("page")?, asked.number("page_size")?)});
        if asked.text("return_count")? == "true" {
            answer["total_count"] = json!(total);
        }
        Ok(Some(json!({"order_list_get_response": answer})))
    }

    fn awin(&self, asked: &Asked<'_>, now_us: i64) -> Result<Option<Value>, String> {
        let at = |name: &str| iso(&format!("{}Z", asked.text(name)?));
        let window = (at("startDate")?, at("endDate")?);
        within(window, 31 * 86_400)?;
        let by = asked.text("dateType")?;
        // By transaction all lines; by validation those that were settled; by amendment those cancelled.
        let is_in = |line: &&Line| {
            let (at_us, step) = *line.seen(now_us).last()?;
            let date = match by.as_str() {
                "transaction" => line.steps[0].0,
                "validation" if step == super::world::Step::Settled => at_us,
                "amendment" if step == super::world::Step::Cancelled => at_us,
                _ => return None,
            };
            (window.0 <= date && date <= window.1).then_some(())
        };
        let lines = self.lines.iter().filter(|line| is_in(line).is_some());
        Ok(Some(lines.flat_map(|line| self.network.records(line, now_us)).map(|(_, record)| record).collect()))
    }

    fn cj(&self, asked: &Asked<'_>, now_us: i64) -> Result<Option<Value>, String> {
        let window = (iso(&asked.text("sincePostingDate")?)?, iso(&asked.text("beforePostingDate")?)?);
        let mut records = self.between(self.lines.iter(), window, now_us);
        records.sort_by_key(|record| record["commissionId"].to_string());
        let since = asked.text("sinceCommissionId")?;
        records.retain(|record| record["commissionId"].as_str().unwrap_or_default() > since.as_str());
        let complete = records.len() <= 25;
        records.truncate(25);
        let last = records.last().map_or(json!(since), |record| record["commissionId"].clone());
        Ok(Some(json!({"data": {"publisherCommissions": {
            "count": records.len(), "payloadComplete": complete, "maxCommissionId": last, "records": records}}})))
    }

    fn impact(&self, asked: &Asked<'_>, now_us: i64) -> Result<Option<Value>, String> {
        let window = (iso(&asked.text("StartDate")?)?, iso(&asked.text("EndDate")?)?);
        within(window, 45 * 86_400)?;
        let mut records = self.between(self.lines.iter(), window, now_us);
        records.reverse();
        let (page, size) = (asked.number("Page")?, asked.number("PageSize")?);
        let pages = records.len().div_ceil(size).max(1);
        let name = if self.network == Network::Impact { "Actions" } else { "ActionUpdates" };
        Ok(Some(json!({"@page": page.to_string(), "@numpages": pages.to_string(), name: cut(records, page, size)})))
    }

    /// Records changed within a window as they are now, oldest first: one that changes again is gone from it.
    fn between<'a>(&self, lines: impl Iterator<Item = &'a Line>, window: (i64, i64), now_us: i64) -> Vec<Value> {
        let all = lines.flat_map(|line| self.network.records(line, now_us));
        let mut inside: Vec<(i64, Value)> = all.filter(|(at, _)| window.0 <= *at && *at <= window.1).collect();
        inside.sort_by_key(|(at, _)| *at);
        inside.into_iter().map(|(_, record)| record).collect()
    }
}

fn cut(records: Vec<Value>, page: usize, size: usize) -> Vec<Value> {
    records.into_iter().skip((page.max(1) - 1) * size).take(size).collect()
}

fn within(window: (i64, i64), seconds: i64) -> Result<(), String> {
    let length = (window.1 - window.0) / SECOND_US;
    if (1..=seconds).contains(&length) { Ok(()) } else { Err(format!("a window of {length} s, at most {seconds}")) }
}

/// The signature as the networks document it.
fn signed(parameters: &Parameters) -> Result<(), String> {
    let all: String = parameters.iter().filter(|(name, _)| *name != "sign").map(|(k, v)| format!("{k}{v}")).collect();
    let digest = Md5::digest(format!("{SECRET}{all}{SECRET}"));
    let expected: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    if parameters.get("sign") == Some(&expected) { Ok(()) } else { Err("a wrong signature".to_string()) }
}

fn local(text: &str) -> Result<i64, String> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").map_err(|e| format!("{text}: {e}"))?;
    Ok(time.and_utc().timestamp_micros() - 8 * 3_600 * SECOND_US)
}

fn iso(text: &str) -> Result<i64, String> {
    chrono::DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_micros()).map_err(|e| format!("{text}: {e}"))
}

/// The arguments of the query in a body of JSON.
fn graphql(body: &str) -> Parameters {
    let body: Value = serde_json::from_str(body).expect("JSON");
    let query = body["query"].as_str().expect("a query").to_string();
    let names = ["sincePostingDate", "beforePostingDate", "sinceCommissionId"];
    let argument = |name: &&str| {
        let rest = query.split_once(&format!("{name}: \"")).expect("an argument").1;
        (name.to_string(), rest.split('"').next().unwrap_or_default().to_string())
    };
    names.iter().map(argument).collect()
}

/// Target and body.
fn read_request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.split(' ').nth(1)?.to_string();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((target, String::from_utf8(body).ok()?))
}

/// What a request asks.
struct Asked<'a>(&'a Parameters);

impl Asked<'_> {
    fn text(&self, name: &str) -> Result<String, String> {
        self.0.get(name).cloned().ok_or_else(|| format!("no {name}"))
    }
    fn number(&self, name: &str) -> Result<usize, String> {
        self.text(name)?.parse().map_err(|_| format!("{name} is no number"))
    }
}
