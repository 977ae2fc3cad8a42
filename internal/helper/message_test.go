// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func encode(kind byte, sequence uint32, body []byte) []byte {
	return finish(append(appendHeader(nil, kind, sequence), body...))
}

// requests returns valid messages of the agent, by name.
func requests() map[string][]byte {
	all := make([]uint32, MaxSlots)
	for i := range all {
		all[i] = uint32(i) << 8
	}
	return map[string][]byte{
		"watch": encode(kindWatch, 1, appendWatch(nil, Link{Index: 7, Name: "eth0"})),
		"watch promisc": encode(kindWatch, 2, appendWatch(nil, Link{Index: 1<<31 - 1, Name: "abcdefghijklmno",
			Promiscuous: true})),
		"watch upper": encode(kindWatch, 3, appendWatch(nil, Link{Index: 8, Name: "eth0.7", Upper: true})),
		"unwatch":     encode(kindUnwatch, 3, appendSlots(nil, []uint32{7})),
		"retire":      encode(kindRetire, 4, appendSlots(nil, []uint32{0, 1, ^uint32(0)})),
		"retire most": encode(kindRetire, 5, appendSlots(nil, all)),
		"release":     encode(kindRelease, ^uint32(0), appendSlots(nil, []uint32{9})),
		"alive":       encode(kindAlive, 7, nil),
		"tell":        encode(kindTell, 8, []byte("watching lan0: 7 packets in 2 flows")),
		"reload":      encode(kindReload, 9, nil),
	}
}

// answers returns valid messages of the helper.
func answers(t testing.TB) map[string][]byte {
	setup, err := appendSetup(nil, Setup{Mode: "ebpf", Payload: []byte(`{"workers":2}`)})
	if err != nil {
		t.Fatal(err)
	}
	most, err := appendSetup(nil, Setup{Mode: strings.Repeat("m", MaxMode), Payload: make([]byte, MaxSetup)})
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"ok":         appendReply(nil, 1, nil, nil),
		"payload":    appendReply(nil, 2, nil, []byte("payload")),
		"most":       appendReply(nil, 3, nil, make([]byte, MaxPayload)),
		"error":      appendReply(nil, 4, &Error{Code: CodeFailed, Errno: unix.ENODEV, Text: "no such device"}, nil),
		"long error": appendReply(nil, 5, &Error{Code: CodeInvalid, Text: strings.Repeat("é", maxText)}, nil),
		"setup":      setup,
		"most setup": most,
	}
}

func TestRequests(t *testing.T) {
	for name, message := range requests() {
		t.Run(name, func(t *testing.T) {
			if len(message) > maxRequest {
				t.Errorf("%d bytes, %d are the most", len(message), maxRequest)
			}
			r, err := parseRequest(message, nil)
			if err != nil {
				t.Fatal(err)
			}
			var body []byte
			switch r.kind {
			case kindWatch:
				body = appendWatch(nil, r.link)
			case kindUnwatch:
				body = appendSlots(nil, []uint32{r.link.Index})
			case kindRetire, kindRelease:
				body = appendSlots(nil, r.slots)
			case kindTell:
				body = []byte(r.told)
			}
			if again := encode(r.kind, r.sequence, body); !bytes.Equal(again, message) {
				t.Errorf("%+v is written as\n% x, not\n% x", r, again, message)
			}
			for n := range message {
				if _, err := parseRequest(message[:n], nil); err == nil {
					t.Errorf("cut to %d of %d bytes it is taken", n, len(message))
				}
				if n < headerSize {
					continue
				}
				// The same with a right length in the header.
				if r, err := parseRequest(encode(message[1], 1, message[headerSize:n]), nil); err == nil &&
					r.slots == nil && r.kind != kindTell {
					t.Errorf("with a body of %d bytes it is taken", n-headerSize)
				}
			}
			if _, err := parseRequest(append(slices.Clone(message), 0), nil); err == nil {
				t.Error("it is taken with a byte too many")
			}
		})
	}
}

