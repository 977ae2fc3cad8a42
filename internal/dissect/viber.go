// SPDX-License-Identifier: Apache-2.0

package dissect

// viber: Viber's own protocols, which no document describes. Over TCP messages are length (2 bytes, little-endian, of the
// whole message), counter and three zero bytes; over UDP both sides begin with the same 2 bytes and give one another's
// session of 8 bytes back. Both are known by how the messages of a flow agree.
var _ = register(Protocol{
	Name:      "viber",
	Spec:      "observed",
	Category:  "messaging",
	Over:      TCP | UDP,
	Ports:     []uint16{4244, 5242, 7985, 7987},
	MinLength: 18,
	Inspect:   inspectViber,
})

const (
	viberHeader = 7
	viberLogin  = 24 // the shortest, without a session
	// viberRow is how many messages of TCP have to agree: each fixes 24 bits of zeros, and its length and counter by those before.
	viberRow = 3
	// viberMaxMessages is how many are read.
	viberMaxMessages = 8
)

func inspectViber(c *Conversation, r *Result) Verdict {
	v := NeedMore
	if c.Transport == UDP {
		v = viberDatagrams(c)
	} else if isViberLogin(c.ToServer()) {
		v = Yes
	} else if up, ok := viberMessages(c.ToServer()); !ok {
		return No
	} else if down, ok := viberMessages(c.ToClient()); !ok {
		return No
	} else if max(up, down) >= viberRow || min(up, down) >= viberRow-1 {
		v = Yes
	}
	if v == Yes {
		r.SetApplication("viber")
	}
	return v
}

// isViberLogin says whether b is a client's login and nothing more: its own length, a session, 0xfffc, a version with the highest
// bit set; 40 bits.
func isViberLogin(b []byte) bool {
	return len(b) >= viberLogin && le16(b) == len(b) && le16(b[6:]) == 0xfffc && b[9] == 0x80
}

// viberMessages counts the whole messages of a direction, whose counter goes up by one; ok is false where one contradicts.
// The first can be a login, which has another header behind its length.
func viberMessages(b []byte) (n int, ok bool) {
	counter := 0
	for i := 0; i < viberMaxMessages && len(b) >= viberHeader; i++ {
		length := le16(b)
		plain := b[3]|b[4]|b[5] == 0
		if length <= viberHeader || !plain && i > 0 || n > 0 && int(b[2]) != counter&0xff {
			return n, false
		}
		if len(b) < length {
			break
		}
		if plain {
			n++
			counter = int(b[2]) + 1
		}
		b = b[length:]
	}
	return n, true
}

// viberPairs are the types of a request and its answer, with where in each the session stands.
var viberPairs = [...]struct {
	request, answer       byte
	inRequest, inAnswer   int
	requestLen, answerLen int // 0: any
}{
	{0x01, 0x0c, 6, 6, 0, 76},
	{0x19, 0x1a, 4, 4, 34, 20},
}

// viberDatagrams looks for a request and the answer to it: 16 bits of prefix and 64 of session have to be the same.
func viberDatagrams(c *Conversation) Verdict {
	const shortest = 20
	for i := range c.Datagrams {
		for j := range c.Datagrams {
			q, a := &c.Datagrams[i], &c.Datagrams[j]
			if q.FromClient == a.FromClient || min(len(q.Payload), len(a.Payload)) < shortest || string(q.Payload[:2]) != string(a.Payload[:2]) {
				continue
			}
			for _, p := range viberPairs {
				if q.Payload[2] == p.request && a.Payload[2] == p.answer && q.Payload[3] == 0 && a.Payload[3] == 0 &&
					(p.requestLen == 0 || q.Length == p.requestLen) && a.Length == p.answerLen &&
					string(q.Payload[p.inRequest:p.inRequest+8]) == string(a.Payload[p.inAnswer:p.inAnswer+8]) {
					return Yes
				}
			}
		}
	}
	return NeedMore
}
