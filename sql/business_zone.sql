-- In which zone do our days and months begin? Eight hours before UTC: China, without summer time. The one place to
-- change.
CREATE VIEW business_zone AS SELECT INTERVAL '8 hours' AS utc_offset;
