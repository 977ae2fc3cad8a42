// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// mysql: the classic protocol, by the server's handshake of protocol version 10 and the client's answer, and the X
// protocol, by its server's first, empty notice (MySQL Internals, "Connection Phase", "X Protocol").
var mysqlProtocol = &dissect.Protocol{
	Name:      "mysql",
	Spec:      "MySQL Internals, Protocol::HandshakeV10, HandshakeResponse41, ERR_Packet; Mysqlx.Notice",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{3306, 33060},
	Start:     dissect.ByteRange(0x2f, 0x80).Or(dissect.BytesOf(5)), // the lowest byte of the handshake's length
	MinLength: 9,
	Members:   []string{"mysql.auth_plugin", "mysql.server_version", "mysql.ssl_request", "mysql.user", "tls.*"},
	Inspect:   inspectMySQL,
}

const (
	mysqlHeader = 4 // length in 3 bytes, sequence number
	// mysqlFixed is the length of a handshake after the server version: zero, thread, 8 bytes of scramble, filler,
	// capabilities, character set, status, capabilities, scramble length, reserved.
	mysqlFixed = 1 + 4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10
	// mysqlLogin is the length of the answer's fixed part: capabilities, largest packet, character set, 23 zeros. An
	// SSLRequest has nothing more.
	mysqlLogin        = 4 + 4 + 1 + 23
	mysqlMaxVersion   = 80 // distributions append their own name
	mysqlCapSSL       = 0x0800
	mysqlCapProtocol4 = 0x0200
)

func inspectMySQL(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	toServer, toClient := c.ToServer(), c.ToClient()
	if hasPrefix(toServer, "\x05\x00\x00\x00\x0b\x08\x05\x1a\x00") ||
		hasPrefix(toClient, "\x05\x00\x00\x00\x0b\x08\x05\x1a\x00") {
		return dissect.Yes // the X protocol's server hello: a notice of type 5, without payload
	}
	if mysqlHandshake(toServer, nil) > 0 {
		toServer, toClient = toClient, toServer
	}
	end := mysqlHandshake(toClient, nil)
	login := mysqlIsLogin(toServer)
	switch {
	case end == 0 && mysqlIsRefusal(toClient):
		return dissect.Yes
	case end == 0 && !login:
		if len(toClient) < mysqlHeader+1 || toClient[mysqlHeader] == 10 && len(toClient) < mysqlHeader+mysqlMaxVersion+
			mysqlFixed {
			return dissect.NeedMore
		}
		return dissect.No
	}
	o := r.Object("mysql")
	mysqlHandshake(toClient, o)
	if !login {
		return dissect.YesMore
	}
	if toServer[mysqlHeader+1]&(mysqlCapSSL>>8) != 0 && len(toServer) >= mysqlHeader+mysqlLogin &&
		toServer[0] == mysqlLogin {
		o.Bool("ssl_request", true)
		if end == 0 {
			return dissect.Yes
		}
		return insideTLS(toServer[mysqlHeader+mysqlLogin:], toClient[end:], r)
	}
	if user, _, ok := cutZero(toServer[mysqlHeader+mysqlLogin:]); ok {
		o.Text("user", user)
	}
	return dissect.Yes
}

// mysqlHandshake returns the length of the server's handshake at the start of b, 0 if b has none, and writes its fields
// to o.
func mysqlHandshake(b []byte, o *dissect.Object) int {
	if len(b) <= mysqlHeader+1 || le16(b) == 0 || b[2] != 0 || b[3] != 0 || b[4] != 10 {
		return 0
	}
	end := mysqlHeader + le16(b)
	if end > len(b) {
		return 0
	}
	version, rest, ok := cutZero(b[mysqlHeader+1 : end])
	if !ok || len(version) < 3 || len(version) > mysqlMaxVersion || version[0] < '0' || version[0] > '9' ||
		!isPrintable(version) {
		return 0
	}
	if len(rest) < mysqlFixed-1 || rest[12] != 0 || string(rest[21:27]) != "\x00\x00\x00\x00\x00\x00" {
		// MariaDB uses the last 4 reserved bytes
		return 0
	}
	if o != nil {
		o.Text("server_version", version)
		if scramble := max(13, int(rest[20])-8); len(rest) > mysqlFixed-1+scramble {
			plugin, _, _ := cutZero(rest[mysqlFixed-1+scramble:])
			o.Text("auth_plugin", plugin)
		}
	}
	return end
}

// mysqlIsLogin reports whether b is a client's answer to the handshake: sequence number 1, protocol 4.1, 23 reserved
// zeros.
func mysqlIsLogin(b []byte) bool {
	if len(b) < mysqlHeader+mysqlLogin || b[2] != 0 || b[3] != 1 || le16(b) < mysqlLogin ||
		b[5]&(mysqlCapProtocol4>>8) == 0 {
		return false
	}
	return len(bytes.TrimLeft(b[mysqlHeader+9:mysqlHeader+28], "\x00")) == 0 // MariaDB uses the last 4
}

// mysqlIsRefusal reports whether b is the error with which a server refuses a client before any handshake.
func mysqlIsRefusal(b []byte) bool {
	const fixed, tooMany, blocked, notAllowed = mysqlHeader + 3, 1040, 1129, 1130
	if len(b) <= fixed || b[2] != 0 || b[3] > 1 || b[4] != 0xff || len(b) != mysqlHeader+le16(b) ||
		!isPrintable(b[fixed:]) {
		return false
	}
	code := le16(b[5:])
	return code == tooMany || code == blocked || code == notAllowed
}
