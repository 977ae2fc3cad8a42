// SPDX-License-Identifier: Apache-2.0

package identify

import "strings"

// rule gives the system and the kind of a device that sent a text like pattern. Patterns are in lower case: "*" stands
// for any text, "@" for a letter or digit, "#" for a hexadecimal digit; the latter two only before the first or after
// the last "*".
//
// Weights are our estimates in percent: 80 and more if hardly any other device sends the text, 50 and more if most
// senders are such devices, less if the text only fits. The first matching rule of a table counts, so special rules
// precede general ones.
type rule struct {
	pattern    string
	os         string
	osWeight   int
	kind       string
	kindWeight int
}

// systems are the operating systems of the rules, each with the more general system that it is a case of.
var systems = map[string]string{
	"windows": "", "windows-phone": "",
	"macos": "", "ios": "", "ipados": "ios", "tvos": "ios", "watchos": "ios",
	"linux": "", "android": "linux", "chromeos": "linux", "openwrt": "linux", "routeros": "linux", "tizen": "linux",
	"webos": "linux", "roku": "linux",
	"freebsd": "", "openbsd": "", "netbsd": "", "esxi": "", "harmonyos": "",
}

// kinds are the kinds of devices, likewise. Any device but a computer, phone or tablet is a case of "iot".
var kinds = map[string]string{
	"phone": "", "tablet": "",
	"computer": "", "server": "computer", "nas": "server", "vm": "server",
	"iot": "", "printer": "iot", "camera": "iot", "watch": "iot", "voip-phone": "iot", "router": "iot",
	"access-point": "router",
	"media-player": "iot", "tv": "media-player", "speaker": "media-player", "game-console": "media-player",
}

// maxGenerations is the longest way from a value to its most general one.
const maxGenerations = 2

func first(rules []rule, value string) rule {
	if value == "" {
		return rule{}
	}
	for _, r := range rules {
		if match(r.pattern, value) {
			return r
		}
	}
	return rule{}
}

// match searches the parts of the pattern between its stars from left to right, in linear time for each part.
func match(pattern, s string) bool {
	head, rest, open := strings.Cut(pattern, "*")
	if len(s) < len(head) || !equal(head, s[:len(head)]) {
		return false
	}
	s = s[len(head):]
	for open {
		var part string
		if part, rest, open = strings.Cut(rest, "*"); !open {
			return len(s) >= len(part) && equal(part, s[len(s)-len(part):])
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return s == ""
}

// equal compares a pattern without stars with a text of the same length.
func equal(pattern, s string) bool {
	for i := range len(pattern) {
		c := s[i]
		isDigit, isHex := '0' <= c && c <= '9', 'a' <= c && c <= 'f'
		switch pattern[i] {
		case '#':
			if !isDigit && !isHex {
				return false
			}
		case '@':
			if !isDigit && (c < 'a' || c > 'z') {
				return false
			}
		default:
			if pattern[i] != c {
				return false
			}
		}
	}
	return true
}
