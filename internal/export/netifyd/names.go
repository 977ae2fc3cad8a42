// SPDX-License-Identifier: Apache-2.0

package netifyd

import (
	"hash/fnv"
	"strings"

	"github.com/weirnet/weir/internal/wire/tls"
)

// known are the protocols of which the documentation of the Netify agent, or a consumer, names id and tag. All others
// have an id of weir's own, see ownID, and their name in capitals.
var known = map[string]protocolTag{
	"":           {0, "Unknown"},
	"dns":        {5, "DNS"},
	"http":       {7, "HTTP"},
	"mdns":       {8, "MDNS"},
	"bittorrent": {37, "BitTorrent"},
	"tls":        {196, "HTTP/S"},
}

// protocolOf returns id and tag of a protocol by its name in a flow record.
func protocolOf(slug string) (id uint32, tag string) {
	if p, ok := known[slug]; ok {
		return p.ID, p.Tag
	}
	return ownID(slug), strings.ToUpper(slug)
}

// ownIDs is the first id of weir's own: far above those of the Netify agent, and within a signed number of 32 bits.
const ownIDs = 1 << 30

// ownID returns a number for a name, the same in each build. Among some thousand names hardly two share one; a test
// looks at those that weir knows.
func ownID(slug string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(slug)) // never fails
	return ownIDs | h.Sum32()&(ownIDs-1)
}

// tlsVersion returns the hexadecimal number of a version as flow records name it, "0x0000" if it is unknown.
func tlsVersion(name string) string {
	switch name {
	case "1.3":
		return "0x0304"
	case "1.2":
		return "0x0303"
	case "1.1":
		return "0x0302"
	case "1.0":
		return "0x0301"
	case "ssl-3.0":
		return "0x0300"
	case "ssl-2.0":
		return "0x0002"
	case "dtls-1.0":
		return "0xfeff"
	case "dtls-1.2":
		return "0xfefd"
	case "dtls-1.3":
		return "0xfefc"
	}
	return "0x0000"
}

// cipherSuite returns the hexadecimal number of a cipher suite as flow records name it.
func cipherSuite(name string) string {
	if name == "" {
		return "0x0000"
	}
	if strings.HasPrefix(name, "0x") {
		return name
	}
	suite, _ := tls.CipherSuite(name)
	return hexadecimal(suite)
}

func hexadecimal(n uint16) string {
	const digits = "0123456789abcdef"
	return string([]byte{'0', 'x', digits[n>>12], digits[n>>8&15], digits[n>>4&15], digits[n&15]})
}
