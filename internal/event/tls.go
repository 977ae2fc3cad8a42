// SPDX-License-Identifier: Apache-2.0

package event

import (
	"github.com/weirnet/weir/internal/record"
)

// TLS tells of the handshake in a flow's findings, the members of a flow record as JSON; of none if they have none.
// at is the time of the packet that completed it.
func (m *Maker) TLS(f Flow, number uint64, at int64, findings []byte) {
	found := record.Member(findings, "tls")
	if len(found) < 2 || found[0] != '{' {
		return
	}
	o := begin(m.content)
	appendTLS(&o, found[1:len(found)-1])
	m.put(record.TypeTLS, f, number, at, o.end())
}

// tlsNames are the members whose name in the flow record is not that of Suricata's eve; "": they join another.
var tlsNames = map[string]string{
	"certificate_subject": "subject", "certificate_organization": "",
	"certificate_issuer": "issuerdn", "certificate_issuer_organization": "",
	"certificate_not_before": "notbefore", "certificate_not_after": "notafter",
	"certificate_sha1": "fingerprint", "certificate_sha256": "fingerprint_sha256",
	"certificate_sans": "subjectaltname", "resumed": "session_resumed",
}

var organizationOf = map[string]string{
	"subject": "certificate_organization", "issuerdn": "certificate_issuer_organization",
}

// appendTLS appends the members of a flow's object tls.
func appendTLS(o *object, members []byte) {
	for rest := members; ; {
		name, value, after := record.NextMember(rest)
		if name == nil {
			break
		}
		rest = after
		to, isRenamed := tlsNames[string(name)]
		switch {
		case !isRenamed:
			o.raw(name, value)
		case to != "":
			o.name(to)
			if to == "subject" || to == "issuerdn" {
				o.b = appendDN(o.b, value, record.Member(members, organizationOf[to]))
				break
			}
			o.b = append(o.b, value...)
		}
	}
}

func (o *object) raw(name, value []byte) {
	if len(o.b) > 1 {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(append(o.b, '"'), name...), `":`...), value...)
}

// appendDN appends a distinguished name of two JSON strings, as eve does: "CN=a, O=b".
func appendDN(b, common, organization []byte) []byte {
	if len(common) < 2 || common[0] != '"' {
		return append(b, `""`...)
	}
	b = append(b, `"CN=`...)
	b = append(b, common[1:len(common)-1]...)
	if len(organization) > 2 {
		b = append(append(b, ", O="...), organization[1:len(organization)-1]...)
	}
	return append(b, '"')
}
