// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
)

// safe are the findings of dissectors that hold no name, address or text of the user's.
var safe = map[string][]string{
	"tls":    {"version", "cipher", "alpn", "ja3", "ja3s", "ja4"},
	"quic":   {"version"},
	"icmp":   {"type", "code", "message"},
	"icmpv6": {"type", "code", "message"},
}

// findings returns those findings of dissectors that may leave. Any text of them may hold an address or a host name, so
// only the safe ones remain when either is hidden.
func (f *Filter) findings(info []byte) []byte {
	isHidden := f.config.hides()
	if len(info) == 0 || !isHidden && len(f.omit) == 0 {
		return info
	}
	var groups map[string]json.RawMessage
	if json.Unmarshal(slices.Concat([]byte{'{'}, info, []byte{'}'}), &groups) != nil {
		return nil // what can't be read can't be judged
	}
	for name, group := range groups {
		if f.omit[name] {
			delete(groups, name)
		} else if isHidden {
			hide(groups, name, group)
		}
	}
	if len(groups) == 0 {
		return nil
	}
	out, err := json.Marshal(groups)
	if err != nil {
		return nil
	}
	f.info = append(f.info[:0], out[1:len(out)-1]...)
	return f.info
}

// hide leaves the safe findings of a group, or no group.
func hide(groups map[string]json.RawMessage, name string, group json.RawMessage) {
	var findings map[string]json.RawMessage
	if json.Unmarshal(group, &findings) != nil {
		delete(groups, name)
		return
	}
	for finding := range findings {
		if !slices.Contains(safe[name], finding) {
			delete(findings, finding)
		}
	}
	out, err := json.Marshal(findings)
	if err != nil || len(findings) == 0 {
		delete(groups, name)
		return
	}
	groups[name] = out
}

// namesOmitted reports whether a text of a record names what is omitted: a host, an address, a device.
func (f *Filter) namesOmitted(text []byte) bool {
	lower := bytes.ToLower(text)
	for _, host := range f.hosts {
		if namesHost(lower, host) {
			return true
		}
	}
	for _, mac := range f.macs {
		if bytes.Contains(lower, mac) {
			return true
		}
	}
	return (len(f.config.OmitNetworks) > 0 || len(f.devices) > 0) && f.namesAddress(lower)
}

// namesHost reports whether a text holds a host name, or one below it.
func namesHost(text, host []byte) bool {
	for {
		at := bytes.Index(text, host)
		if at < 0 {
			return false
		}
		end := at + len(host)
		startsLabel := at == 0 || !isLabel(text[at-1])
		endsLabel := end == len(text) || !isLabel(text[end])
		if startsLabel && endsLabel {
			return true
		}
		text = text[at+1:]
	}
}

func isLabel(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z'
}

// namesAddress reports whether a text holds an address of an omitted network or device.
func (f *Filter) namesAddress(text []byte) bool {
	isAddress := func(c byte) bool { return c == '.' || c == ':' || c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
	for len(text) > 0 {
		n := slices.IndexFunc(text, func(c byte) bool { return !isAddress(c) })
		if n < 0 {
			n = len(text)
		}
		if f.isOmittedAddress(text[:n]) {
			return true
		}
		text = text[min(n+1, len(text)):]
	}
	return false
}

// isOmittedAddress reports whether a token is an address of an omitted network or device, alone or with a port.
func (f *Filter) isOmittedAddress(token []byte) bool {
	const longest = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255.")
	if len(token) < len("::") || len(token) > longest+len(":65535") {
		return false
	}
	text := string(bytes.Trim(token, "."))
	if a, err := netip.ParseAddr(text); err == nil {
		return f.omits(a)
	}
	a, err := netip.ParseAddrPort(text)
	return err == nil && f.omits(a.Addr())
}
