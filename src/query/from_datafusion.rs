//! Errors of a query as ours: what the caller can do about them.

use datafusion::error::DataFusionError;

use crate::error::Error;

/// An error of ours that came back through DataFusion keeps its kind; a full memory pool is `Unavailable`; a fault of
/// the engine `Internal`; everything else is the query's.
pub(super) fn query_error(error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(ours) => copy(ours),
            // Of a function: a regular expression that is none.
            None => Error::invalid(inner.to_string()),
        },
        DataFusionError::ResourcesExhausted(_) => {
            Error::unavailable("the query needs more memory than is free for SQL")
                .hint("read fewer rows or columns, or ask again when fewer queries run")
        }
        DataFusionError::Internal(message) => Error::internal(message.clone()),
        root => Error::invalid(root.strip_backtrace()),
    }
}

fn copy(error: &Error) -> Error {
    let copy = Error::new(error.kind, error.message.clone());
    match &error.hint {
        Some(hint) => copy.hint(hint.clone()),
        None => copy,
    }
}

/// An error of ours on its way through DataFusion.
pub(super) fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn our_errors_come_back_as_they_were() {
        let ours = || to_datafusion(Error::unavailable("too late").hint("ask again"));
        for error in [ours(), ours().context("while reading"), DataFusionError::Shared(ours().into())] {
            let back = query_error(error);
            assert_eq!((back.kind, back.message.as_str()), (ErrorKind::Unavailable, "too late"));
            assert_eq!(back.hint.as_deref(), Some("ask again"));
        }
        let pattern = DataFusionError::External("regex parse error".into());
        assert_eq!(query_error(pattern).kind, ErrorKind::Invalid);
        let full = || DataFusionError::ResourcesExhausted("pool".to_string());
        assert_eq!(query_error(full()).kind, ErrorKind::Unavailable);
        assert_eq!(query_error(DataFusionError::Shared(full().into())).kind, ErrorKind::Unavailable);
        assert_eq!(query_error(DataFusionError::Plan("no column x".to_string())).kind, ErrorKind::Invalid);
    }
}
