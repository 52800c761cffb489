-- x
CREATE VIEW network_txn AS SELECT * FROM affiliate_txn WHERE FALSE;
