// SPDX-License-Identifier: Apache-2.0

package record

// Risk is something about a flow that deserves a look.
type Risk uint8

// The risks, in the order in which records list them.
const (
	RiskCleartextCredentials Risk = iota
	RiskTLSMissingSNI
	RiskTLSObsoleteVersion
	RiskTLSWeakCipher
	RiskCertificateSelfSigned
	RiskSMB1
	RiskSSHObsoleteVersion
)

var riskTexts = [...]string{"cleartext-credentials", "tls-missing-sni", "tls-obsolete-version", "tls-weak-cipher",
	"certificate-self-signed", "smb1", "ssh-obsolete-version"}

func (r Risk) String() string { return text(riskTexts[:], r) }

// Risks is a set of risks.
type Risks uint32

// Add puts a risk into the set.
func (s *Risks) Add(r Risk) { *s |= 1 << r }

// Has says whether a risk is in the set.
func (s Risks) Has(r Risk) bool { return s&(1<<r) != 0 }

// appendJSON appends the set as a list of texts.
func (s Risks) appendJSON(b []byte) []byte {
	separator := byte('[')
	for i, text := range riskTexts {
		if s.Has(Risk(i)) {
			b = append(b, separator, '"')
			b = append(append(b, text...), '"')
			separator = ','
		}
	}
	return append(b, ']')
}
