// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The records are built by hand after the report's figures.
var (
	wechatLong  = tcp(443, CX("16f1030004 01020304"), SX("16f1030002 0102"))
	wechatShort = tcp(80, CX("19f1040004 01020304 17f1040002 0102"))
)

func TestWeChat(t *testing.T) {
	for _, k := range []talk{wechatLong, wechatShort} {
		if h := wantProtocol(t, k, "wechat"); h.Application != "wechat" {
			t.Errorf("application %q", h.Application)
		}
		testTruncations(t, "wechat", k, 14)
		wantNoAllocations(t, "wechat", k)
	}
	wantNot(t, tcp(443, CX("16f1030004 01020304")), "wechat")
	wantNot(t, tcp(443, CX("1603010004 01020304"), SX("16f1030002 0102")), "wechat")
	wantNot(t, tcp(443, CX("19f1040004 01020304 17f1050002 0102"+strings.Repeat("00", 9))), "wechat")
}

func FuzzWeChat(f *testing.F) { fuzzTalks(f, "wechat", wechatLong, wechatShort) }
