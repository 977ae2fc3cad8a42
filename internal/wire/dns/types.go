// SPDX-License-Identifier: Apache-2.0

package dns

// Record types that dissectors inspect, from IANA's registry.
const (
	TypeA     = 1
	TypeNS    = 2
	TypeCNAME = 5
	TypePTR   = 12
	TypeMX    = 15
	TypeTXT   = 16
	TypeAAAA  = 28
	TypeSRV   = 33
	TypeDNAME = 39
	TypeOPT   = 41
	TypeSVCB  = 64
	TypeHTTPS = 65
)

// Classes, RFC 1035 §3.2.4 and RFC 2136 §2.4.
const (
	ClassIN   = 1
	ClassCH   = 3
	ClassHS   = 4
	ClassNone = 254
	ClassAny  = 255
)

// typeNames are the mnemonics of IANA's registry of record types.
var typeNames = map[uint16]string{
	1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL", 11: "WKS",
	12: "PTR",
	13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 19: "X25", 20: "ISDN", 21: "RT", 22: "NSAP",
	24: "SIG", 25: "KEY", 26: "PX", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6",
	39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY",
	49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY",
	61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 108: "EUI48", 109: "EUI64",
	249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA", 32769: "DLV",
}

// TypeName returns the mnemonic of a record type, "" if it has none.
func TypeName(t uint16) string { return typeNames[t] }

// rcodeNames are the mnemonics of IANA's registry of response codes.
var rcodeNames = [...]string{
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
	"NOTZONE",
	"DSOTYPENI",
}

// RCodeName returns the mnemonic of a response code, "" if it has none. Codes of 16 and above need the upper bits of
// EDNS (RFC 6891 §6.1.3).
func RCodeName(code int) string {
	switch {
	case code == 16:
		return "BADVERS"
	case code == 23:
		return "BADCOOKIE"
	case code >= 0 && code < len(rcodeNames):
		return rcodeNames[code]
	}
	return ""
}

// classNames are the mnemonics of the classes.
var classNames = map[uint16]string{ClassIN: "IN", ClassCH: "CH", ClassHS: "HS", ClassNone: "NONE", ClassAny: "ANY"}

// ClassName returns the mnemonic of a class, "" if no registry has one.
func ClassName(c uint16) string { return classNames[c] }
