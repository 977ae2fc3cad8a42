// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// moreIf is NeedMore while the protocol is possible, No otherwise.
func moreIf(possible bool) dissect.Verdict {
	if possible {
		return dissect.NeedMore
	}
	return dissect.No
}

// verdictIf is Yes if ok, else No.
func verdictIf(ok bool) dissect.Verdict {
	if ok {
		return dissect.Yes
	}
	return dissect.No
}

// moreOrYes is YesMore while more can come.
func moreOrYes(more bool) dissect.Verdict {
	if more {
		return dissect.YesMore
	}
	return dissect.Yes
}
