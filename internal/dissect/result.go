// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"net/netip"
	"strconv"

	"github.com/weirnet/weir/internal/record"
)

// Limits on a flow's Result.
const (
	// MaxText bounds a text of the metadata, in bytes before escaping; the result cuts longer ones.
	MaxText = 256
	// MaxList bounds the elements of a list.
	MaxList = 16
	// MaxInfo bounds a flow's metadata, in bytes of Info's JSON; the result omits fields beyond it.
	MaxInfo = 2048
	// MaxHost is the longest host name: RFC 1035 §2.3.4 allows 255 on the wire, 253 as text.
	MaxHost = 253
	// MaxHints bounds the addresses learnt from one call: a DNS answer of 16 KiB could hold a thousand.
	MaxHints = 64
	// maxCertificateNames: subject and some of the alternative names.
	maxCertificateNames = 8
)

// Cut is the set of limits that cut a Result.
type Cut uint8

// The cuts.
const (
	CutHost     Cut = 1 << iota // MaxHost
	CutText                     // MaxText
	CutList                     // MaxList
	CutMetadata                 // MaxInfo
	CutAnswers                  // maxHints
)

// Certificate is the fate of the server's certificate on a TLS flow.
type Certificate uint8

// Fates. CertificateUnknown is for protocols without certificates, and for flows that did not get that far.
const (
	CertificateUnknown    Certificate = iota
	CertificateShown                  // readable, and not self-signed
	CertificateSelfSigned             // readable; issuer and subject are equal
	CertificateMissing                // due (TLS 1.2 and before, no resumption), but absent
	CertificateHidden                 // TLS 1.3 encrypts it, or the session was resumed
)

// Hint is an address to which DNS resolved a name for the flow's client.
type Hint struct {
	Addr netip.Addr
	// Host is the name in the question (at the start of a CNAME chain).
	Host []byte
	// TTL is in seconds.
	TTL uint32
}

// Expectation is a flow that another flow announced, as FTP announces its data channel.
type Expectation struct {
	// Server is the announced flow's server.
	Server netip.AddrPort
	// ServerFirst: the server opens the announced flow, so Server is the client's end.
	ServerFirst bool
	// Over is its transport.
	Over Transport
	// Protocol is the announced flow's slug.
	Protocol string
}

// Result holds a dissector's findings. The worker owns it and resets it before each call of Inspect. It keeps no
// reference to its arguments, so dissectors may pass views into the conversation.
type Result struct {
	protocol     string
	application  string
	host         []byte
	info         []byte
	certNames    [maxCertificateNames][]byte
	nCertNames   int
	certificate  Certificate
	risks        record.Risks
	cut          Cut
	hints        []Hint
	hintText     []byte
	expectations []Expectation
	notes        notes
	noteText     [MaxHost]byte
	inObject     bool
	object       Object
}

// Reset empties r for a dissector of p. Sessions reset it before each call of Inspect.
func (r *Result) Reset(p *Protocol) {
	r.protocol, r.application = p.Name, ""
	r.host, r.info = r.host[:0], r.info[:0]
	r.nCertNames, r.certificate = 0, CertificateUnknown
	r.risks, r.hints, r.hintText, r.expectations = 0, r.hints[:0], r.hintText[:0], r.expectations[:0]
	r.inObject, r.cut = false, 0
}

// SetProtocol sets a protocol other than Protocol.Name; name must be in Protocol.Also.
func (r *Result) SetProtocol(name string) { r.protocol = name }

// SetApplication names the application, a catalog id, if the protocol belongs to one application.
func (r *Result) SetApplication(id string) { r.application = id }

// SetHost sets the flow's host name: SNI, Host header, the name in a DNS question. It stores the canonical form: lower
// case, without a final dot, bytes outside printable ASCII as \xNN, at most MaxHost bytes.
func (r *Result) SetHost(name []byte) {
	host, isCut := appendHost(r.host[:0], name)
	r.host = host
	if isCut {
		r.cut |= CutHost
	}
}

