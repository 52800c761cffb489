//! `SELECT ... UNION ALL SELECT ...`: the changes of all inputs. Keeps nothing.

use datafusion::arrow::datatypes::SchemaRef;

use super::Operator;
use crate::changes::Changes;
use crate::error::Result;

/// UNION ALL of inputs with one schema.
#[derive(Debug)]
pub struct Union {
    schema: SchemaRef,
}

impl Union {
    pub fn new(schema: SchemaRef) -> Self {
        Union { schema }
    }
}

impl Operator for Union {
    fn apply(&mut self, _epoch: u32, inputs: &[&Changes]) -> Result<Changes> {
        let parts: Vec<Changes> = inputs.iter().filter(|c| !c.is_empty()).map(|c| (*c).clone()).collect();
        Changes::concat(&self.schema, &parts)
    }
}
