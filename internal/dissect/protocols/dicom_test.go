// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from PS3.8 §9.3.2: a request with the application context and nothing more.
var dicomAssociate = tcp(104, C("\x01\x00\x00\x00\x00\x5d\x00\x01\x00\x00ARCHIVE         SCANNER         "+
	string(make([]byte, 32))+"\x10\x00\x00\x151.2.840.10008.3.1.1.1"))

func TestDICOM(t *testing.T) {
	wantProtocol(t, dicomAssociate, "dicom", `"called_title":"ARCHIVE"`, `"calling_title":"SCANNER"`)
	wantNot(t, tcp(104, C("\x01\x00\x00\x00\x00\x5d\x00\x01\x00\x00ARCHIVE         SCANNER         "+
		string(make([]byte, 32))+"\x11\x00\x00\x151.2.840.10008.3.1.1.1")), "dicom")
	testTruncations(t, "dicom", dicomAssociate, 78)
	wantNoAllocations(t, "dicom", dicomAssociate)
}

func FuzzDICOM(f *testing.F) { fuzzTalks(f, "dicom", dicomAssociate) }
