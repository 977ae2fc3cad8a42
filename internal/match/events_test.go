// SPDX-License-Identifier: Apache-2.0

package match

import (
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/filter"
)

func TestCheckEvents(t *testing.T) {
	for text, lacks := range map[string]string{
		"":                             "",
		"proto:dns host:*.example.org": "",
		"device:@tv OR ip:10.0.0.0/8 OR net:\"\"": "",
		"youtube":                           "", // by its host
		"NOT youtube":                       "",
		"port>1024 transport:udp":           "",
		"app:youtube":                       "app",
		"app:\"\" OR host:a.example":        "app",
		"app!=youtube OR host:a.example":    "app",
		"app:a OR category:b":               "category",
		"host:a.example retransmits>0":      "retransmits",
		"NOT (host:a.example country:DE)":   "country",
		"(app:a bytes>1) OR host:a.example": "app",
		"rtt<1s":                            "rtt",
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		err = CheckEvents(e)
		isRefused := err != nil && strings.HasPrefix(err.Error(), lacks+" is known")
		if lacks == "" && err != nil || lacks != "" && !isRefused {
			t.Errorf("%s: %v, want %q", text, err, lacks)
		}
	}
	// Each field is either one of events', or refused.
	for _, f := range filter.Fields() {
		err := CheckEvents(filter.Compare{Field: f, Value: "x"})
		if ofEvents[f] != (err == nil) {
			t.Errorf("%s: %v", f, err)
		}
	}
}
