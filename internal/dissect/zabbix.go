// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// Zabbix: a header with the length before JSON (Zabbix manual, "Header and data length").
var _ = register(Protocol{
	Name: "zabbix", Spec: "Zabbix manual, protocols: header", Category: "system",
	Over: TCP, Ports: []uint16{10050, 10051}, Start: Of('Z'), MinLength: 13, Inspect: inspectZabbix,
})

func inspectZabbix(c *Conversation, r *Result) Verdict {
	const magic, header, largeHeader, present, compressed, large = "ZBXD", 13, 21, 1, 2, 4
	b := c.First()
	if !couldBe(b, magic) {
		return No
	}
	if len(b) < largeHeader {
		if len(b) < header || !c.Last {
			return NeedMore
		}
	}
	if b[4]&present == 0 || b[4] > present|compressed|large {
		return No
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
	return Yes
}
