// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"
	"slices"

	"github.com/weirnet/weir/internal/dissect"
)

// ovsdb: the management protocol of Open vSwitch's databases, JSON-RPC 1.0 without framing.
var ovsdbProtocol = &dissect.Protocol{
	Name:      "ovsdb",
	Spec:      "RFC 7047 §4",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{6640, 6641, 6642},
	Start:     dissect.FirstBytes("{"),
	MinLength: 20,
	Members:   []string{"ovsdb.method"},
	Inspect:   inspectOVSDB,
}

// ovsdbMethods are the methods of RFC 7047 §4.1 and ovsdb-server(7) that no other service has.
var ovsdbMethods = []string{
	"list_dbs", "get_schema", "transact", "monitor", "monitor_cancel", "monitor_cond", "monitor_cond_change",
	"monitor_cond_since", "update2",
	"update3", "steal", "stolen", "get_server_id", "set_db_change_aware", "convert",
}

// ovsdbPeek bounds the part read of a stream, in bytes: the members come in any order, and parameters are long.
const ovsdbPeek = 4096

func inspectOVSDB(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	wait := false
	for _, b := range [2][]byte{c.First(), c.Second()} {
		b = b[:min(len(b), ovsdbPeek)]
		if len(b) > 0 && b[0] != '{' || jsonrpcVersion(b) {
			return dissect.No
		}
		method := jsonText(b, "method")
		switch {
		case method == nil || !isOVSDBRequest(b, method):
			wait = wait || len(b) < ovsdbPeek
		default:
			r.Object("ovsdb").Text("method", method)
			return dissect.Yes
		}
	}
	return moreIf(wait)
}

// isOVSDBRequest reports whether method, of the object at the start of b, is OVSDB's: one of its own with a list of
// parameters, or the echo with which each side checks that the other is alive.
func isOVSDBRequest(b, method []byte) bool {
	params := jsonMember(b, `"params"`)
	if !hasPrefix(params, "[") || !bytes.Contains(b, []byte(`"id"`)) {
		return false
	}
	if string(method) == "echo" {
		return string(jsonText(b, "id")) == "echo" && hasPrefix(bytes.TrimLeft(params[1:], " "), "]")
	}
	return slices.Contains(ovsdbMethods, string(method))
}
