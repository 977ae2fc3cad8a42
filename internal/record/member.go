// SPDX-License-Identifier: Apache-2.0

package record

import "bytes"

// Member returns the value of a member among those of a JSON object without its braces, nil if it has none.
func Member(members []byte, name string) []byte {
	for {
		one, value, rest := NextMember(members)
		if one == nil || string(one) == name {
			return value
		}
		members = rest
	}
}

// NextMember splits off the first member of a JSON object, without its braces and without blanks, as records have
// it. name is nil at the end, and where the object is not well-formed.
func NextMember(b []byte) (name, value, rest []byte) {
	b = bytes.TrimPrefix(b, []byte{','})
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, nil
	}
	end := stringEnd(b)
	if end == 0 || end >= len(b) || b[end] != ':' {
		return nil, nil, nil
	}
	name, b = b[1:end-1], b[end+1:]
	end = valueEnd(b)
	return name, b[:end], b[end:]
}

// stringEnd returns the length of the JSON string at the start of b, 0 if it does not end.
func stringEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// valueEnd returns the length of the JSON value at the start of b.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := stringEnd(b[i:])
			if n == 0 {
				return len(b)
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// Subject is what an event is about: the name that was asked for, the host of a request, the name of a server.
func (e *Event) Subject() []byte {
	if len(e.Content) < 2 {
		return nil
	}
	name := [...]string{"", "rrname", "hostname", "sni", ""}
	for i := range name {
		if e.Type == 1<<i {
			if value := Member(e.Content[1:len(e.Content)-1], name[i]); len(value) > 2 && value[0] == '"' {
				return value[1 : len(value)-1]
			}
		}
	}
	return nil
}

// lowerCase returns a name in lower case, as flow records have it; the name itself if it is.
func lowerCase(name []byte) []byte {
	if bytes.ContainsAny(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return bytes.ToLower(name)
	}
	return name
}

// AsFlow sets a flow's record to what the event tells of it, for filters.
func (e *Event) AsFlow(f *Flow) {
	*f = Flow{ID: e.Flow, Interface: e.Interface, Proto: e.Proto, Client: e.Client, Server: e.Server,
		Protocol: e.Type.name(), Hostname: lowerCase(e.Subject()), FirstSeen: e.Time, LastSeen: e.Time}
	f.IPVersion = 6
	if e.Client.Addr.Addr().Is4() {
		f.IPVersion = 4
	}
}
