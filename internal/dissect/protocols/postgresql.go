// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/record"
)

// postgresql: the frontend/backend protocol 3 ("Message Formats"), by the startup message or the encryption request
// before it and, in mid-flow, by the server's ReadyForQuery.
var postgresqlProtocol = &dissect.Protocol{
	Name:      "postgresql",
	Spec:      "PostgreSQL documentation §55.2 Message Flow, §55.7 Message Formats",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{5432},
	Start:     dissect.BytesOf(0),
	MinLength: 8,
	Members: []string{"postgresql.application_name", "postgresql.database", "postgresql.server_version",
		"postgresql.user", "tls.*"},
	Inspect: inspectPostgreSQL,
}

const (
	postgresCancel     = 80877102
	postgresSSL        = 80877103
	postgresGSS        = 80877104
	postgresProtocol3  = 3 // the higher half of a startup message's code; the lower is the minor version, 0 or 2
	postgresMaxStartup = 10000
	postgresParameters = 32 // far more than any client sends
)

func inspectPostgreSQL(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if len(toServer) == 0 || toServer[0] != 0 {
		if len(toClient) > 0 && toClient[0] == 0 {
			toServer, toClient = toClient, toServer // a capture from mid-flow swaps the sides
		} else {
			return postgresMidstream(toServer, toClient)
		}
	}
	encrypted := false
	for range 2 { // a client may request GSS first, then SSL
		if len(toServer) < 8 {
			return postgresVerdict(encrypted)
		}
		code := be32(toServer[4:])
		if be32(toServer) != 8 || code != postgresSSL && code != postgresGSS {
			break
		}
		encrypted = true
		if len(toClient) == 0 {
			return dissect.YesMore
		}
		answer := toClient[0]
		toServer, toClient = toServer[8:], toClient[1:]
		if answer == 'S' && code == postgresSSL {
			return insideTLS(toServer, toClient, r)
		}
		if answer != 'N' {
			return dissect.Yes // GSS, or an error
		}
	}
	if len(toServer) < 8 {
		return postgresVerdict(encrypted)
	}
	if be32(toServer) == 16 && be32(toServer[4:]) == postgresCancel {
		return dissect.Yes
	}
	return postgresStartup(toServer, toClient, r, encrypted)
}

// postgresVerdict is the verdict while more is due: an encryption request is distinctive on its own.
func postgresVerdict(known bool) dissect.Verdict {
	if known {
		return dissect.YesMore
	}
	return dissect.NeedMore
}

// postgresStartup reads the startup message: length, code, names and values, each before a zero, and a final zero.
func postgresStartup(b, toClient []byte, r *dissect.Result, known bool) dissect.Verdict {
	length := be32(b)
	if length < 9 || length > postgresMaxStartup || be16(b[4:]) != postgresProtocol3 || b[6] != 0 || b[7] != 0 &&
		b[7] != 2 {
		if known {
			return dissect.Yes
		}
		return dissect.No
	}
	if len(b) < length {
		return postgresVerdict(known)
	}
	if b[length-1] != 0 {
		return dissect.No
	}
	o := r.Object("postgresql")
	hasUser := false
	for rest := b[8 : length-1]; len(rest) > 0; {
		var name, value []byte
		var ok bool
		if name, rest, ok = cutZero(rest); ok {
			value, rest, ok = cutZero(rest)
		}
		if !ok || len(name) == 0 || !isPrintable(name) {
			return dissect.No
		}
		switch string(name) {
		case "user", "database", "application_name":
			hasUser = true
			o.Text(string(name), value)
		}
	}
	if !hasUser {
		return dissect.No
	}
	if len(toClient) == 0 {
		return dissect.YesMore
	}
	if len(toClient) >= 9 && toClient[0] == 'R' {
		const clearText = 3
		if method := be32(toClient[5:]); method == clearText {
			r.Risk(record.RiskCleartextCredentials)
		}
	}
	return postgresServer(toClient, o)
}

// postgresServer finds the server's version among the parameters after the authentication.
func postgresServer(b []byte, o *dissect.Object) dissect.Verdict {
	for range postgresParameters {
		if len(b) < 5 {
			return dissect.YesMore
		}
		length := be32(b[1:])
		if length < 4 || length > dissect.MaxStream || b[0] == 'Z' || b[0] == 'E' {
			return dissect.Yes
		}
		if len(b) < 1+length {
			return dissect.YesMore
		}
		if name, value, ok := cutZero(b[5 : 1+length]); b[0] == 'S' && ok && string(name) == "server_version" {
			value, _, _ = cutZero(value)
			o.Text("server_version", value)
			return dissect.Yes
		}
		b = b[1+length:]
	}
	return dissect.Yes
}

// postgresMidstream recognises a conversation that began before the capture: one side's messages follow one another and
// end in ReadyForQuery (48 bits), or a message that only servers send answers the client's Query.
func postgresMidstream(toServer, toClient []byte) dissect.Verdict {
	up, down := postgresChain(toServer), postgresChain(toClient)
	if up == postgresReady || down == postgresReady {
		return dissect.Yes
	}
	if up == postgresOther && down == postgresOther || up == postgresOther && len(toClient) == 0 ||
		down == postgresOther && len(toServer) == 0 {
		return dissect.NeedMore
	}
	return dissect.No
}

const (
	postgresNone = iota
	postgresOther
	postgresReady
)

// postgresChain walks messages of type, length and body.
func postgresChain(b []byte) int {
	const types = "123ABCDEFGHIKNPQRSTVWXZcdfnpst"
	for n := 0; len(b) >= 5; n++ {
		known := false
		for i := range len(types) {
			known = known || types[i] == b[0]
		}
		length := be32(b[1:])
		if !known || length < 4 || length > 1<<24 {
			return postgresNone
		}
		if len(b) < 1+length {
			break
		}
		if b[0] == 'Z' && length == 5 && (b[5] == 'I' || b[5] == 'T' || b[5] == 'E') {
			return postgresReady
		}
		b = b[1+length:]
	}
	return postgresOther
}
