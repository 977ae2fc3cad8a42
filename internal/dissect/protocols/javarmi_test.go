// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the Java RMI Specification §10.2.
var (
	javaRMITalk = tcp(1099, C("JRMI\x00\x02K"), S("N\x00\x09192.0.2.1\x00\x00\x80\x01"))
)

func TestJavaRMI(t *testing.T) {
	wantProtocol(t, javaRMITalk, "java-rmi")
	wantNot(t, tcp(1099, C("JRMI\x00\x02\x20")), "java-rmi")
	wantNot(t, tcp(1099, C("JRMI\x00\x07K")), "java-rmi")
	testTruncations(t, "java-rmi", javaRMITalk, 7)
	wantNoAllocations(t, "java-rmi", javaRMITalk)
}

func FuzzJavaRMI(f *testing.F) { fuzzTalks(f, "java-rmi", javaRMITalk) }
