-- A database as version 1 made it: the schema of then, and a report with a flow.
CREATE TABLE weir (version INTEGER NOT NULL);
CREATE TABLE agents (
	num INTEGER PRIMARY KEY, id VARCHAR NOT NULL UNIQUE, version VARCHAR NOT NULL, mode VARCHAR NOT NULL,
	last_report BIGINT NOT NULL, received BIGINT NOT NULL, pos BIGINT NOT NULL,
	health VARCHAR NOT NULL, interfaces VARCHAR NOT NULL);
CREATE TABLE epochs (num INTEGER PRIMARY KEY, agent INTEGER NOT NULL, epoch VARCHAR NOT NULL, UNIQUE (agent, epoch));
CREATE TABLE reports (
	agent INTEGER NOT NULL, epoch INTEGER NOT NULL, sequence BIGINT NOT NULL, begin_at BIGINT NOT NULL,
	end_at BIGINT NOT NULL, received BIGINT NOT NULL, drops BIGINT NOT NULL, unknown_deltas BIGINT NOT NULL,
	is_last BOOLEAN NOT NULL,
	PRIMARY KEY (agent, epoch, sequence));
CREATE TABLE flows (
	key BIGINT NOT NULL, agent INTEGER NOT NULL, hi UBIGINT NOT NULL, lo UBIGINT NOT NULL, -- id
	pos BIGINT NOT NULL, -- of the newest line
	whole BIGINT NOT NULL, -- of the newest whole record; 0: none has come
	versions VARCHAR NOT NULL, -- pos of each group of fields, if not all are that of whole
	packets_t BIGINT NOT NULL, -- t of the newest interval with packets
	changed UTINYINT NOT NULL, -- what has changed since then
	client_bytes BIGINT NOT NULL, server_bytes BIGINT NOT NULL,
	client_packets BIGINT NOT NULL, server_packets BIGINT NOT NULL,
	state VARCHAR NOT NULL, end_reason VARCHAR NOT NULL, first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL,
	transport VARCHAR NOT NULL, client_ip BLOB NOT NULL, client_port USMALLINT NOT NULL,
	server_ip BLOB NOT NULL, server_port USMALLINT NOT NULL, identity VARCHAR NOT NULL,
	direction VARCHAR NOT NULL, client_mac VARCHAR NOT NULL, client_side VARCHAR NOT NULL,
	server_mac VARCHAR NOT NULL, server_side VARCHAR NOT NULL, connection VARCHAR NOT NULL,
	protocol VARCHAR NOT NULL, application VARCHAR NOT NULL, category VARCHAR NOT NULL, hostname VARCHAR NOT NULL,
	method VARCHAR NOT NULL, verdict VARCHAR NOT NULL, findings VARCHAR NOT NULL,
	risks VARCHAR NOT NULL, -- ',a,b,'
	device VARCHAR NOT NULL, net VARCHAR NOT NULL, up_is_server BOOLEAN NOT NULL);
CREATE TABLE intervals (
	t BIGINT NOT NULL, agent INTEGER NOT NULL, flow BIGINT NOT NULL, pos BIGINT NOT NULL,
	prev BIGINT NOT NULL, -- t of the flow's interval with packets before; 0
	flags UTINYINT NOT NULL,
	app VARCHAR NOT NULL, proto VARCHAR NOT NULL, category VARCHAR NOT NULL, host VARCHAR NOT NULL,
	device VARCHAR NOT NULL, net VARCHAR NOT NULL, direction VARCHAR NOT NULL, port USMALLINT NOT NULL,
	up BIGINT NOT NULL, down BIGINT NOT NULL, up_packets BIGINT NOT NULL, down_packets BIGINT NOT NULL);
CREATE TABLE devices (
	agent INTEGER NOT NULL, device VARCHAR NOT NULL, pos BIGINT NOT NULL, t BIGINT NOT NULL, record VARCHAR NOT NULL,
	PRIMARY KEY (agent, device));
