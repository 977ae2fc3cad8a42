// SPDX-License-Identifier: Apache-2.0

package identify

import "strings"

// rule says what a device is that sent a text like pattern. Patterns are in lower case: "*" stands for any text, "@"
// for a letter or digit, "#" for a hexadecimal digit; the latter two before the first or after the last "*" only.
//
// Weights are percent, and our estimate: 80 and more where hardly anything else sends that, 50 and more where most that
// do are such, less where it only fits. In a table the first rule that fits counts, so special ones come before general
// ones.
type rule struct {
	pattern    string
	os         string
	osWeight   int
	kind       string
	kindWeight int
}

// systems are the operating systems that there are rules for, each with the more general one that it is a case of.
var systems = map[string]string{
	"windows": "", "windows-phone": "",
	"macos": "", "ios": "", "ipados": "ios", "tvos": "ios", "watchos": "ios",
	"linux": "", "android": "linux", "chromeos": "linux", "openwrt": "linux", "routeros": "linux", "tizen": "linux",
	"webos": "linux", "roku": "linux",
	"freebsd": "", "openbsd": "", "netbsd": "", "esxi": "", "harmonyos": "",
}

// kinds are the kinds of devices, in the same way. What is neither a computer nor a phone or tablet is a thing of the
// "iot".
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

// match looks for the parts of the pattern between its stars from left to right, so it is linear for each part.
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

// equal compares texts of the same length, the first of which is a pattern without stars.
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
