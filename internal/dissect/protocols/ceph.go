// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ceph: the banners of messenger versions 1 and 2.
var cephProtocol = &dissect.Protocol{
	Name:      "ceph",
	Spec:      "Ceph documentation, msgr v1 \"Banner\", msgr2 \"Banner\"",
	Category:  "storage",
	Over:      dissect.TCP,
	Ports:     []uint16{3300, 6789},
	Start:     dissect.FirstBytes("ceph"),
	MinLength: len(ceph2),
	Members:   []string{"ceph.version"},
	Inspect:   inspectCeph,
}

const (
	ceph1 = "ceph v027"
	ceph2 = "ceph v2\n" // then the length of the features and the features, 8 bytes each of supported and required
)

func inspectCeph(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	switch b := c.First(); {
	case hasPrefix(b, ceph1):
		r.Object("ceph").Int("version", 1)
		return dissect.Yes
	case hasPrefix(b, ceph2):
		r.Object("ceph").Int("version", 2)
		return dissect.Yes
	default:
		return moreIf(couldBe(b, ceph1))
	}
}
