// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

// migrations bring a database from each version to the next: the first makes version 1 of an empty one. What is
// released stays as it is; a change of the schema is a new migration.
//
// Times are nanoseconds since the Unix epoch. An interval's t is the last nanosecond of its period, so that a range
// from a period's begin to its end has it. pos is the place of a report in its agent's order: the epoch's number, then
// the sequence (posOf).
var migrations = []string{`
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
`, `
UPDATE flows SET versions = array_to_string( -- relative to whole
	list_transform(string_split(versions, ','), lambda v: v::BIGINT - whole), ',') WHERE versions <> '';
`, `
ALTER TABLE flows DROP COLUMN up_is_server; -- its sides tell
-- Few different ports: as a text one takes a quarter of a number's bytes.
ALTER TABLE intervals ALTER port TYPE VARCHAR USING CASE WHEN port = 0 THEN '' ELSE port::VARCHAR END;
ALTER TABLE flows ALTER server_port TYPE VARCHAR
	USING CASE WHEN server_port = 0 THEN '' ELSE server_port::VARCHAR END;
`, `
-- Roll-ups of hosts, networks and ports: made anew where there are intervals, and without any key of its own elsewhere.
DELETE FROM rollups WHERE t >= (SELECT coalesce(max(t), 0) FROM horizon);
DELETE FROM rolled WHERE t >= (SELECT coalesce(max(t), 0) FROM horizon);
INSERT INTO rollups SELECT step, d || '+', t, agent, '', prev, up, down, packets, flows
	FROM rollups, (VALUES ('host'), ('net'), ('port')) bounded(d) WHERE dim = 'agent';
`, `
ALTER TABLE interfaces ADD COLUMN networks VARCHAR; -- 'a,b'
-- NULL is unknown.
ALTER TABLE interfaces ADD COLUMN received_ipv4_packets BIGINT;
ALTER TABLE interfaces ADD COLUMN received_ipv4_bytes BIGINT;
ALTER TABLE interfaces ADD COLUMN received_ipv6_packets BIGINT;
ALTER TABLE interfaces ADD COLUMN received_ipv6_bytes BIGINT;
ALTER TABLE interfaces ADD COLUMN received_not_ip BIGINT;
ALTER TABLE interfaces ADD COLUMN received_tcp BIGINT;
ALTER TABLE interfaces ADD COLUMN received_udp BIGINT;
ALTER TABLE interfaces ADD COLUMN received_icmp BIGINT;
ALTER TABLE interfaces ADD COLUMN received_other BIGINT;
ALTER TABLE interfaces ADD COLUMN received_fragments BIGINT;
ALTER TABLE interfaces ADD COLUMN received_largest BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_ipv4_packets BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_ipv4_bytes BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_ipv6_packets BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_ipv6_bytes BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_not_ip BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_tcp BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_udp BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_icmp BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_other BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_fragments BIGINT;
ALTER TABLE interfaces ADD COLUMN sent_largest BIGINT;
`, `
ALTER TABLE flows ADD COLUMN client_country VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN client_as VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN server_country VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN server_as VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN process VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN process_name VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN process_path VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN container VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN client_flags VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN server_flags VARCHAR DEFAULT '';
ALTER TABLE flows ADD COLUMN client_retransmits UINTEGER DEFAULT 0;
ALTER TABLE flows ADD COLUMN server_retransmits UINTEGER DEFAULT 0;
ALTER TABLE flows ADD COLUMN client_out_of_order UINTEGER DEFAULT 0;
ALTER TABLE flows ADD COLUMN server_out_of_order UINTEGER DEFAULT 0;
ALTER TABLE flows ADD COLUMN client_resets UINTEGER DEFAULT 0;
ALTER TABLE flows ADD COLUMN server_resets UINTEGER DEFAULT 0;
ALTER TABLE flows ADD COLUMN client_zero_windows UINTEGER DEFAULT 0;
ALTER TABLE flows ADD COLUMN server_zero_windows UINTEGER DEFAULT 0;
ALTER TABLE flows ADD COLUMN client_ttl UTINYINT DEFAULT 0;
ALTER TABLE flows ADD COLUMN server_ttl UTINYINT DEFAULT 0;
ALTER TABLE flows ADD COLUMN client_dscp UTINYINT DEFAULT 0;
ALTER TABLE flows ADD COLUMN server_dscp UTINYINT DEFAULT 0;
ALTER TABLE flows ADD COLUMN client_rtt_us UINTEGER DEFAULT 0;
ALTER TABLE flows ADD COLUMN server_rtt_us UINTEGER DEFAULT 0;
ALTER TABLE intervals ADD COLUMN country VARCHAR DEFAULT ''; -- of the remote end
ALTER TABLE intervals ADD COLUMN asn VARCHAR DEFAULT '';
CREATE TABLE systems (asn VARCHAR PRIMARY KEY, name VARCHAR NOT NULL); -- autonomous systems
-- Roll-ups of countries and autonomous systems: what came before has none.
INSERT INTO rollups SELECT step, d, t, agent, '', prev, up, down, packets, flows
	FROM rollups, (VALUES ('country'), ('asn+')) added(d) WHERE dim = 'agent';
`}