// AddCertificateName adds a name from the server's certificate, for lookup in the catalog: the subject's common name or
// organization, or an alternative name. It stores the name in lower case, cut at MaxHost.
func (r *Result) AddCertificateName(name []byte) {
	if r.nCertNames == maxCertificateNames || len(name) == 0 {
		return
	}
	kept := append(r.certNames[r.nCertNames][:0], name[:min(len(name), MaxHost)]...)
	for i, c := range kept {
		if 'A' <= c && c <= 'Z' {
			kept[i] = c + 'a' - 'A'
		}
	}
	r.certNames[r.nCertNames] = kept
	r.nCertNames++
}

// SetCertificate sets the fate of the server's certificate.
func (r *Result) SetCertificate(c Certificate) { r.certificate = c }

// Risk marks the flow with a risk.
func (r *Result) Risk(risk record.Risk) { r.risks.Add(risk) }

// Hint records that DNS gave this flow's client addr as an address of host, for ttl seconds.
func (r *Result) Hint(host []byte, addr netip.Addr, ttl uint32) {
	if len(r.hints) == MaxHints {
		r.cut |= CutAnswers
		return
	}
	start := len(r.hintText)
	r.hintText, _ = appendHost(r.hintText, host)
	r.hints = append(r.hints, Hint{addr, r.hintText[start:len(r.hintText):len(r.hintText)], ttl})
}

// Expect announces another flow.
func (r *Result) Expect(e Expectation) {
	if len(r.expectations) == MaxList {
		r.cut |= CutList
		return
	}
	r.expectations = append(r.expectations, e)
}

// Object begins the metadata object name ("tls") of the flow record and ends the one before it.
func (r *Result) Object(name string) *Object {
	r.endObject()
	if len(r.info) > 0 {
		r.info = append(r.info, ',')
	}
	r.info = append(r.info, '"')
	r.info = append(r.info, name...)
	r.info = append(r.info, `":{`...)
	r.object = Object{r: r, start: len(r.info)}
	r.inObject = true
	return &r.object
}

// endObject closes the open object, or removes it if empty.
func (r *Result) endObject() {
	if !r.inObject {
		return
	}
	r.inObject = false
	if len(r.info) > r.object.start {
		r.info = append(r.info, '}')
		return
	}
	cut := r.object.start - len(`":{`) - 1
	for cut > 0 && r.info[cut] != '"' {
		cut--
	}
	if cut > 0 {
		cut-- // the comma
	}
	r.info = r.info[:cut]
}

// Object writes the fields of one metadata object. It omits empty values.
type Object struct {
	r     *Result
	start int
}