func TestInvalidRequests(t *testing.T) {
	watch := func(change func(body []byte)) []byte {
		body := appendWatch(nil, Link{Index: 7, Name: "eth0"})
		change(body)
		return encode(kindWatch, 1, body)
	}
	name := func(s string) []byte {
		return watch(func(b []byte) { clear(b[8:]); copy(b[8:], s) })
	}
	header := func(at int, v byte) []byte {
		b := encode(kindAlive, 1, nil)
		b[at] = v
		return b
	}
	for what, message := range map[string][]byte{
		"empty":              nil,
		"version 0":          header(0, 0),
		"version 2":          header(0, 2),
		"kind 0":             header(1, 0),
		"kind setup":         header(1, kindSetup),
		"kind reply":         header(1, kindReply),
		"kind 255":           header(1, 255),
		"reserved":           header(2, 1),
		"reserved too":       header(3, 1),
		"length":             header(8, 1),
		"huge length":        header(11, 255),
		"interface 0":        watch(func(b []byte) { binary.LittleEndian.PutUint32(b, 0) }),
		"negative interface": watch(func(b []byte) { binary.LittleEndian.PutUint32(b, 1<<31) }),
		"unknown flag":       watch(func(b []byte) { b[4] = 4 }),
		"unknown high flag":  watch(func(b []byte) { b[7] = 0x80 }),
		"no name":            name(""),
		"name without end":   name("abcdefghijklmnop"),
		"name with more":     name("eth0\x00x"),
		"name .":             name("."),
		"name ..":            name(".."),
		"path":               name("../../etc"),
		"name with colon":    name("eth0:1"),
		"name with space":    name("a b"),
		"name with newline":  name("a\nb"),
		"name with escape":   name("\x1b[2J"),
		"name not ASCII":     name("é"),
		"unwatch 0":          encode(kindUnwatch, 1, make([]byte, 4)),
		"unwatch two":        encode(kindUnwatch, 1, appendSlots(nil, []uint32{1, 2})),
		"no slots":           encode(kindRetire, 1, nil),
		"uneven slots":       encode(kindRelease, 1, make([]byte, 5)),
		"too many slots":     encode(kindRetire, 1, make([]byte, 4*MaxSlots+4)),
		"alive with more":    encode(kindAlive, 1, []byte{0}),
		"reload with more":   encode(kindReload, 1, []byte{0}),
		"told two lines":     encode(kindTell, 1, []byte("a\nREADY=1")),
		"told no UTF-8":      encode(kindTell, 1, []byte("\xff")),
		"told too much":      encode(kindTell, 1, bytes.Repeat([]byte("a"), MaxTold+1)),
	} {
		if r, err := parseRequest(message, nil); err == nil {
			t.Errorf("%s: taken as %+v", what, r)
		}
	}
}

func TestAnswers(t *testing.T) {
	for name, message := range answers(t) {
		t.Run(name, func(t *testing.T) {
			if len(message) > maxAnswer {
				t.Errorf("%d bytes, %d are the most", len(message), maxAnswer)
			}
			parse := func(b []byte) error {
				_, _, _, err := parseReply(b)
				if strings.Contains(name, "setup") {
					_, err = parseSetup(b)
				}
				return err
			}
			if err := parse(message); err != nil {
				t.Fatal(err)
			}
			for n := range message {
				if parse(message[:n]) == nil {
					t.Errorf("cut to %d of %d bytes it is taken", n, len(message))
				}
			}
			if parse(append(slices.Clone(message), 0)) == nil {
				t.Error("it is taken with a byte too many")
			}
		})
	}
	sequence, payload, refusal, err := parseReply(answers(t)["error"])
	if sequence != 4 || payload != nil || err != nil || refusal == nil || refusal.Code != CodeFailed ||
		!errors.Is(refusal, unix.ENODEV) {
		t.Errorf("%d, %q, %v, %v", sequence, payload, refusal, err)
	}
	for _, s := range []Setup{
		{}, {Mode: strings.Repeat("m", MaxMode+1)}, {Mode: "m", Payload: make([]byte, MaxSetup+1)},
		{Mode: "m", FDs: make([]int, MaxFDs+1)},
	} {
		if _, err := appendSetup(nil, s); err == nil {
			t.Errorf("mode of %d bytes, payload of %d, %d descriptors: written", len(s.Mode), len(s.Payload),
				len(s.FDs))
		}
	}
}
