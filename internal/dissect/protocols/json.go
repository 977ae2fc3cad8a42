// SPDX-License-Identifier: Apache-2.0

package protocols

import "bytes"

// jsonText returns the raw value of the first text member name of the JSON text b: `"name":"value"`, with white space
// around the colon; nil if absent. The flat messages at the start of protocols need no more.
func jsonText(b []byte, name string) []byte {
	for {
		i := bytes.IndexByte(b, '"')
		if i < 0 {
			return nil
		}
		b = b[i+1:]
		if !hasPrefix(b, name) || len(b) == len(name) || b[len(name)] != '"' {
			continue
		}
		value := bytes.TrimLeft(b[len(name)+1:], " \t")
		if len(value) == 0 || value[0] != ':' {
			continue
		}
		value = bytes.TrimLeft(value[1:], " \t")
		if len(value) == 0 || value[0] != '"' {
			return nil
		}
		if end := bytes.IndexByte(value[1:], '"'); end >= 0 {
			return value[1 : 1+end]
		}
		return nil
	}
}

// jsonMember returns the bytes after the first member name, quotes included, and its colon; nil if absent.
func jsonMember(b []byte, name string) []byte {
	i := bytes.Index(b, []byte(name))
	if i < 0 {
		return nil
	}
	value, ok := bytes.CutPrefix(bytes.TrimLeft(b[i+len(name):], " \t"), []byte{':'})
	if !ok {
		return nil
	}
	return bytes.TrimLeft(value, " \t")
}
