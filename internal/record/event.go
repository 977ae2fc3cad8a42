// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirnet/weir/internal/packet"
)

// Types is a set of types of records, one bit each.
type Types uint32

// The types of records in the agent's stream.
const (
	TypeFlow Types = 1 << iota
	TypeDNS
	TypeHTTP
	TypeTLS
	TypeStats
)

// TypeEvents are the types of event records.
const TypeEvents = TypeDNS | TypeHTTP | TypeTLS

var typeNames = [...]string{"flow", "dns", "http", "tls", "stats"}

// ParseTypes returns the set of types with these names.
func ParseTypes(names []string) (t Types, err error) {
	for _, name := range names {
		i := slices.Index(typeNames[:], name)
		if i < 0 {
			last := len(typeNames) - 1
			return 0, fmt.Errorf("%q: a type of records is %s or %s", name, strings.Join(typeNames[:last], ", "),
				typeNames[last])
		}
		t |= 1 << i
	}
	return t, nil
}

// String returns the names of a set, with commas between.
func (t Types) String() string {
	var names []string
	for i, name := range typeNames {
		if t>>i&1 != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// name returns the name of one type.
func (t Types) name() string {
	for i, name := range typeNames {
		if t == 1<<i {
			return name
		}
	}
	return ""
}

// Event is what a flow's ends said: a DNS question with its answer, an HTTP request, a TLS handshake.
type Event struct {
	Type      Types    // one of TypeEvents
	Time      int64    // nanoseconds since the Unix epoch
	Flow      [32]byte // the ID of the flow's record
	Interface string
	Proto     uint8
	// Client and Server are the flow's, without counts and sides.
	Client, Server Endpoint
	// Content is a JSON object: of a DNS, HTTP or TLS.
	Content []byte
}

// AppendJSON appends the record as one JSON object, without a line end.
func (e *Event) AppendJSON(b []byte) []byte {
	name := e.Type.name()
	b = append(append(b, `{"type":"`...), name...)
	b = strconv.AppendInt(append(b, `","schema":`...), SchemaVersion, 10)
	b = AppendTime(append(b, `,"time":"`...), e.Time)
	b = append(append(append(b, `","flow":"`...), e.Flow[:]...), '"')
	b = appendText(b, "interface", e.Interface)
	b = appendText(b, "ip_proto", packet.ProtoName(e.Proto))
	b = e.Client.appendIdentity(append(b, `,"client":`...))
	b = e.Server.appendIdentity(append(b, `,"server":`...))
	b = append(append(append(b, `,"`...), name...), `":`...)
	return append(append(b, e.Content...), '}')
}

// appendIdentity appends what names the end.
func (e *Endpoint) appendIdentity(b []byte) []byte {
	b = appendEnd(append(b, '{'), "", e.Addr)
	if e.MAC != [6]byte{} {
		b = append(AppendMAC(append(b, `,"mac":"`...), e.MAC), '"')
	}
	return append(b, '}')
}

// Read sets the record from its JSON, which AppendJSON or a program of another version wrote. It passes over members
// that this version does not know. The record keeps nothing of line.
func (e *Event) Read(line []byte) error {
	if len(line) > MaxLine {
		return fmt.Errorf("a record of %d bytes; %d are allowed", len(line), MaxLine)
	}
	*e = Event{}
	var contents [len(typeNames)]json.RawMessage
	err := members(line, func(name string, value json.RawMessage) error { return e.member(name, value, &contents) })
	switch {
	case err != nil:
		return fmt.Errorf("no event record: %w", err)
	case e.Type == 0:
		return errors.New("no event record: its type is none of " + TypeEvents.String())
	case e.Flow == [32]byte{}:
		return errors.New("no event record: it has no flow")
	case e.Time == 0:
		return errors.New("no event record: it has no time")
	case !e.Client.Addr.Addr().IsValid() || !e.Server.Addr.Addr().IsValid():
		return errors.New("no event record: an end has no address")
	}
	content := contents[slices.Index(typeNames[:], e.Type.name())]
	if len(content) == 0 || content[0] != '{' {
		return fmt.Errorf("no event record: it has no object %q", e.Type.name())
	}
	e.Content, err = compact(content)
	return err
}

func (e *Event) member(name string, value json.RawMessage, contents *[len(typeNames)]json.RawMessage) error {
	switch name {
	case "type":
		var kind string
		err := json.Unmarshal(value, &kind)
		if i := slices.Index(typeNames[:], kind); i >= 0 {
			e.Type = 1 << i & TypeEvents
		}
		return err
	case "time":
		return readTime(value, &e.Time)
	case "flow":
		return readID(value, &e.Flow)
	case "interface":
		return json.Unmarshal(value, &e.Interface)
	case "ip_proto":
		return readProto(value, &e.Proto)
	case "client":
		return e.Client.read(value)
	case "server":
		return e.Server.read(value)
	}
	if i := slices.Index(typeNames[:], name); i >= 0 {
		contents[i] = value
	}
	return nil
}

// DNS is a DNS question, with its answer if one came. The texts are as the record has them: escaped by AppendText.
type DNS struct {
	// Type is "answer", or "query" for a question without one.
	Type    string      `json:"type"`
	ID      uint16      `json:"id"`
	Opcode  int         `json:"opcode"`
	Name    string      `json:"rrname"`
	RRType  string      `json:"rrtype"`
	Class   string      `json:"rrclass"` // "": IN
	RCode   string      `json:"rcode"`
	AA      bool        `json:"aa"` // flags of the answer
	TC      bool        `json:"tc"`
	RD      bool        `json:"rd"`
	RA      bool        `json:"ra"`
	Answers []DNSAnswer `json:"answers"`
	// Omitted counts the answers for which the record has no room.
	Omitted int `json:"answers_omitted"`
	// RTT is the time from the question to the answer in microseconds; nil without either.
	RTT *int64 `json:"rtt_us"`
	// Repeats counts how often the client asked again before the answer.
	Repeats int `json:"repeats"`
}

// DNSAnswer is a record of an answer.
type DNSAnswer struct {
	Name string `json:"rrname"`
	Type string `json:"rrtype"`
	TTL  uint32 `json:"ttl"`
	Data string `json:"rdata"`
}

// HTTP is an HTTP/1 request with the head of its response; either may be missing.
type HTTP struct {
	Hostname  string `json:"hostname"`
	Port      uint16 `json:"http_port"`
	URL       string `json:"url"`
	Method    string `json:"http_method"`
	UserAgent string `json:"http_user_agent"`
	Referrer  string `json:"http_refer"`
	Protocol  string `json:"protocol"` // "HTTP/1.1"
	Status    int    `json:"status"`
	// ContentType is the response's, without parameters.
	ContentType string `json:"http_content_type"`
	Redirect    string `json:"redirect"`
	// Length is the response's Content-Length; nil without one.
	Length *uint64 `json:"length"`
	// RequestLength is the request's.
	RequestLength *uint64 `json:"request_length"`
	// Response is the time from the request to its response in microseconds; nil without either.
	Response *int64 `json:"response_us"`
}

// TLS is a handshake: its hellos, and the certificate unless it is encrypted.
type TLS struct {
	SNI          string   `json:"sni"`
	Version      string   `json:"version"`
	ALPN         []string `json:"alpn"` // as the client offers them
	ALPNSelected string   `json:"alpn_selected"`
	JA3          string   `json:"ja3"`
	JA3S         string   `json:"ja3s"`
	JA4          string   `json:"ja4"`
	Cipher       string   `json:"cipher"`
	ECH          bool     `json:"ech"`
	Resumed      bool     `json:"session_resumed"`
	Alert        int      `json:"alert"`
	Subject      string   `json:"subject"`
	Issuer       string   `json:"issuerdn"`
	NotBefore    string   `json:"notbefore"`
	NotAfter     string   `json:"notafter"`
	Fingerprint  string   `json:"fingerprint"` // SHA-1
	SHA256       string   `json:"fingerprint_sha256"`
	SANs         []string `json:"subjectaltname"`
}

// ReadContent reads the content of an event into a DNS, HTTP or TLS.
func ReadContent[T DNS | HTTP | TLS](e *Event) (c T, err error) {
	err = json.Unmarshal(e.Content, &c)
	return c, err
}