CREATE TABLE interfaces (
	t BIGINT NOT NULL, agent INTEGER NOT NULL, name VARCHAR NOT NULL, role VARCHAR NOT NULL,
	received_packets BIGINT NOT NULL, received_bytes BIGINT NOT NULL, received_dropped BIGINT NOT NULL,
	received_errors BIGINT NOT NULL, received_missed BIGINT NOT NULL,
	sent_packets BIGINT NOT NULL, sent_bytes BIGINT NOT NULL, sent_dropped BIGINT NOT NULL,
	sent_errors BIGINT NOT NULL, sent_missed BIGINT NOT NULL);
CREATE TABLE rollups (
	step BIGINT NOT NULL, -- an hour or a day
	dim VARCHAR NOT NULL, t BIGINT NOT NULL, -- begin
	agent INTEGER NOT NULL, key VARCHAR NOT NULL,
	prev BIGINT NOT NULL, -- begin of the step in which these flows had packets before; 0
	up BIGINT NOT NULL, down BIGINT NOT NULL, packets BIGINT NOT NULL, flows BIGINT NOT NULL);
CREATE TABLE horizon (t BIGINT NOT NULL); -- raw data of before is pruned
CREATE TABLE rolled ( -- the steps that rollups has
	step BIGINT NOT NULL, t BIGINT NOT NULL, PRIMARY KEY (step, t));
INSERT INTO weir VALUES (1);
INSERT INTO agents VALUES (1, 'a0000000000000000000000000000001', '1.0', 'ebpf', 1772359215000000000, 1772359215999999999, (1::BIGINT << 40) | 1,
	'{"mode":"ebpf"}', '[]');
INSERT INTO epochs VALUES (1, 1, 'e0000000000000000000000000000001');
INSERT INTO reports VALUES (1, 1, 1, 1772359200000000000, 1772359215000000000, 1772359215999999999, 0, 0, false);
INSERT INTO flows VALUES (1, 1, 4294967296, 7, (1::BIGINT << 40) | 1, (1::BIGINT << 40) | 1, '', 1772359214999999999, 0, 300, 1200, 3, 2,
	'new', '', 1772359201000000000, 1772359202000000000, 'tcp', '\xC0\xA8\x00\x01'::BLOB, 40000, '\xCB\x00\x71\x07'::BLOB, 443,
	'"community_id":"1:AAAAAAAAAAAAAAAAAAAAAAAAAAA=","interface":"lan0","ip_version":4', 'outbound',
	'02:00:00:00:00:01', 'lan', '', 'wan', '', 'tls', 'example', 'web', 'www.example.com', 'dpi', '"application_method":"host"',
	'"tls":{"version":"1.3"}', '', '02:00:00:00:00:01', '203.0.113.0/24', false);
INSERT INTO intervals VALUES (1772359214999999999, 1, 1, (1::BIGINT << 40) | 1, 0, 135, 'example', 'tls', 'web', 'www.example.com',
	'02:00:00:00:00:01', '203.0.113.0/24', 'outbound', 443, 300, 1200, 3, 2);
-- A flow whose place came with a later report than its record.
INSERT INTO flows VALUES (2, 1, 4294967296, 8, (1::BIGINT << 40) | 2, (1::BIGINT << 40) | 1,
	'1099511627778,1099511627777,1099511627777,1099511627777,1099511627777,1099511627777', 1772359214999999999, 0, 0, 0, 0, 0,
	'update', '', 1772359201000000000, 1772359202000000000, 'icmp', '\xC0\xA8\x00\x01'::BLOB, 0, '\xCB\x00\x71\x07'::BLOB, 0,
	'"interface":"lan0","ip_version":4', 'inbound', '02:00:00:00:00:01', 'wan', '', 'lan', '', '', '', '', '', 'none', '', '', '',
	'203.0.113.7', '', true);
-- An hour of the day before, whose intervals were pruned.
INSERT INTO horizon VALUES (1772276400000000000);
INSERT INTO rolled VALUES (3600000000000, 1772272800000000000);
INSERT INTO rollups VALUES (3600000000000, 'agent', 1772272800000000000, 1, '', 0, 10, 20, 3, 1);
