// SPDX-License-Identifier: Apache-2.0

package record

import "math/bits"

// Risk is a property of a flow that deserves attention. A new risk needs a constant, an entry in risks, and its slug in
// schema.json.
type Risk uint8

// Risks, in the order of the records' lists.
const (
	RiskCleartextCredentials Risk = iota
	RiskTLSMissingSNI
	RiskTLSObsoleteVersion
	RiskTLSWeakCipher
	RiskCertificateSelfSigned
	RiskSMB1
	RiskSSHObsoleteVersion
)

// RiskInfo describes a risk for people and programs.
type RiskInfo struct {
	Slug     string   `json:"risk"`
	Severity Severity `json:"severity"`
	Meaning  string   `json:"meaning"`
	Advice   string   `json:"advice"` // what to do
}

var risks = [...]RiskInfo{
	RiskCleartextCredentials: {"cleartext-credentials", SeverityHigh,
		"A password, or what serves as one, crossed the network unencrypted: whoever is on the way can read it.",
		"Use the protocol's encrypted form (HTTPS, STARTTLS, SSH, a VPN), and change the password."},
	RiskTLSMissingSNI: {"tls-missing-sni", SeverityLow,
		"A TLS client did not say which host it wants. Old and embedded clients do that, and malware that knows " +
			"addresses only.",
		"Find out which program on the client it is; update it, or block it if nobody knows it."},
	RiskTLSObsoleteVersion: {"tls-obsolete-version", SeverityMedium,
		"Client and server agreed on SSL, TLS 1.0 or 1.1, or DTLS 1.0, which RFC 8996 retired and known attacks break.",
		"Update the older side, and have the server refuse what is older than TLS 1.2."},
	RiskTLSWeakCipher: {"tls-weak-cipher", SeverityHigh,
		"Client and server agreed on a cipher suite without encryption or authentication, or one that can be broken.",
		"Remove NULL, anonymous, export, DES, 3DES and RC4 cipher suites from the server's list."},
	RiskCertificateSelfSigned: {"certificate-self-signed", SeverityLow,
		"The server's certificate vouches for itself: a client that accepts it can't tell the server from an impostor.",
		"Give the server a certificate of an authority that its clients trust. Many appliances of a LAN can have " +
			"none."},
	RiskSMB1: {"smb1", SeverityHigh,
		"Client and server agreed on SMB 1, which can't be protected against manipulation, and which worms use to " +
			"spread.",
		"Turn SMB 1 off on the server; replace devices that speak nothing newer."},
	RiskSSHObsoleteVersion: {"ssh-obsolete-version", SeverityHigh,
		"One side speaks SSH 1 only, whose encryption can be broken (RFC 4251 replaced it).",
		"Update that side's SSH, or replace the device."},
}

// RiskList returns all risks, in the order of the records' lists.
func RiskList() []RiskInfo { return risks[:] }

func (r Risk) String() string {
	if int(r) >= len(risks) {
		return ""
	}
	return risks[r].Slug
}

// Severity says how much a risk matters.
type Severity uint8

// Severities.
const (
	SeverityLow    Severity = iota // worth knowing; often harmless
	SeverityMedium                 // fix it some day
	SeverityHigh                   // fix it now
)

var severityTexts = [...]string{"low", "medium", "high"}

func (s Severity) String() string { return text(severityTexts[:], s) }

// MarshalText returns String's text.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Risks is a set of risks.
type Risks uint32

// Add adds a risk to the set.
func (s *Risks) Add(r Risk) { *s |= 1 << r }

// Has reports whether a risk is in the set.
func (s Risks) Has(r Risk) bool { return s&(1<<r) != 0 }

// appendJSON appends the set as a list of slugs.
func (s Risks) appendJSON(b []byte) []byte {
	separator := byte('[')
	for ; s != 0; s &= s - 1 {
		b = append(b, separator, '"')
		b = append(b, Risk(bits.TrailingZeros32(uint32(s))).String()...)
		b = append(b, '"')
		separator = ','
	}
	return append(b, ']')
}
