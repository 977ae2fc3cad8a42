// SPDX-License-Identifier: Apache-2.0

// Package filter is the filter language of weir flows, the sink and its page: `app:youtube AND device:@ben AND
// port!=443`. It knows the fields and their types, and nothing that it is applied to.
package filter

// Expr is a filter: And, Or, Not or Compare. A nil Expr matches everything.
type Expr interface{ isExpr() }

// And matches what all of its terms match.
type And []Expr

// Or matches what one of its terms matches.
type Or []Expr

// Not matches what its term does not.
type Not struct{ Term Expr }

// Compare compares a field of a flow with a value.
type Compare struct {
	Field Field
	Op    Op
	// Value is in the canonical form of its field: a lower-case slug or name, an address or prefix of netip, a number.
	Value string
}

func (And) isExpr()     {}
func (Or) isExpr()      {}
func (Not) isExpr()     {}
func (Compare) isExpr() {}

// Op is a comparison.
type Op uint8

// The comparisons. Equal on a host is an exact match, Under that of a name and all below it (`*.example.org`), on
// addresses that of a prefix.
const (
	Equal Op = iota
	NotEqual
	Greater
	Less
	Under
)

// Field is a property of flows, by the name that it has in the language.
type Field string

// The fields.
const (
	Application Field = "app"
	Protocol    Field = "proto"
	Category    Field = "category"
	Device      Field = "device" // MAC address, else the address of the LAN's end
	Host        Field = "host"   // host name
	Address     Field = "ip"     // of either end; a prefix with Under
	Network     Field = "net"    // remote network: /24 or /48 of the remote end
	Port        Field = "port"   // of the server
	Direction   Field = "direction"
	Side        Field = "side" // of either end
	Agent       Field = "agent"
	Method      Field = "method" // of the protocol: dpi, port, none
	Transport   Field = "transport"
	Risk        Field = "risk"
	Bytes       Field = "bytes"       // of both ends together
	Retransmits Field = "retransmits" // these four of both ends together
	OutOfOrder  Field = "out_of_order"
	Resets      Field = "resets"
	ZeroWindows Field = "zero_windows"
	RoundTrip   Field = "rtt"     // of the TCP handshake
	Country     Field = "country" // of the remote end
	ASN         Field = "asn"     // of the remote end: a number, or @ and the name of the autonomous system
	Process     Field = "process" // name, or path of the executable
	Container   Field = "container"
)
