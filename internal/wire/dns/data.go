// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// MaxData bounds what AppendData appends: a name, and ":65535"; or a character string.
const MaxData = MaxText + 6

// AppendData appends the data of a record of msg as text: an address, a name, the first string of TXT, the target and
// port of SRV. It appends nothing for types without useful data.
func AppendData(b, msg []byte, record *Record) []byte {
	at := -1
	switch record.Type {
	case TypeA, TypeAAAA:
		if addr, ok := netip.AddrFromSlice(record.Data); ok && record.Class&0x7fff == ClassIN {
			return addr.AppendTo(b)
		}
	case TypeCNAME, TypeNS, TypePTR, TypeDNAME:
		at = record.Offset
	case TypeMX:
		at = record.Offset + 2
	case TypeSRV:
		if len(record.Data) > 6 {
			b, err := AppendName(b, msg, record.Offset+6)
			if err != nil {
				return b[:0]
			}
			return strconv.AppendInt(append(b, ':'), int64(binary.BigEndian.Uint16(record.Data[4:])), 10)
		}
	case TypeTXT:
		if n := len(record.Data); n > 0 && int(record.Data[0]) < n {
			return append(b, record.Data[1:1+int(record.Data[0])]...)
		}
	case TypeSVCB, TypeHTTPS:
		if s, err := ParseService(msg, record); err == nil {
			at = s.Target
		}
	}
	if at < 0 {
		return b
	}
	name, err := AppendName(b, msg, at)
	if err != nil {
		return b
	}
	return name
}