// field appends the field's name and returns the length before it, for keep.
func (o *Object) field(name string) int {
	b := o.r.info
	before := len(b)
	if before > o.start {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	o.r.info = append(b, '"', ':')
	return before
}

// keep confirms the bytes written after length before, or removes them and returns false if size more bytes and the
// object's brace would exceed MaxInfo: only escaping shows how long a text is.
func (o *Object) keep(before, size int) bool {
	if len(o.r.info)+size+len("}") <= MaxInfo {
		return true
	}
	o.r.info = o.r.info[:before]
	o.r.cut |= CutMetadata
	return false
}

// text cuts a text to at most most bytes.
func (o *Object) text(value []byte, most int) []byte {
	if len(value) <= most {
		return value
	}
	o.r.cut |= CutText
	return value[:most]
}

// List writes the field name as a list. element appends element i as a JSON value; the list holds at most MaxList
// elements, and as many as fit.
func (o *Object) List(name string, n int, element func(b []byte, i int) []byte) {
	if n == 0 {
		return
	}
	if n > MaxList {
		o.r.cut |= CutList
	}
	before := o.field(name)
	o.r.info = append(o.r.info, '[')
	for i := range min(n, MaxList) {
		end := len(o.r.info)
		if i > 0 {
			o.r.info = append(o.r.info, ',')
		}
		o.r.info = element(o.r.info, i)
		if o.keep(end, len("]")) {
			continue
		}
		if i == 0 {
			o.r.info = o.r.info[:before]
			return
		}
		break
	}
	o.r.info = append(o.r.info, ']')
}

// Text writes bytes from the wire: bytes that are no printable ASCII or valid UTF-8 letters become \xNN; MaxText cuts.
func (o *Object) Text(name string, value []byte) {
	if len(value) == 0 {
		return
	}
	before := o.field(name)
	o.r.info = record.AppendText(o.r.info, o.text(value, MaxText))
	o.keep(before, 0)
}

// String writes a text of our own: a constant, or safe characters.
func (o *Object) String(name, value string) {
	if value == "" {
		return
	}
	before := o.field(name)
	o.r.info = record.AppendText(o.r.info, value)
	o.keep(before, 0)
}

// Int writes a number, even 0.
func (o *Object) Int(name string, value int64) {
	before := o.field(name)
	o.r.info = strconv.AppendInt(o.r.info, value, 10)
	o.keep(before, 0)
}

// Bool writes a boolean.
func (o *Object) Bool(name string, value bool) {
	before := o.field(name)
	o.r.info = strconv.AppendBool(o.r.info, value)
	o.keep(before, 0)
}

// Hex writes bytes in lower-case hexadecimal, at most MaxText/2 bytes.
func (o *Object) Hex(name string, value []byte) {
	if len(value) == 0 {
		return
	}
	before := o.field(name)
	o.r.info = append(o.r.info, '"')
	for _, b := range o.text(value, MaxText/2) {
		o.r.info = append(o.r.info, hexDigits[b>>4], hexDigits[b&15])
	}
	o.r.info = append(o.r.info, '"')
	o.keep(before, 0)
}

// Addr writes an IP address.
func (o *Object) Addr(name string, value netip.Addr) {
	if !value.IsValid() {
		return
	}
	before := o.field(name)
	o.r.info = append(o.r.info, '"')
	o.r.info = value.WithZone("").AppendTo(o.r.info)
	o.r.info = append(o.r.info, '"')
	o.keep(before, 0)
}

// Texts writes a list of texts from the wire, at most MaxList of them.
func (o *Object) Texts(name string, values [][]byte) {
	o.List(name, len(values), func(b []byte, i int) []byte {
		return record.AppendText(b, o.text(values[i], MaxText))
	})
}

// Ints writes a list of numbers, at most MaxList of them.
func Ints[T ~uint8 | ~uint16 | ~uint32 | ~int](o *Object, name string, values []T) {
	o.List(name, len(values), func(b []byte, i int) []byte {
		return strconv.AppendInt(b, int64(values[i]), 10)
	})
}

// Protocol returns the slug that the dissector chose.
func (r *Result) Protocol() string { return r.protocol }

// Application returns the catalog id that the dissector chose, or "".
func (r *Result) Application() string { return r.application }

// Host returns the canonical host name, or nothing.
func (r *Result) Host() []byte { return r.host }

// Info returns the metadata as members of a JSON object ("tls":{...},"http":{...}) without the enclosing braces; may be
// empty.
func (r *Result) Info() []byte {
	r.endObject()
	return r.info
}

// CertificateNames returns the names of the server's certificate.
func (r *Result) CertificateNames() [][]byte { return r.certNames[:r.nCertNames] }

// Certificate returns the fate of the server's certificate.
func (r *Result) Certificate() Certificate { return r.certificate }

// Risks returns the flow's risks.
func (r *Result) Risks() record.Risks { return r.risks }

// Cut returns the limits that cut the result.
func (r *Result) Cut() Cut { return r.cut }

// Hints returns the learnt addresses.
func (r *Result) Hints() []Hint { return r.hints }

// Expectations returns the announced flows.
func (r *Result) Expectations() []Expectation { return r.expectations }

// DropMetadata removes the objects written so far, before a second attempt with other bytes.
func (r *Result) DropMetadata() { r.info, r.inObject = r.info[:0], false }

// DropRisks removes the risks set so far.
func (r *Result) DropRisks() { r.risks = 0 }
