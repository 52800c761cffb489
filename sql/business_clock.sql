-- What time is it in the business zone, and when did its month begin? `today` is a day there, the rest are UTC
-- instants.
CREATE VIEW business_clock AS
SELECT as_of, CAST(as_of + utc_offset AS DATE) AS today,
       DATE_TRUNC('month', as_of + utc_offset) - utc_offset AS month_start
FROM clock CROSS JOIN business_zone;
