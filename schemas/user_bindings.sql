-- Names that networks know our users by, where a sub-id stands for a user and not for a click: Taobao's relation_id and
-- special_id, a position of JD that one user has to himself. Sent by the member service.
CREATE TABLE user_bindings (
  platform VARCHAR NOT NULL,   -- TBK, JD ...
  sub_id   VARCHAR NOT NULL,   -- as the network writes it
  version  BIGINT  NOT NULL,   -- the greatest counts
  user_id  VARCHAR NOT NULL,
  PRIMARY KEY (platform, sub_id)
) WITH (topic = 'user_bindings', format = 'json', version = 'version');
