// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

func TestFTPData(t *testing.T) {
	wantProtocol(t, ftpList, "ftp-data")
	wantNot(t, tcp(20, S("drwxr-xr-x is a mode\r\n")), "ftp-data")
	testTruncations(t, "ftp-data", ftpList, 59)
	wantNoAllocations(t, "ftp-data", ftpList)
}

func FuzzFTPData(f *testing.F) { fuzzTalks(f, "ftp-data", ftpList) }
