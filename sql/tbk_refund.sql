CREATE VIEW tbk_refund AS SELECT f.*, CAST(NULL AS VARCHAR) AS fault FROM refund_events f WHERE FALSE;
