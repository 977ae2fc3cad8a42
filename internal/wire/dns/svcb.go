// SPDX-License-Identifier: Apache-2.0

package dns

import "encoding/binary"

// Service parameter keys, RFC 9460 §14.3.2 and RFC 9848.
const (
	KeyMandatory = 0
	KeyALPN      = 1
	KeyPort      = 3
	KeyIPv4Hint  = 4
	KeyECH       = 5
	KeyIPv6Hint  = 6
)

// Service is the data of an SVCB or HTTPS record, RFC 9460 §2.2.
type Service struct {
	// Priority 0 is an alias, without parameters.
	Priority uint16
	// Target is the offset of the target name in the message; the root means the owner itself.
	Target int
	// Parameters is a sequence of key, length and value: see NextParameter.
	Parameters []byte
}

// ParseService reads the data of an SVCB or HTTPS record of msg.
func ParseService(msg []byte, r *Record) (Service, error) {
	if len(r.Data) < 3 {
		return Service{}, ErrTruncated
	}
	target := r.Offset + 2
	end, err := SkipName(msg, target)
	if err != nil {
		return Service{}, err
	}
	if end > r.Offset+len(r.Data) {
		return Service{}, ErrTruncated
	}
	return Service{binary.BigEndian.Uint16(r.Data), target, r.Data[end-r.Offset:]}, nil
}

// NextParameter splits off p's first parameter. A record's keys must rise strictly: after is the previous key, -1 at
// the first. At the end key is -1.
func NextParameter(p []byte, after int) (key int, value, rest []byte, err error) {
	if len(p) == 0 {
		return -1, nil, nil, nil
	}
	if len(p) < 4 {
		return -1, nil, nil, ErrTruncated
	}
	key = int(binary.BigEndian.Uint16(p))
	end := 4 + int(binary.BigEndian.Uint16(p[2:]))
	if end > len(p) {
		return -1, nil, nil, ErrTruncated
	}
	if key <= after {
		return -1, nil, nil, ErrParameter
	}
	return key, p[4:end], p[end:], nil
}
