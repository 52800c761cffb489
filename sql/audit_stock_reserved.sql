-- Must be empty: stocks with fewer than no pieces reserved. More was released or sold than was ever held: a movement
-- was lost.
CREATE MATERIALIZED VIEW audit_stock_reserved
WITH (key = 'sku_id, warehouse_id')
AS SELECT sku_id, warehouse_id, reserved FROM stock_available WHERE reserved < 0;
