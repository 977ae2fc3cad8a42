// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// zabbix: a header with the length before JSON (Zabbix manual, "Header and data length").
var zabbixProtocol = &dissect.Protocol{
	Name: "zabbix", Spec: "Zabbix manual, protocols: header", Category: "system",
	Over: dissect.TCP, Ports: []uint16{10050, 10051}, Start: dissect.BytesOf('Z'), MinLength: 13,
	Members: []string{"zabbix.compressed", "zabbix.request"},
	Inspect: inspectZabbix,
}

// maxZabbixKey is the longest item key, as of Zabbix 6.4.
const maxZabbixKey = 2048

func inspectZabbix(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const magic, header, present, compressed, large = "ZBXD", 13, 1, 2, 4
	b := c.First()
	if !couldBe(b, magic) { // servers before 4.0 send the item's key in a line, and get an answer with a header
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok || len(rest) != 0 || !isPrintable(line) || len(line) > maxZabbixKey {
			return dissect.No
		}
		b = c.Second()
	}
	if !couldBe(b, magic) {
		return dissect.No
	}
	if len(b) < header {
		return dissect.NeedMore
	}
	if b[4]&present == 0 || b[4] > present|compressed|large || b[4] == present && le32(b[9:]) != 0 {
		return dissect.No
	}
	o := r.Object("zabbix")
	o.Bool("compressed", b[4]&compressed != 0)
	if body := b[header:]; b[4] == present {
		if _, rest, ok := bytes.Cut(body[:min(len(body), 128)], []byte(`"request":"`)); ok {
			if request, _, ok := bytes.Cut(rest, []byte(`"`)); ok {
				o.Text("request", request)
			}
		}
	}
	return dissect.Yes
}
