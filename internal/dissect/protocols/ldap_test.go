// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// The messages are built after RFC 4511 §4.2, §4.5 and §4.14.
var (
	ldapBind   = tcp(389, C("\x30\x19\x02\x01\x01\x60\x14\x02\x01\x03\x04\x0bcn=ann,o=ex\x80\x02pw"))
	ldapSearch = udp(389, C("\x30\x25\x02\x01\x02\x63\x20\x04\x04o=ex\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01"+
		"\x00\x01\x01\x00\x87\x01a\x30\x00"))
	ldapStart    = tcp(389, C("\x30\x1d\x02\x01\x01\x77\x18\x80\x16"+ldapStartTLS))
	ldapResponse = tcp(389, S("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"))
)

func TestLDAP(t *testing.T) {
	wantProtocol(t, ldapBind, "ldap", `"operation":"bind"`, `"bind_dn":"cn=ann,o=ex"`)
	wantProtocol(t, ldapSearch, "ldap", `"operation":"search"`, `"base":"o=ex"`)
	wantProtocol(t, ldapStart, "ldap", `"starttls":true`)
	wantProtocol(t, ldapResponse, "ldap", `"result":0`)
	wantNot(t, tcp(389, C("\x30\x19\x02\x01\x01\x60\x14\x02\x01\x09\x04\x0bcn=ann,o=ex\x80\x02pw")), "ldap")
	wantNot(t, udp(389, C("\x30\x19\x02\x01\x01\x70\x14\x02\x01\x03\x04\x0bcn=ann,o=ex\x80\x02pw")), "ldap")
	midstream := talk{Over: dissect.TCP, ServerPort: 389, Midstream: true, Says: []say{C("the end of a message"),
		ldapResponse.Says[0]}}
	wantProtocol(t, midstream, "ldap", `"result":0`)
	for _, k := range []talk{ldapBind, ldapSearch, ldapStart, ldapResponse} {
		testTruncations(t, "ldap", k, 12)
		wantNoAllocations(t, "ldap", k)
	}
}

func FuzzLDAP(f *testing.F) { fuzzTalks(f, "ldap", ldapBind, ldapSearch, ldapStart, ldapResponse) }
