//! Scalar functions whose text has another layout than columns have (`md5` gives views of texts): operators compare rows
//! of one layout, so these give it, too.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

/// A function, and its text as columns have it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TextFunction {
    inner: Arc<ScalarUDF>,
}

/// The same function with text in the layout of columns.
pub fn text_function(inner: Arc<ScalarUDF>) -> ScalarUDF {
    ScalarUDF::from(TextFunction { inner })
}

impl ScalarUDFImpl for TextFunction {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }
    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }
    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let field = args.return_field.as_ref();
        args.return_field = Arc::new(Field::new(field.name(), self.inner.return_type(&types)?, field.is_nullable()));
        self.inner.invoke_with_args(args)?.cast_to(&DataType::Utf8, None)
    }
}
