// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"crypto/md5"
	"encoding/hex"
	"testing"
)

// sshKexInit builds SSH_MSG_KEXINIT (RFC 4253 §7.1) of ten name-lists.
func sshKexInit(lists ...string) []byte {
	b := append([]byte{0, 0, 0, 0, 4, 20}, make([]byte, 16)...)
	for _, l := range lists {
		b = append(b, 0, 0, byte(len(l)>>8), byte(len(l)))
		b = append(b, l...)
	}
	b = append(b, make([]byte, 5+4)...)
	b[2], b[3] = byte((len(b)-4)>>8), byte(len(b)-4)
	return b
}

var sshLogin = tcp(22,
	S("SSH-2.0-OpenSSH_9.6\r\n"), C("SSH-2.0-billsSSH_3.6.3q3\r\n"),
	C(sshKexInit("kex", "host", "c1", "c2", "m1", "m2", "z1", "z2", "", "")),
	S(sshKexInit("kex", "host", "c1", "c2", "m1", "m2", "z1", "z2", "", "")))

func TestSSH(t *testing.T) {
	sum := func(s string) string { d := md5.Sum([]byte(s)); return hex.EncodeToString(d[:]) }
	wantProtocol(t, sshLogin, "ssh", `"client_version":"SSH-2.0-billsSSH_3.6.3q3"`,
		`"server_version":"SSH-2.0-OpenSSH_9.6"`,
		`"hassh":"`+sum("kex;c1;m1;z1")+`"`, `"hassh_server":"`+sum("kex;c2;m2;z2")+`"`)
	wantProtocol(t, tcp(443, S("Welcome\r\nto this host\r\nSSH-1.99-x\r\n"), C("SSH-2.0-a\n")), "ssh",
		`"client_version":"SSH-2.0-a"`)
	if h := wantProtocol(t, tcp(22, S("SSH-1.5-old\n")), "ssh"); len(h.Risks) != 1 {
		t.Errorf("risks %v", h.Risks)
	}
	wantNot(t, tcp(22, S("SSHD ready\r\n")), "ssh")
	wantNot(t, tcp(22, C("SSH-9.0-x\r\n")), "ssh")
	wantNot(t, tcp(22, S("220 ftp.example\r\n"), C("USER a\r\n")), "ssh")
	testTruncations(t, "ssh", sshLogin, 20)
	wantNoAllocations(t, "ssh", sshLogin)
}

func FuzzSSH(f *testing.F) { fuzzTalks(f, "ssh", sshLogin) }
