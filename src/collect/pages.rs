//! All pages of a window, in the order that the network needs.

use super::client::{Client, Page};
use super::sink::Sink;
use crate::error::{Error, Result};
use crate::network::{Paging, PagingKind, Place, Sweep, scalar};

/// A window of time, microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub start_us: i64,
    pub end_us: i64,
}

/// Reads all pages. None: the window holds more than the network gives, so a shorter one is to be read.
pub(super) fn read_window(
    client: &mut Client,
    sweep: &Sweep,
    window: Window,
    sink: &mut dyn Sink,
) -> Result<Option<usize>> {
    let paging = client.definition().paging.clone();
    let mut reader = Reader { client, sweep, window, paging: &paging, sink };
    match paging.kind {
        PagingKind::None => Ok(reader.page(1, "", false)?.map(|page| page.records)),
        PagingKind::Forward => reader.forward(),
        PagingKind::Backward => reader.backward(),
    }
}

struct Reader<'a> {
    client: &'a mut Client,
    sweep: &'a Sweep,
    window: Window,
    paging: &'a Paging,
    sink: &'a mut dyn Sink,
}

impl Reader<'_> {
    fn page(&mut self, page: usize, cursor: &str, counting: bool) -> Result<Option<Page>> {
        let Window { start_us, end_us } = self.window;
        let place = Place { start_us, end_us, page, page_size: self.paging.size, cursor, counting };
        self.client.ask(self.sweep, &place, self.sink)
    }

    fn forward(&mut self) -> Result<Option<usize>> {
        let (mut cursor, mut count) = (self.paging.first_cursor.clone(), 0);
        for number in 1..=self.paging.pages_max {
            let Some(page) = self.page(number, &cursor, false)? else { return Ok(None) };
            count += page.records;
            if !self.goes_on(&page, number)? {
                return Ok(Some(count));
            }
            if let Some(path) = &self.paging.cursor {
                let next = scalar(&page.body, path).unwrap_or_default();
                if next.is_empty() || next == cursor {
                    return Err(Error::data(format!("page {number} says that there are more, and not from where")));
                }
                cursor = next;
            }
        }
        Ok(None)
    }

    fn goes_on(&self, page: &Page, number: usize) -> Result<bool> {
        if let Some(more) = &self.paging.more {
            return Ok(more.holds(&page.body));
        }
        match &self.paging.pages {
            Some(path) => Ok(number < figure(page, path)?),
            None => Ok(page.records >= self.paging.size),
        }
    }

    /// The first call only tells how many there are; its records are sent like others, and come again.
    fn backward(&mut self) -> Result<Option<usize>> {
        let Some(first) = self.page(1, "", true)? else { return Ok(None) };
        let pages = match (&self.paging.pages, &self.paging.total) {
            (Some(path), _) => figure(&first, path)?,
            (None, Some(path)) => figure(&first, path)?.div_ceil(self.paging.size),
            (None, None) => return Err(Error::internal("paging backward without a last page")),
        };
        if pages > self.paging.pages_max {
            return Ok(None);
        }
        let mut count = 0;
        for number in (1..=pages).rev() {
            let Some(page) = self.page(number, "", false)? else { return Ok(None) };
            count += page.records;
        }
        Ok(Some(count))
    }
}

fn figure(page: &Page, path: &str) -> Result<usize> {
    let text = scalar(&page.body, path).unwrap_or_default();
    text.parse().map_err(|_| Error::data(format!("{path} of an answer is {text:?}, not a number")))
}
