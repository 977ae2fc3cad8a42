// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// dicom: the upper layer's association request and its acceptance, with both application entity titles.
var dicomProtocol = &dissect.Protocol{
	Name:      "dicom",
	Spec:      "DICOM PS3.8 §9.3.2, §9.3.3",
	Category:  "health",
	Over:      dissect.TCP,
	Ports:     []uint16{104, 11112},
	Start:     dissect.BytesOf(1, 2),
	MinLength: 10,
	Members:   []string{"dicom.called_title", "dicom.calling_title"},
	Inspect:   inspectDICOM,
}

const (
	dicomFixed   = 74 // type, reserved, length; version, reserved, called and calling title (16 each), reserved (32)
	dicomTitle   = 16
	dicomLongest = 1 << 20
)

func inspectDICOM(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < dicomFixed+4 {
		return moreIf(len(b) < 10 || be32(b[2:]) < dicomLongest && be16(b[6:]) == 1)
	}
	length := be32(b[2:])
	called, calling := b[10:10+dicomTitle], b[10+dicomTitle:10+2*dicomTitle]
	if b[0] != 1 && b[0] != 2 || b[1] != 0 || length < dicomFixed-6+4 || length > dicomLongest || be16(b[6:])&1 == 0 ||
		b[8] != 0 || b[9] != 0 ||
		!isPrintable(called) || !isPrintable(calling) || b[dicomFixed] != 0x10 || b[dicomFixed+1] != 0 {
		// the application context comes first
		return dissect.No
	}
	o := r.Object("dicom")
	o.Text("called_title", bytes.TrimSpace(called))
	o.Text("calling_title", bytes.TrimSpace(calling))
	return dissect.Yes
}
