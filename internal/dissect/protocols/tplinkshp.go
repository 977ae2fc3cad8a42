// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// tp-link-shp: TP-Link's smart home protocol: JSON whose bytes are each XORed with the byte before. Over TCP the length
// comes first. The layout follows public descriptions.
var tpLinkSHPProtocol = &dissect.Protocol{
	Name:      "tp-link-shp",
	Spec:      "TP-Link Smart Home Protocol as publicly described",
	Category:  "iot",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{9999},
	Start:     dissect.BytesOf(0, tplinkKey^'{'),
	MinLength: tplinkLeast,
	Members: []string{"tp_link_shp.alias", "tp_link_shp.device_id", "tp_link_shp.model",
		"tp_link_shp.software_version"},
	Inspect: inspectTPLink,
}

const (
	tplinkKey   = 171
	tplinkLeast = 8
	// tplinkEnough printable bytes are distinctive without the object's end: 1.4 bits each.
	tplinkEnough = 64
	tplinkText   = 1024 // bytes of text read: the device's description fits
)

func inspectTPLink(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var text [tplinkText]byte
	asked, verdict := tplinkMessage(c, c.First(), text[:0])
	if verdict != dissect.Yes {
		return verdict
	}
	var answerText [tplinkText]byte
	answer, verdict := tplinkMessage(c, otherSide(c), answerText[:0])
	if verdict != dissect.Yes {
		answer = asked // a device that announces itself
	}
	o := r.Object("tp_link_shp")
	o.Text("model", jsonText(answer, "model"))
	o.Text("alias", jsonText(answer, "alias"))
	o.Text("device_id", jsonText(answer, "deviceId"))
	o.Text("software_version", jsonText(answer, "sw_ver"))
	if verdict == dissect.Yes {
		return dissect.Yes
	}
	return dissect.YesMore
}

// tplinkMessage reads one side's message into text.
func tplinkMessage(c *dissect.Conversation, b, text []byte) ([]byte, dissect.Verdict) {
	if c.Transport == dissect.TCP {
		if len(b) < 4+tplinkLeast {
			return nil, moreIf(len(b) == 0 || b[0] == 0)
		}
		if n := be32(b); n < tplinkLeast || n > dissect.MaxStream {
			return nil, dissect.No
		}
		b = b[4:min(len(b), 4+be32(b))]
	}
	plain, ok := tplinkDecode(text, b)
	if !ok || len(plain) < tplinkEnough && plain[len(plain)-1] != '}' {
		return nil, moreIf(ok && c.Transport == dissect.TCP)
	}
	return plain, dissect.Yes
}

// tplinkDecode appends the text to plain, up to its capacity, and reports whether it begins as a JSON object and is
// printable.
func tplinkDecode(plain, b []byte) ([]byte, bool) {
	key := byte(tplinkKey)
	for _, v := range b[:min(len(b), cap(plain))] {
		c := v ^ key
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			return nil, false
		}
		plain = append(plain, c)
		key = v
	}
	return plain, len(plain) >= tplinkLeast && plain[0] == '{' && (plain[1] == '"' || plain[1] == '\n' &&
		plain[2] == '\t')
}
